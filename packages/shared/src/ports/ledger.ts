/**
 * Ledger: what the institutions run together. It records batches, one stream after another, and its word can be
 * checked offline. Contract: ports/ledger.contract.ts, run over every engine.
 */
import type { Batch, BatchRef } from "../model/batch.ts";
import type { LedgerProof } from "../model/evidence.ts";

export interface StreamHead {
  readonly owner: string;
  readonly stream: string;
  /** The last batch of the stream. */
  readonly batch: Batch;
}

/** Where a batch stands on the ledger. */
export interface Anchor extends BatchRef {
  readonly transaction: string;
  readonly block: number;
}

export interface LedgerTransaction {
  readonly id: string;
  /** The batch it anchored, with its owner; undefined where it did something else or was not valid. */
  readonly anchored: { readonly owner: string; readonly batch: Batch } | undefined;
}

export interface LedgerBlock {
  readonly number: number;
  /** Hash of the block before, hex; 64 zeros for block 0. */
  readonly previous: string;
  /** Hash of this block, hex. */
  readonly hash: string;
  readonly transactions: readonly LedgerTransaction[];
}

export interface Ledger extends AsyncDisposable {
  /** MSP id that this connection submits as; the owner of every batch it anchors. */
  readonly owner: string;

  /**
   * Anchors a batch; resolves once it is committed as valid. The same batch again MUST resolve with its first anchor
   * and write nothing.
   *
   * @throws MedtraceError LEDGER_REFUSED (bad shape; first is not the head's end: the message names the head),
   * LEDGER_CONFLICT (re-read the head), LEDGER_UNKNOWN (it may yet commit: anchor the same batch again, or read it),
   * LEDGER_UNAVAILABLE (nothing was sent), STORAGE_FAILED (nothing was written: a full disk), BUSY (too many wait).
   */
  anchorBatch(batch: Batch): Promise<Anchor>;

  readBatch(ref: BatchRef): Promise<Batch | undefined>;

  readHead(owner: string, stream: string): Promise<StreamHead | undefined>;

  /** Every stream's head, by owner, then stream. */
  listStreams(): Promise<readonly StreamHead[]>;

  /** How many blocks there are: the next block's number. */
  height(): Promise<number>;

  /**
   * Blocks from `number` on, each once, in order, waiting for new ones until the signal aborts.
   *
   * @throws MedtraceError INTEGRITY when a block is not the one that the next names as previous.
   */
  blocks(number: number, signal: AbortSignal): AsyncIterable<LedgerBlock>;

  /**
   * What makes the ledger's word on these batches checkable offline.
   *
   * @throws MedtraceError NOT_FOUND for a batch that is not anchored.
   */
  prove(refs: readonly BatchRef[]): Promise<LedgerProof>;

  /** What a reader must trust beforehand to check {@link prove}: a checkpoint vkey, or CA certificates. */
  trustAnchor(): Promise<string>;

  /** Every fault found in the ledger's own chain and state, in words; empty where it is sound. */
  check(signal: AbortSignal): AsyncIterable<string>;

  /** Rejects when the ledger cannot be reached. */
  ping(): Promise<void>;
}
