/** Reading a contiguous range of a partition, whatever its size, in bounded chunks. */
import type { Bytes } from "./model/bytes.ts";
import { leafHash } from "./model/merkle.ts";
import type { EventLog, LogEntry } from "./ports/event-log.ts";

const READ = { countMax: 1024, bytesMax: 4 * 1_048_576 };

/** Entries with offsets in [first, end), in order, in chunks; offsets may have holes. */
export async function* rangeEntries(
  log: EventLog,
  partition: number,
  first: number,
  end: number,
): AsyncGenerator<readonly LogEntry[]> {
  for (let offset = first; offset < end; ) {
    const entries = await log.read(partition, offset, READ);
    const inside = entries.filter((entry) => entry.offset < end);
    const last = inside.at(-1);
    if (last === undefined) return;
    yield inside;
    offset = last.offset + 1;
  }
}

/** RFC 6962 leaf hash of a record, computed once. */
export function leafOf({ leaf, value }: LogEntry): Bytes {
  return leaf ?? leafHash(value);
}

/** Leaf hashes of the records in [first, end), in order. */
export async function rangeLeaves(log: EventLog, partition: number, first: number, end: number): Promise<Bytes[]> {
  const leaves: Bytes[] = [];
  for await (const entries of rangeEntries(log, partition, first, end)) {
    for (const entry of entries) leaves.push(leafOf(entry));
  }
  return leaves;
}
