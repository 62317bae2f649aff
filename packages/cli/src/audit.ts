/**
 * Audit of a ledger by whoever supervises the institutions on it: block by block from the first, every stream as the
 * blocks make it, beside the heads that the world state holds, and beside the records where their log can be read.
 */
import type { AuditedBlock, LedgerAudit } from "@medtrace/engines/ledger/audit";
import { hasCode } from "@medtrace/shared/errors";
import { rangeLeaves } from "@medtrace/shared/log-range";
import { type Batch, batchHash, batchId, NO_BATCH, partitionOf } from "@medtrace/shared/model/batch";
import { hex } from "@medtrace/shared/model/bytes";
import { merkleRoot } from "@medtrace/shared/model/merkle";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { StreamHead } from "@medtrace/shared/ports/ledger";

export type AuditPart = "block" | "stream" | "world state" | "records";

export interface AuditFinding {
  readonly part: AuditPart;
  /** Where it shows: a block, a batch or a stream. */
  readonly at: string;
  readonly what: string;
}

export interface StreamReport {
  readonly institution: string;
  readonly stream: string;
  readonly batches: number;
  /** Records that the batches count. */
  readonly records: number;
  /** First log offset that is anchored, and one past the last. */
  readonly first: number;
  readonly end: number;
  readonly firstBlock: number;
  readonly lastBlock: number;
  /** Hash of the last batch. */
  readonly head: string;
  /** True where every batch was recomputed from the records of the log. */
  readonly recordsRead: boolean;
  readonly findings: number;
}

export interface AuditReport {
  readonly blocks: number;
  /** Hash of block 0 and of the last block: to compare with what other institutions have. */
  readonly firstHash: string;
  readonly lastHash: string;
  readonly batches: number;
  /** Institutions that endorse, where the ledger says which. */
  readonly institutions: readonly string[];
  /** Transactions that do not count, by the ledger's word for why. */
  readonly invalid: Readonly<Record<string, number>>;
  readonly streams: readonly StreamReport[];
}

/** The records of one institution's streams, where they may be read. */
export interface RecordsOf {
  readonly eventLog: EventLog;
  readonly owner: string;
}

export interface AuditOptions {
  readonly signal: AbortSignal;
  readonly records: RecordsOf | undefined;
  readonly onProgress: (done: number, total: number) => void;
}

interface Followed {
  readonly owner: string;
  readonly stream: string;
  last: Batch;
  first: number;
  batches: number;
  records: number;
  firstBlock: number;
  lastBlock: number;
  /** Whether every batch's records could be read. */
  recordsRead: boolean;
  findings: number;
}

/** One pass over a ledger; {@link findings} first, then {@link report}. */
export class Audit {
  readonly #ledger: LedgerAudit;
  readonly #options: AuditOptions;
  readonly #streams: Map<string, Followed> = new Map();
  readonly #invalid: Map<string, number> = new Map();
  #heads: ReadonlyMap<string, StreamHead> = new Map();
  #institutions: readonly string[] = [];
  #blocks = 0;
  #firstHash = "";
  #lastHash = "";

  constructor(ledger: LedgerAudit, options: AuditOptions) {
    this.#ledger = ledger;
    this.#options = options;
  }

  /** Every finding. @throws what the signal was aborted with: an audit that was cut short says nothing of the rest. */
  async *findings(): AsyncGenerator<AuditFinding> {
    const { ledger } = this.#ledger;
    const height = await ledger.height();
    this.#heads = new Map((await ledger.listStreams()).map((head) => [nameOf(head), head]));
    // The heads are of some block between these two heights.
    const end = await ledger.height();
    try {
      for await (const block of this.#ledger.blocks(end, this.#options.signal)) {
        yield* this.#block(block, block.number < height);
        this.#options.onProgress(block.number + 1, end);
      }
    } catch (error) {
      if (!hasCode(error, "INTEGRITY")) throw error;
      const what = `${error.message}; nothing from here on was read`;
      yield { part: "block", at: `block ${this.#blocks}`, what };
      return;
    }
    yield* this.#headFindings();
  }

  async *#block(block: AuditedBlock, isBelowHeads: boolean): AsyncGenerator<AuditFinding> {
    const at = `block ${block.number}`;
    if (block.number === 0) this.#firstHash = block.hash;
    this.#lastHash = block.hash;
    this.#blocks = block.number + 1;
    this.#institutions = block.institutions ?? this.#institutions;
    for (const { why } of block.invalid) this.#invalid.set(why, (this.#invalid.get(why) ?? 0) + 1);
    for (const what of block.faults) yield { part: "block", at, what };
    for (const { owner, batch } of block.anchored) {
      const followed = this.#follow(owner, batch);
      const ref = `${at}, batch ${batchId({ owner, stream: batch.stream, sequence: batch.sequence })}`;
      for (const what of this.#batchFaults(followed, batch, isBelowHeads)) {
        followed.findings += 1;
        yield { part: "stream", at: ref, what };
      }
      const what = await this.#recordsFault(followed, batch);
      if (what !== undefined) {
        followed.findings += 1;
        yield { part: "records", at: ref, what };
      }
      followed.last = batch;
      followed.batches += 1;
      followed.records += batch.count;
      followed.lastBlock = block.number;
      if (followed.batches === 1) followed.firstBlock = block.number;
    }
  }

  #follow(owner: string, batch: Batch): Followed {
    const name = nameOf({ owner, stream: batch.stream });
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const made: Followed = {
      owner,
      stream: batch.stream,
      last: batch,
      first: batch.first,
      batches: 0,
      records: 0,
      firstBlock: 0,
      lastBlock: 0,
      recordsRead: true,
      findings: 0,
    };
    this.#streams.set(name, made);
    return made;
  }

  *#batchFaults(followed: Followed, batch: Batch, isBelowHeads: boolean): Generator<string> {
    yield* orderFaults(followed.batches === 0 ? undefined : followed.last, batch);
    const head = this.#heads.get(nameOf({ owner: followed.owner, stream: batch.stream }))?.batch;
    if (head?.sequence === batch.sequence && batchHash(head) !== batchHash(batch)) {
      yield "the world state's head is another batch of this sequence";
    }
    if (isBelowHeads && (head === undefined || head.sequence < batch.sequence)) {
      yield "the world state does not have it";
    }
  }

  async #recordsFault(followed: Followed, batch: Batch): Promise<string | undefined> {
    const { records } = this.#options;
    const partition = records === undefined ? undefined : partitionOf(records.eventLog.name, batch.stream);
    if (records === undefined || partition === undefined || records.owner !== followed.owner) {
      followed.recordsRead = false;
      return undefined;
    }
    try {
      const leaves = await rangeLeaves(records.eventLog, partition, batch.first, batch.end);
      if (leaves.length !== batch.count) return `counts ${batch.count} records, the log has ${leaves.length}`;
      return hex(merkleRoot(leaves)) === batch.root ? undefined : "has another root than the log's records give";
    } catch (error) {
      if (!hasCode(error, "INTEGRITY") && !(error instanceof RangeError)) throw error;
      followed.recordsRead = false;
      return `its records cannot be read: ${error.message}`;
    }
  }

  *#headFindings(): Generator<AuditFinding> {
    for (const [name, { owner, stream, batch }] of this.#heads) {
      const followed = this.#streams.get(name);
      if (followed !== undefined && followed.last.sequence >= batch.sequence) continue;
      if (followed !== undefined) followed.findings += 1;
      const at = `stream ${owner}/${stream}`;
      yield { part: "world state", at, what: `no block anchored its head, batch ${batch.sequence}` };
    }
  }

  /** What was seen; complete once every finding was taken. */
  report(): AuditReport {
    const streams = [...this.#streams.values()]
      .map(({ owner, last, ...rest }) => ({ institution: owner, ...rest, end: last.end, head: batchHash(last) }))
      .sort((a, b) => compare(a.institution, b.institution) || compare(a.stream, b.stream));
    return {
      blocks: this.#blocks,
      firstHash: this.#firstHash,
      lastHash: this.#lastHash,
      batches: streams.reduce((sum, { batches }) => sum + batches, 0),
      institutions: this.#institutions,
      invalid: Object.fromEntries([...this.#invalid].sort(([a], [b]) => compare(a, b))),
      streams,
    };
  }
}

function* orderFaults(before: Batch | undefined, { sequence, first, previous }: Batch): Generator<string> {
  const expected = before === undefined ? 0 : before.sequence + 1;
  if (sequence !== expected) yield `has sequence ${sequence}, where ${expected} comes next`;
  if (before !== undefined && first > before.end) yield `leaves a gap: ${before.end} to ${first} is anchored nowhere`;
  if (before !== undefined && first < before.end) yield `overlaps the one before: ${first} to ${before.end} is in both`;
  if (previous !== (before === undefined ? NO_BATCH : batchHash(before))) yield "does not name the batch before it";
}

function nameOf({ owner, stream }: { readonly owner: string; readonly stream: string }): string {
  return `${owner}/${stream}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
