/**
 * The newest records of each partition, in memory: whoever follows the log in the process that appends to it reads
 * them without a way through the file. They are what was acknowledged, whatever became of the file meanwhile.
 */
import type { Bytes } from "@medtrace/shared/model/bytes";
import type { LogEntry, ReadLimits } from "@medtrace/shared/ports/event-log";

export interface TailEntry extends LogEntry {
  readonly leaf: Bytes;
}

/** A run of records without a gap. */
interface Run {
  readonly entries: TailEntry[];
  bytes: number;
}

export class Tail {
  readonly #runBytesMax: number;
  readonly #runs: readonly Run[];

  /** @param bytesMax of values, over all partitions. */
  constructor(partitions: number, bytesMax: number) {
    this.#runBytesMax = bytesMax / partitions;
    this.#runs = Array.from({ length: partitions }, () => ({ entries: [], bytes: 0 }));
  }

  /** Keeps copies of committed records; those of one partition in order. */
  add(entries: readonly TailEntry[]): void {
    if (this.#runBytesMax === 0) return;
    for (const entry of entries) {
      const run = this.#runs[entry.partition] as Run;
      // Another process appended in between: the run begins anew behind what it wrote.
      if (run.entries.length > 0 && run.entries.at(-1)?.offset !== entry.offset - 1) {
        run.entries.length = 0;
        run.bytes = 0;
      }
      // Its owner may use the memory again once this is acknowledged.
      run.entries.push({ ...entry, value: Buffer.from(entry.value) });
      run.bytes += entry.value.length;
    }
    for (const run of this.#runs) this.#trim(run);
  }

  /** Entries from an offset on, at most `limits`; undefined where the tail does not hold that offset. */
  read(partition: number, offset: number, { countMax, bytesMax }: ReadLimits): readonly LogEntry[] | undefined {
    const entries = this.#runs[partition]?.entries;
    const from = offset - (entries?.[0]?.offset ?? Number.NaN);
    if (entries === undefined || !Number.isInteger(from) || from < 0 || from >= entries.length) return undefined;
    let to = from;
    for (let bytes = 0; to < entries.length && to - from < countMax && bytes < bytesMax; to++) {
      bytes += (entries[to] as TailEntry).value.length;
    }
    // Copies: whoever reads may do with them what it likes.
    return entries.slice(from, Math.max(to, from + 1)).map((entry) => ({ ...entry, value: Buffer.from(entry.value) }));
  }

  /** Half of a full run goes at once, so that not every commit moves all that stays. */
  #trim(run: Run): void {
    if (run.bytes <= this.#runBytesMax) return;
    let gone = 0;
    while (gone < run.entries.length && run.bytes > this.#runBytesMax / 2) {
      run.bytes -= (run.entries[gone++] as TailEntry).value.length;
    }
    run.entries.splice(0, gone);
  }
}
