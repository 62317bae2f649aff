/**
 * Projection: the queryable copy, rebuilt from event log and ledger at any time. It finds events; what is served as
 * verified is always checked again against the ledger. Contract: ports/projection.contract.ts, run over every engine.
 */
import type { Batch, BatchRef } from "../model/batch.ts";

/** Bounds of one call; above them a call is refused, never cut short in silence. */
export const PROJECTION_LIMITS = {
  /** Events, batches or incidents of one answer. */
  pageMax: 1_000,
  /** Facets of one filter, and records of one look at derivations. */
  facetsMax: 1_000,
  /** Derivations of one answer. */
  derivationsMax: 10_000,
  /** Tokens of one closure; a larger one is cut to the nearest, as nobody is that many people. */
  closureMax: 1_000,
  countMax: 100_000,
} as const;

/**
 * What a trace event can be found by. `record`: touched it; `trace`-like records are records too. `system`: it is a
 * statement about what that system sent.
 */
export type FacetKind = "record" | "agent" | "subject" | "recipient" | "system";

export interface Facet {
  readonly kind: FacetKind;
  readonly value: string;
}

/** One precomputed lineage edge: `to` was derived from `from` by this event. Neither is ever a subject. */
export interface Derivation {
  readonly from: string;
  readonly to: string;
  /** PROV relation. */
  readonly relation: "wasDerivedFrom" | "wasRevisionOf" | "wasQuotedFrom";
}

export interface ProjectedEvent {
  readonly id: string;
  /** Leaf index in its batch. */
  readonly index: number;
  readonly offset: number;
  /** Canonical bytes, as the log holds them. */
  readonly bytes: Uint8Array;
  readonly institution: string;
  readonly recipients: readonly string[];
  /** UTC time that answers are sorted by: occurred, else recorded. */
  readonly at: string;
  readonly facets: readonly Facet[];
  readonly derivations: readonly Derivation[];
  /** Pairs of subject tokens that it says are one person. */
  readonly joins: readonly (readonly [string, string])[];
}

export interface Incident {
  /** `root-mismatch`, `range-unreadable`, `conflict` (same id, other source bytes), `unreadable-event`. */
  readonly kind: "root-mismatch" | "range-unreadable" | "conflict" | "unreadable-event";
  readonly batch: BatchRef;
  /** In words, without clear patient data. */
  readonly detail: string;
}

export interface ProjectedBatch {
  readonly owner: string;
  readonly batch: Batch;
  readonly transaction: string;
  /** False where the log's range does not give the ledger's root: its events are not applied. */
  readonly verified: boolean;
  /** All hashes of the batch's tree, level by level from the leaves, 32 bytes each; empty where not verified. */
  readonly tree: Uint8Array;
  readonly events: readonly ProjectedEvent[];
  readonly incidents: readonly Incident[];
}

export interface BlockUpdate {
  readonly number: number;
  readonly hash: string;
  readonly batches: readonly ProjectedBatch[];
}

/** Where the projector stands: the last block that was applied. */
export interface Checkpoint {
  readonly block: number;
  readonly hash: string;
}

export interface StoredEvent {
  /** Order of application over the whole projection, from 0; the cursor's tie-break. */
  readonly seq: number;
  readonly id: string;
  readonly ref: BatchRef;
  readonly index: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly at: string;
}

export interface StoredBatch {
  readonly owner: string;
  readonly batch: Batch;
  readonly transaction: string;
  readonly block: number;
  readonly verified: boolean;
  /** Events of it that were already there under the same id. */
  readonly duplicates: number;
}

export interface EventFilter {
  /** Any of these facets; none named: every event. */
  readonly facets: readonly Facet[];
  /** Institution whose view this is: events that it produced, or that name it as recipient. Absent: all. */
  readonly viewer?: string;
  /** UTC, inclusive. */
  readonly from?: string;
  /** UTC, exclusive. */
  readonly to?: string;
  /** Only events of blocks up to this one. */
  readonly blockMax?: number;
  readonly order: "oldest-first" | "newest-first";
  /** Continue after this place. */
  readonly after?: { readonly at: string; readonly seq: number };
  readonly limit: number;
}

export interface EventPage {
  readonly events: readonly StoredEvent[];
  /** Whether more would follow. */
  readonly more: boolean;
}

export interface StoredDerivation extends Derivation {
  readonly event: string;
  readonly institution: string;
  readonly recipients: readonly string[];
}

export interface ProjectionCounts {
  readonly events: number;
  readonly batches: number;
  /** Records of all batches, those that could not be verified too. */
  readonly leaves: number;
  readonly duplicates: number;
  readonly incidents: number;
}

/** That two tokens are one person, and the event that says so. */
export interface StoredJoin {
  readonly other: string;
  readonly event: string;
}

export interface Projection extends AsyncDisposable {
  checkpoint(): Promise<Checkpoint | undefined>;

  /**
   * Applies one block: batches, events, edges, incidents and the checkpoint, all or nothing. An event whose id is
   * already there is counted as its batch's duplicate; where its source digest differs (`conflicts` tells), an
   * incident is recorded. A block at or below the checkpoint MUST be a no-op.
   *
   * Durable against the death of the process, not against a power cut: it can be rebuilt.
   *
   * @throws MedtraceError INTEGRITY when the block is not the one after the checkpoint (0 where there is none), or
   * holds a batch that is already there; INPUT_INVALID when an event's id or time is not of its form.
   */
  apply(update: BlockUpdate): Promise<void>;

  event(id: string): Promise<StoredEvent | undefined>;
  /** Stored events of these ids; those not there are left out. */
  events(ids: readonly string[]): Promise<readonly StoredEvent[]>;
  /**
   * One page of the events that match, each once, by (`at`, `seq`). Pages that follow one another's last place give
   * every event that was there when the first was read once, whatever is applied meanwhile.
   *
   * @throws MedtraceError INPUT_INVALID over {@link PROJECTION_LIMITS}, or where a time cannot be read.
   */
  find(filter: EventFilter): Promise<EventPage>;
  /** Events in order of application from `seq` on, at most `limit`: for those who follow what is new. */
  applied(seq: number, limit: number): Promise<readonly StoredEvent[]>;
  /** How many events the filter matches, counting at most `countMax`. */
  count(filter: Omit<EventFilter, "order" | "after" | "limit">, countMax: number): Promise<number>;

  batch(ref: BatchRef): Promise<StoredBatch | undefined>;
  /** Batches of one stream, newest first, with sequence below `before` where given. */
  batches(owner: string, stream: string, limit: number, before?: number): Promise<readonly StoredBatch[]>;
  /** The tree hashes of a batch, as {@link ProjectedBatch.tree}. */
  tree(ref: BatchRef): Promise<Uint8Array | undefined>;

  /**
   * Derivations that start (`down`) or end (`up`) at any of these records, each once, in order of application, at most
   * `limit`.
   */
  derivations(
    records: readonly string[],
    direction: "up" | "down",
    limit: number,
  ): Promise<readonly StoredDerivation[]>;

  /** Every token joined to this one, directly or over others, with itself; sorted, at most `closureMax`. */
  subjectClosure(token: string): Promise<readonly string[]>;

  /** Tokens joined directly to this one, each with the first event that says so; by token, at most `closureMax`. */
  joins(token: string): Promise<readonly StoredJoin[]>;

  /** Newest first. */
  incidents(limit: number): Promise<readonly (Incident & { readonly block: number })[]>;
  counts(): Promise<ProjectionCounts>;

  /**
   * Every row of the content, as one line of text each, as of one moment and in an order that depends on the content
   * alone: the lines of projection-content.ts, in its order. Two engines that applied the same blocks give the same.
   *
   * @throws MedtraceError INTEGRITY where the stored rows cannot be read.
   */
  content(): AsyncIterable<string>;

  /** Drops everything, the checkpoint too. */
  reset(): Promise<void>;
  ping(): Promise<void>;
}

/** What makes its holder the only projector of a projection, until it is disposed or its process dies. */
export interface ProjectorLock extends AsyncDisposable {
  /**
   * Grows with every holder: an engine whose lock can be lost while its holder lives refuses to apply blocks for one whose
   * term is over. 0 where the lock cannot be lost.
   */
  readonly term: number;
}
