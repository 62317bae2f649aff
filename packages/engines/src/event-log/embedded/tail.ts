/** The newest records in memory, as they were appended: who follows the log closely need not read them back. */
import type { LogEntry, ReadLimits } from "@medtrace/shared/ports/event-log";

interface Held {
  /** Offsets without a gap. */
  entries: LogEntry[];
  bytes: number;
}

export class Tail {
  readonly #bytesMax: number;
  readonly #held = new Map<number, Held>();

  /** @param bytesMax value bytes held of each partition. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes what was appended, once it is durable. */
  add(entry: LogEntry): void {
    const held = this.#held.get(entry.partition);
    // Where another process appended in between, what was held is no longer the newest.
    if (held === undefined || held.entries.at(-1)?.offset !== entry.offset - 1) {
      this.#held.set(entry.partition, { entries: [entry], bytes: entry.value.length });
      return;
    }
    held.entries.push(entry);
    held.bytes += entry.value.length;
    if (held.bytes > this.#bytesMax) drop(held);
  }

  /** As EventLog.read; undefined where the records are not held. */
  read(partition: number, offset: number, { countMax, bytesMax }: ReadLimits): LogEntry[] | undefined {
    const entries = this.#held.get(partition)?.entries ?? [];
    const from = offset - (entries[0]?.offset ?? 0);
    if (from < 0 || from >= entries.length) return undefined;
    const until = Math.min(from + countMax, entries.length);
    let bytes = 0;
    let to = from;
    while (to < until && (bytes < bytesMax || to === from)) bytes += (entries[to++] as LogEntry).value.length;
    return entries.slice(from, to);
  }
}

/** Half of them, so that dropping stays cheap for each. */
function drop(held: Held): void {
  held.entries = held.entries.slice(Math.ceil(held.entries.length / 2));
  held.bytes = held.entries.reduce((sum, { value }) => sum + value.length, 0);
}
