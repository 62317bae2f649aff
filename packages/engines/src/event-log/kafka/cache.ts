/** What was fetched, for some time: small reads, and those who read the same, are served from memory. */
import type { LogEntry, ReadLimits } from "@medtrace/shared/ports/event-log";
import type { Batches, StoredRecord } from "./record-batch.ts";

const CACHE_BYTES_MAX = 24 * 1_048_576;
/** Pieces that follow each other grow together up to this. */
const PIECE_BYTES_MAX = 1_048_576;
const RECORD_OVERHEAD_BYTES = 160;

/** Every record of a partition with an offset in [first, next). */
interface Piece {
  readonly partition: number;
  readonly first: number;
  next: number;
  readonly records: StoredRecord[];
  bytes: number;
}

export interface Taken {
  readonly entries: readonly LogEntry[];
  /** No record lies between the last of the entries, or where reading began, and this offset. */
  readonly next: number;
}

export class Cache {
  readonly #pieces: Piece[][];
  /** Those used last come last. */
  readonly #byUse = new Set<Piece>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(partitions: number, bytesMax: number = CACHE_BYTES_MAX) {
    this.#pieces = Array.from({ length: partitions }, () => []);
    this.#bytesMax = bytesMax;
  }

  has(partition: number, offset: number): boolean {
    return this.#find(partition, offset) !== undefined;
  }

  /** Keeps whole batches; their bytes stay in memory as long as one of their records is kept. */
  add(partition: number, { first, next, records }: Batches): void {
    const pieces = this.#pieces[partition] as Piece[];
    const bytes = records.reduce((sum, { value }) => sum + value.length + RECORD_OVERHEAD_BYTES, RECORD_OVERHEAD_BYTES);
    const last = pieces.at(-1);
    if (last?.next === first && last.bytes + bytes <= PIECE_BYTES_MAX) {
      for (const record of records) last.records.push(record);
      last.next = next;
      last.bytes += bytes;
      this.#touch(last);
    } else {
      const piece = { partition, first, next, records: [...records], bytes };
      pieces.push(piece);
      this.#byUse.add(piece);
    }
    this.#bytes += bytes;
    this.#shrink();
  }

  /** Entries from an offset on, as far as they are here: copies, which their reader may change. */
  take(partition: number, offset: number, { countMax, bytesMax }: ReadLimits): Taken {
    const entries: LogEntry[] = [];
    let next = offset;
    let bytes = 0;
    for (let piece = this.#find(partition, next); piece !== undefined; piece = this.#find(partition, next)) {
      this.#touch(piece);
      for (let i = indexOf(piece.records, next); i < piece.records.length; i++) {
        if (entries.length > 0 && (entries.length >= countMax || bytes >= bytesMax)) return { entries, next };
        const record = piece.records[i] as StoredRecord;
        entries.push(entryOf(partition, record));
        bytes += record.value.length;
        next = record.offset + 1;
      }
      next = piece.next;
    }
    return { entries, next };
  }

  #find(partition: number, offset: number): Piece | undefined {
    // Readers are mostly where the newest pieces are.
    return this.#pieces[partition]?.findLast(({ first, next }) => first <= offset && offset < next);
  }

  #touch(piece: Piece): void {
    this.#byUse.delete(piece);
    this.#byUse.add(piece);
  }

  #shrink(): void {
    for (const piece of this.#byUse) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#byUse.delete(piece);
      const pieces = this.#pieces[piece.partition] as Piece[];
      pieces.splice(pieces.indexOf(piece), 1);
      this.#bytes -= piece.bytes;
    }
  }
}

function entryOf(partition: number, { offset, value, trace }: StoredRecord): LogEntry {
  const copy = new Uint8Array(value);
  return trace === undefined ? { partition, offset, value: copy } : { partition, offset, value: copy, trace };
}

/** Index of the first record at or after an offset. */
function indexOf(records: readonly StoredRecord[], offset: number): number {
  let [low, high] = [0, records.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle] as StoredRecord).offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
