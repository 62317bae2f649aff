/** How far each partition of the log is covered, by receipts that lie without a gap and by who read the log itself. */

/** Places noted beyond a gap, of one partition; more are forgotten, and read from the log at the next start. */
const BEYOND_MAX = 65_536;

export class Covered {
  readonly #ends: Map<number, number>;
  readonly #beyond = new Map<number, Set<number>>();

  /** @param ends one past the last offset below which all is covered, by partition. */
  constructor(ends: Iterable<readonly [partition: number, end: number]>) {
    this.#ends = new Map(ends);
  }

  /** The record at this place has its receipt. */
  note(partition: number, offset: number): void {
    const end = this.#ends.get(partition) ?? 0;
    if (offset === end) this.#moveTo(partition, end + 1);
    else if (offset > end) {
      const beyond = this.#beyond.get(partition) ?? new Set();
      this.#beyond.set(partition, beyond);
      if (beyond.size < BEYOND_MAX) beyond.add(offset);
    }
  }

  /** Every record below `end` has its receipt. */
  claim(partition: number, end: number): void {
    if (end > (this.#ends.get(partition) ?? 0)) this.#moveTo(partition, end);
  }

  #moveTo(partition: number, end: number): void {
    const beyond = this.#beyond.get(partition);
    let next = end;
    if (beyond !== undefined && beyond.size > 0) {
      if (beyond.size === BEYOND_MAX) for (const offset of beyond) if (offset < end) beyond.delete(offset);
      while (beyond.delete(next)) next += 1;
    }
    this.#ends.set(partition, next);
  }

  /** As it is now, partitions in order. */
  ends(): Map<number, number> {
    return new Map([...this.#ends].sort(([a], [b]) => a - b));
  }
}
