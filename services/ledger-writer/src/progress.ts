/** How far one stream is: written by the stream, read by its metrics. */

/** Where a read that is not anchored yet began, and when. */
interface Mark {
  readonly offset: number;
  readonly read_ms: number;
}

export class StreamProgress {
  #anchoredEnd: number | undefined;
  /** In order of offset: at most that of the anchor in flight and that of what is gathered behind it. */
  #marks: Mark[] = [];

  /** The ledger holds every record below `end`. */
  anchored(end: number): void {
    this.#anchoredEnd = end;
    this.#marks = this.#marks.filter(({ offset }) => offset >= end);
  }

  /** A batch began to be gathered at this offset. Records that are read again keep the time of their first reading. */
  read(offset: number, now_ms: number): void {
    const last = this.#marks.at(-1);
    if (last === undefined || last.offset < offset) this.#marks.push({ offset, read_ms: now_ms });
  }

  /** One past the last offset that stands on the ledger; undefined until the head was read. */
  get anchoredEnd(): number | undefined {
    return this.#anchoredEnd;
  }

  /** How long ago the oldest record that is not anchored was first read, in milliseconds; 0 where none waits. */
  age_ms(now_ms: number): number {
    const [oldest] = this.#marks;
    return oldest === undefined ? 0 : now_ms - oldest.read_ms;
  }
}
