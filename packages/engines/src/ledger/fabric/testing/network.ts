/** The running network that fault tests end processes of, and connections that go wrong as a test wants. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Signer } from "@hyperledger/fabric-gateway";
import { type FabricAddress, parseFabricUrl } from "../address.ts";
import { Anchoring } from "../anchoring.ts";
import { type FabricLimits, fabricSettings } from "../config.ts";
import { readIdentity, readTlsCa } from "../identity.ts";
import { Peer, Peers } from "../peers.ts";
import { Reads } from "../reads.ts";

const RESTART = new URL("../../../../../../infra/fabric/restart.sh", import.meta.url).pathname;

/** Ends a process of the network as a power cut does, and starts it again. */
export async function killAndRestart(name: string): Promise<void> {
  await promisify(execFile)("bash", [RESTART, "--kill", name]);
}

/** Ends a process of the network; the result starts it again. */
export async function kill(name: string): Promise<() => Promise<void>> {
  await promisify(execFile)("bash", [RESTART, "--kill", "--only", name]);
  return async () => {
    await promisify(execFile)("bash", [RESTART, name]);
  };
}

export interface Watched extends Disposable {
  readonly anchoring: Anchoring;
}

/** A way onto the channel by these peers; `beforeSigning` is told how often something was signed, before it is again. */
export async function watchedAnchoring(
  url: string,
  owner: string,
  peers: readonly string[],
  limits: Partial<FabricLimits>,
  beforeSigning: (count: number) => void,
): Promise<Watched> {
  const address: FabricAddress = { ...parseFabricUrl(url), peers };
  const settings = fabricSettings();
  const [tlsCa, { identity, signer: inner }] = [
    await readTlsCa(settings.tlsCa),
    await readIdentity(settings.identities, owner),
  ];
  let count = 0;
  const signer: Signer = async (digest) => {
    beforeSigning(count++);
    return inner(digest);
  };
  const signing = { identity, signer };
  const connected = address.peers.map((peer) => new Peer(peer, address, tlsCa, signing));
  const all = new Peers(connected, { ...settings.limits, ...limits });
  const reads = new Reads(all, address);
  const anchoring = new Anchoring({
    peers: all,
    channel: address.channel,
    signing,
    readEntry: ({ stream, sequence }) => reads.batch({ owner, stream, sequence }),
  });
  return { anchoring, [Symbol.dispose]: () => all.close() };
}
