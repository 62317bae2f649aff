/** Where a Fabric channel is, as its URL says it. */
import { MedtraceError } from "@medtrace/shared/errors";

export interface FabricAddress {
  /** `host:port` of gateway peers, in order of preference. */
  readonly peers: readonly string[];
  readonly channel: string;
  readonly chaincode: string;
}

const PEERS_MAX = 32;
const PEER = /^[A-Za-z0-9._-]+:([1-9]\d{0,4})$/;
/** Fabric's own rules for the names of channels and chaincodes. */
const PATTERN = /^fabric:\/\/([^/]+)\/([a-z][a-z0-9.-]{0,248})\/([a-zA-Z0-9]+(?:[-_][a-zA-Z0-9]+)*)$/;

/**
 * Reads `fabric://host:port[,host:port…]/channel/chaincode`.
 *
 * @throws MedtraceError CONFIGURATION
 */
export function parseFabricUrl(url: string): FabricAddress {
  const [, hosts = "", channel = "", chaincode = ""] = PATTERN.exec(url) ?? [];
  const peers = hosts.split(",");
  if (peers.length > PEERS_MAX || !peers.every((peer) => Number(PEER.exec(peer)?.[1] ?? 65_536) < 65_536)) {
    throw new MedtraceError("CONFIGURATION", "no Fabric channel can be reached by this URL", {
      at: "LEDGER_URL",
      hint: "fabric://host:port,host:port/channel/chaincode, with the port of each gateway peer",
    });
  }
  return { peers, channel, chaincode };
}
