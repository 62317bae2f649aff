/** What is read of the channel: the contract's queries, and Fabric's own of its blocks and settings. */
import { common } from "@hyperledger/fabric-protos";
import type { Entry, OwnedEntry } from "@medtrace/chaincode/contract";
import { MedtraceError } from "@medtrace/shared/errors";
import { type BatchRef, OWNER_PATTERN, STREAM_PATTERN } from "@medtrace/shared/model/batch";
import { type Bytes, fromUtf8 } from "@medtrace/shared/model/bytes";
import { canonicalText, type Json } from "@medtrace/shared/model/canonical";
import type { FabricTrust } from "@medtrace/shared/model/evidence";
import type { FabricAddress } from "./address.ts";
import { membersSince } from "./membership.ts";
import type { Peers } from "./peers.ts";

export class Reads {
  readonly #peers: Peers;
  readonly #address: FabricAddress;

  constructor(peers: Peers, address: FabricAddress) {
    this.#peers = peers;
    this.#address = address;
  }

  /** A batch with the transaction that anchored it. */
  async batch(ref: BatchRef): Promise<Entry | undefined> {
    if (!isRef(ref)) return undefined;
    return this.#query<Entry>("readBatch", [ref.owner, ref.stream, `${ref.sequence}`]);
  }

  async head(owner: string, stream: string): Promise<Entry | undefined> {
    return isRef({ owner, stream, sequence: 0 }) ? this.#query<Entry>("readHead", [owner, stream]) : undefined;
  }

  async heads(): Promise<readonly OwnedEntry[]> {
    return (await this.#query<OwnedEntry[]>("listStreams", [])) ?? [];
  }

  async height(): Promise<number> {
    return this.#peers.call("asking for the height", (peer) => peer.height(this.#peers.limits.endorse_ms_max));
  }

  /** The processed transaction of this id (qscc), protobuf. */
  async transaction(id: string): Promise<Bytes> {
    return this.#system("qscc", "GetTransactionByID", [this.#address.channel, id]);
  }

  /** A read of a batch that organisations endorsed and nobody submits: a gateway.PreparedTransaction, protobuf. */
  async endorsedBatch({ owner, stream, sequence }: BatchRef): Promise<Bytes> {
    const proposalArguments = [owner, stream, `${sequence}`];
    return this.#peers.call("endorsing a read", async (peer) => {
      const proposal = peer.contract.newProposal("readBatch", { arguments: proposalArguments });
      return (await proposal.endorse({ deadline: this.#deadline() })).getBytes();
    });
  }

  /** The organisations of the channel by its present configuration. @throws MedtraceError INTEGRITY */
  async trust(): Promise<FabricTrust> {
    const { channel, chaincode } = this.#address;
    const newest = common.Block.deserializeBinary(await this.#system("cscc", "GetConfigBlock", [channel]));
    const organisations = await membersSince(newest, async (number) =>
      common.Block.deserializeBinary(await this.#system("qscc", "GetBlockByNumber", [channel, `${number}`])),
    );
    if (Object.keys(organisations).length > 0) return { channel, chaincode, organisations };
    throw new MedtraceError("INTEGRITY", `channel ${channel} names no organisations`);
  }

  async #query<T>(name: string, args: readonly string[]): Promise<T | undefined> {
    return this.#peers.call(`asking ${name}`, async (peer) => {
      const proposal = peer.contract.newProposal(name, { arguments: [...args] });
      const payload = await proposal.evaluate({ deadline: this.#deadline() });
      return payload.length === 0 ? undefined : (JSON.parse(fromUtf8(payload)) as T);
    });
  }

  async #system(chaincode: string, name: string, args: readonly string[]): Promise<Bytes> {
    return this.#peers.call(`asking ${name}`, (peer) => {
      const proposal = peer.network.getContract(chaincode).newProposal(name, { arguments: [...args] });
      return proposal.evaluate({ deadline: this.#deadline() });
    });
  }

  #deadline(): number {
    return Date.now() + this.#peers.limits.endorse_ms_max;
  }
}

/** The trust anchor as text. */
export function trustText(trust: FabricTrust): string {
  return canonicalText(trust as unknown as Json);
}

function isRef({ owner, stream, sequence }: BatchRef): boolean {
  const named = OWNER_PATTERN.test(owner) && STREAM_PATTERN.test(stream);
  return named && Number.isSafeInteger(sequence) && sequence >= 0;
}
