/**
 * What a host gives the contract: a world state of bytes by key, and who is asking. Fabric's stub and the embedded
 * ledger both fit behind it. Everything here is the same on every peer, or the peers could not agree.
 */
import type { Batch } from "@medtrace/shared/model/batch";

/** Reading the world state as last committed. */
export interface QueryContext {
  /** Value of a key, or undefined where it was never written. */
  getState(key: string): Promise<Uint8Array | undefined>;
  /** Entries whose key starts with `prefix`, by key in code unit order. */
  list(prefix: string): AsyncIterable<StateEntry>;
}

export interface StateEntry {
  readonly key: string;
  readonly value: Uint8Array;
}

/**
 * One transaction: everything it writes is committed together, or nothing is. It reads single keys only: a host tells
 * by them whether another transaction came between.
 */
export interface SubmitContext {
  /** MSP id of the submitter, as the host authenticated it. */
  readonly submitter: string;
  readonly transaction: string;
  getState(key: string): Promise<Uint8Array | undefined>;
  putState(key: string, value: Uint8Array): Promise<void>;
  /** Tells whoever follows the ledger, once committed. At most once in a transaction. */
  emit(event: BatchAnchored): void;
}

export interface BatchAnchored {
  readonly name: "BatchAnchored";
  readonly owner: string;
  readonly batch: Batch;
}
