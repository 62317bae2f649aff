/** Gathering: what waits to be anchored on one stream, hashed as it is read, until it is cut into a batch. */
import { leafOf } from "@medtrace/shared/log-range";
import { BATCH_FORMAT, type Batch, batchHash, NO_BATCH } from "@medtrace/shared/model/batch";
import { type Bytes, hex } from "@medtrace/shared/model/bytes";
import { merkleRoot } from "@medtrace/shared/model/merkle";
import type { LogEntry } from "@medtrace/shared/ports/event-log";

/** A batch is cut at whichever of these comes first. */
export interface BatchLimits {
  readonly countMax: number;
  readonly bytesMax: number;
  /** Age of the oldest gathered record. */
  readonly age_ms_max: number;
}

/** Leaves of a contiguous range that begins at `first`; values are hashed and let go. */
export class Gathering {
  readonly first: number;
  readonly #limits: BatchLimits;
  readonly #leaves: Bytes[] = [];
  readonly #traces = new Set<string>();
  #end: number;
  #bytes = 0;
  #oldest_ms: number | undefined;

  constructor(first: number, limits: BatchLimits) {
    this.first = first;
    this.#end = first;
    this.#limits = limits;
  }

  /** Adds entries in order; `now_ms`, of one steady clock, dates the first of them. */
  add(entries: readonly LogEntry[], now_ms: number): void {
    for (const entry of entries) {
      this.#leaves.push(leafOf(entry));
      this.#bytes += entry.value.length;
      this.#end = entry.offset + 1;
      if (entry.trace !== undefined) this.#traces.add(entry.trace);
    }
    if (entries.length > 0) this.#oldest_ms ??= now_ms;
  }

  /** One past the last offset gathered. */
  get end(): number {
    return this.#end;
  }

  /** W3C traceparents of the records, where the log kept them. */
  get traces(): ReadonlySet<string> {
    return this.#traces;
  }

  get count(): number {
    return this.#leaves.length;
  }

  /** How many more records and bytes may join. */
  get room(): { readonly countMax: number; readonly bytesMax: number } {
    return {
      countMax: this.#limits.countMax - this.#leaves.length,
      bytesMax: Math.max(0, this.#limits.bytesMax - this.#bytes),
    };
  }

  get full(): boolean {
    return this.room.countMax <= 0 || this.room.bytesMax <= 0;
  }

  /** Milliseconds until age alone cuts it; Infinity while empty, 0 or less once due. */
  dueIn_ms(now_ms: number): number {
    if (this.#oldest_ms === undefined) return Number.POSITIVE_INFINITY;
    return this.full ? 0 : this.#oldest_ms + this.#limits.age_ms_max - now_ms;
  }

  /** The batch of what was gathered, as the one after `before`. */
  cut(stream: string, before: Batch | undefined): Batch {
    return {
      format: BATCH_FORMAT,
      stream,
      sequence: before === undefined ? 0 : before.sequence + 1,
      first: this.first,
      end: this.#end,
      count: this.#leaves.length,
      root: hex(merkleRoot(this.#leaves)),
      previous: before === undefined ? NO_BATCH : batchHash(before),
    };
  }
}
