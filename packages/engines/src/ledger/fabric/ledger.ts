/** The ledger on a Hyperledger Fabric channel, by the gateway service of its peers. */
import { MedtraceError } from "@medtrace/shared/errors";
import { type Batch, type BatchRef, batchFaults } from "@medtrace/shared/model/batch";
import type { LedgerProof } from "@medtrace/shared/model/evidence";
import type { Anchor, Ledger, LedgerBlock, StreamHead } from "@medtrace/shared/ports/ledger";
import { type FabricAddress, parseFabricUrl } from "./address.ts";
import { Anchoring } from "./anchoring.ts";
import { checkChannel } from "./check.ts";
import { type FabricSettings, fabricSettings } from "./config.ts";
import { type FollowedBlock, followRawBlocks } from "./follow.ts";
import { readIdentity, readTlsCa, type SigningIdentity } from "./identity.ts";
import { Lanes } from "./lanes.ts";
import { Peer, Peers } from "./peers.ts";
import { proveBatches } from "./prove.ts";
import { Reads, trustText } from "./reads.ts";

const PENDING_MAX = 10_000;

export interface FabricLedgerOptions {
  /** MSP id that batches are anchored as. */
  readonly owner: string;
  /** By default those of the environment. */
  readonly settings?: FabricSettings;
}

export class FabricLedger implements Ledger {
  readonly owner: string;
  readonly address: FabricAddress;
  readonly #peers: Peers;
  readonly #reads: Reads;
  readonly #anchoring: Anchoring;
  readonly #lanes = new Lanes(PENDING_MAX);
  readonly #closing = new AbortController();
  readonly #busy: Set<Promise<unknown>> = new Set();
  #closed: Promise<void> | undefined;

  private constructor(address: FabricAddress, peers: Peers, signing: SigningIdentity) {
    this.owner = signing.identity.mspId;
    this.address = address;
    this.#peers = peers;
    this.#reads = new Reads(peers, address);
    this.#anchoring = new Anchoring({
      peers,
      channel: address.channel,
      signing,
      readEntry: ({ stream, sequence }) => this.#reads.batch({ owner: this.owner, stream, sequence }),
    });
  }

  /**
   * Opens a channel by `fabric://host:port[,host:port…]/channel/chaincode`. Peers are connected to when they are
   * needed.
   *
   * @throws MedtraceError CONFIGURATION
   */
  static async open(url: string, { owner, settings }: FabricLedgerOptions): Promise<FabricLedger> {
    const address = parseFabricUrl(url);
    const { identities, tlsCa, limits } = settings ?? fabricSettings();
    const [ca, signing] = [await readTlsCa(tlsCa), await readIdentity(identities, owner)];
    const peers = address.peers.map((peer) => new Peer(peer, address, ca, signing));
    return new FabricLedger(address, new Peers(peers, limits), signing);
  }

  async anchorBatch(batch: Batch): Promise<Anchor> {
    return this.#use(async () => {
      const faults = batchFaults(batch);
      if (faults.length > 0) throw new MedtraceError("LEDGER_REFUSED", `not a batch: ${faults.join("; ")}`);
      const mine = { ...batch };
      // Two transactions of one stream at one time would conflict; one after another they do not.
      return this.#lanes.run(mine.stream, () => this.#anchoring.anchor(mine));
    });
  }

  async readBatch(ref: BatchRef): Promise<Batch | undefined> {
    return this.#use(async () => (await this.#reads.batch(ref))?.batch);
  }

  async readHead(owner: string, stream: string): Promise<StreamHead | undefined> {
    return this.#use(async () => {
      const entry = await this.#reads.head(owner, stream);
      return entry === undefined ? undefined : { owner, stream, batch: entry.batch };
    });
  }

  async listStreams(): Promise<readonly StreamHead[]> {
    return this.#use(async () =>
      (await this.#reads.heads()).map(({ owner, batch }) => ({ owner, stream: batch.stream, batch })),
    );
  }

  async height(): Promise<number> {
    return this.#use(() => this.#reads.height());
  }

  async *blocks(number: number, signal: AbortSignal): AsyncGenerator<LedgerBlock> {
    for await (const { block } of this.rawBlocks(number, signal)) yield block;
  }

  /** As {@link blocks}, with what the peer gave. */
  async *rawBlocks(number: number, signal: AbortSignal): AsyncGenerator<FollowedBlock> {
    this.#refuseClosed();
    if (!Number.isSafeInteger(number) || number < 0) {
      throw new MedtraceError("INPUT_INVALID", "blocks are numbered 0, 1, 2 and so on");
    }
    const until = AbortSignal.any([signal, this.#closing.signal]);
    yield* followRawBlocks(this.#peers, this.address.chaincode, number, until);
    if (!signal.aborted) this.#refuseClosed();
  }

  async prove(refs: readonly BatchRef[]): Promise<LedgerProof> {
    return this.#use(() => proveBatches(this.#reads, refs));
  }

  /** Channel, chaincode and the CA certificates of the channel's organisations, as canonical JSON (FabricTrust). */
  async trustAnchor(): Promise<string> {
    return this.#use(async () => trustText(await this.#reads.trust()));
  }

  async *check(signal: AbortSignal): AsyncGenerator<string> {
    this.#refuseClosed();
    const until = AbortSignal.any([signal, this.#closing.signal]);
    yield* checkChannel(this.#peers, this.#reads, this.address, until);
  }

  async ping(): Promise<void> {
    await this.height();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new MedtraceError("LEDGER_UNAVAILABLE", "this ledger was closed"));
    this.#closed ??= this.#drain().then(() => this.#peers.close());
    await this.#closed;
  }

  async #drain(): Promise<void> {
    while (this.#busy.size > 0) await Promise.allSettled(this.#busy);
  }

  async #use<T>(action: () => Promise<T>): Promise<T> {
    this.#refuseClosed();
    const running = action();
    this.#busy.add(running);
    try {
      return await running;
    } finally {
      this.#busy.delete(running);
    }
  }

  #refuseClosed(): void {
    if (this.#closing.signal.aborted) throw new MedtraceError("LEDGER_UNAVAILABLE", "this ledger was closed");
  }
}
