/** Reads by offset, from the cache or through it, and checks what lies in the log. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { LogEntry, PartitionRange, ReadLimits } from "@medtrace/shared/ports/event-log";
import type { Cache } from "./cache.ts";
import type { Cluster } from "./cluster.ts";
import type { Ends } from "./ends.ts";
import { failureOf, isKafka, untilDone } from "./failures.ts";
import { Fetcher } from "./fetcher.ts";
import { LinkError } from "./link.ts";
import { listEnd, listRanges } from "./ranges.ts";
import { BrokenBatch, decodeBatches } from "./record-batch.ts";
import { fetchRequest } from "./wire.ts";

/** How long an answer is tried for. */
const TRIES_MS = 10_000;
/** A check looks at so much before others get their turn. */
const CHECK_BYTES = 1_048_576;

export interface ReaderParts {
  readonly cluster: Cluster;
  readonly cache: Cache;
  readonly ends: Ends;
  readonly closing: AbortSignal;
}

export class Reader {
  readonly #parts: ReaderParts;
  readonly #fetcher: Fetcher;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#fetcher = new Fetcher(parts.cluster, parts.cache, parts.ends);
  }

  async read(partition: number, offset: number, limits: ReadLimits): Promise<readonly LogEntry[]> {
    for (let from = offset; ; ) {
      const { entries, next } = this.#parts.cache.take(partition, from, limits);
      if (entries.length > 0) return entries;
      from = next;
      const end = await this.#load(partition, from);
      if (end === undefined || end > from || this.#parts.cache.has(partition, from)) continue;
      if ((await this.#endOf(partition)) <= from) return [];
    }
  }

  /**
   * Where a partition ends, as its leader lists it. What a fetch says is not enough: a leader that has just been elected
   * gives nothing of what was acknowledged before until its replicas have asked it, and only a list waits for that (KIP-207).
   */
  #endOf(partition: number): Promise<number> {
    return this.#patiently("tell where a partition ends", () => listEnd(this.#parts.cluster, partition));
  }

  async ranges(): Promise<readonly PartitionRange[]> {
    const { cluster, ends } = this.#parts;
    const ranges = await this.#patiently("tell the ranges of its partitions", () => listRanges(cluster));
    for (const { partition, end } of ranges) ends.raise(partition, end);
    return ranges;
  }

  /** Every fault of a partition, in words. @throws what the signal was aborted with. */
  async *check({ partition, first, end }: PartitionRange, signal: AbortSignal): AsyncGenerator<string> {
    if (first > 0) yield place(partition, 0, `the records before offset ${first} are gone`);
    for (let at = first; at < end; ) {
      signal.throwIfAborted();
      const from = at;
      try {
        at = await this.#patiently("give records", () => this.#checkFrom(partition, from));
      } catch (error) {
        if (!(error instanceof BrokenBatch)) throw error;
        yield place(partition, error.offset, `the batch that begins here is broken: ${error.message}`);
        at = Math.max(error.next, from + 1);
      }
    }
    signal.throwIfAborted();
  }

  /** Checks the batches from an offset on; gives the offset after them. It leaves the cache to readers. */
  async #checkFrom(partition: number, offset: number): Promise<number> {
    const { cluster } = this.#parts;
    const [fetched] = await cluster.send(
      cluster.leader(partition),
      fetchRequest({
        topic: cluster.topic,
        offsets: new Map([[partition, offset]]),
        wait_ms: 0,
        bytesMax: CHECK_BYTES,
        partitionBytesMax: CHECK_BYTES,
      }),
    );
    const failure = failureOf(fetched?.error ?? 0);
    if (failure !== undefined) throw failure;
    const decoded = decodeBatches(fetched?.batches ?? Buffer.alloc(0));
    if (decoded === undefined) throw new LinkError(`Kafka gave nothing from offset ${offset} on`);
    return decoded.next;
  }

  /** Brings records into the cache; gives where the partition ends, where that was asked. */
  async #load(partition: number, offset: number): Promise<number | undefined> {
    const load = (): Promise<number | undefined> => this.#fetcher.load(partition, offset);
    try {
      // Bytes may be broken on their way: they are asked for once more.
      return await this.#patiently("give records", () =>
        load().catch((error: unknown) => (error instanceof BrokenBatch ? load() : Promise.reject(error))),
      );
    } catch (error) {
      if (error instanceof BrokenBatch) throw broken(partition, error.offset, error.message);
      const outside = error instanceof MedtraceError && isKafka(error.cause, "OFFSET_OUT_OF_RANGE");
      if (!outside) throw error;
      const { first, end } = (await this.ranges())[partition] as PartitionRange;
      if (offset < first) throw broken(partition, offset, `the records before offset ${first} are gone`);
      return end;
    }
  }

  #patiently<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    const { cluster, closing } = this.#parts;
    return untilDone({ what, tries_ms: TRIES_MS, signal: closing, refresh: () => cluster.refresh() }, attempt);
  }
}

function place(partition: number, offset: number, what: string): string {
  return `event log, partition ${partition}, offset ${offset}: ${what}`;
}

function broken(partition: number, offset: number, what: string): MedtraceError {
  return new MedtraceError("INTEGRITY", place(partition, offset, what), {
    at: `${partition}/${offset}`,
    hint: "run medtrace fsck; docs/runbooks/integrity.md",
  });
}
