/** Sets of whole numbers as ranges: what a counter that runs up leaves behind is one range, each gap adds another. */

/** First and last, both in it. */
export type NumberRange = readonly [first: number, last: number];

export class NumberRanges {
  /** Sorted, with at least one number between each and the next. */
  readonly #ranges: [number, number][] = [];

  static of(ranges: Iterable<NumberRange>): NumberRanges {
    const made = new NumberRanges();
    for (const [first, last] of ranges) made.add(first, last);
    return made;
  }

  get count(): number {
    return this.#ranges.length;
  }

  get first(): number | undefined {
    return this.#ranges[0]?.[0];
  }

  get last(): number | undefined {
    return this.#ranges.at(-1)?.[1];
  }

  /** How many numbers are in it. */
  get size(): number {
    return this.#ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  }

  ranges(): NumberRange[] {
    return this.#ranges.map(([first, last]) => [first, last]);
  }

  has(number: number): boolean {
    const range = this.#ranges[this.#placeOf(number)];
    return range !== undefined && range[0] <= number;
  }

  /** Adds the numbers from `first` to `last`. */
  add(first: number, last: number = first): void {
    const end = this.#ranges.at(-1);
    if (end === undefined || first > end[1] + 1) {
      this.#ranges.push([first, last]);
      return;
    }
    if (first === end[1] + 1) {
      end[1] = last;
      return;
    }
    // The ranges that it touches, neighbours too, become one with it.
    const from = this.#placeOf(first - 1);
    let to = from;
    let low = first;
    let high = last;
    for (let range = this.#ranges[to]; range !== undefined && range[0] <= last + 1; range = this.#ranges[++to]) {
      low = Math.min(low, range[0]);
      high = Math.max(high, range[1]);
    }
    this.#ranges.splice(from, to - from, [low, high]);
  }

  /** Takes one number out. */
  remove(number: number): void {
    const at = this.#placeOf(number);
    const range = this.#ranges[at];
    if (range === undefined || range[0] > number) return;
    const left: [number, number][] = range[0] < number ? [[range[0], number - 1]] : [];
    const right: [number, number][] = range[1] > number ? [[number + 1, range[1]]] : [];
    this.#ranges.splice(at, 1, ...left, ...right);
  }

  /** Drops the lowest range. */
  dropFirst(): void {
    this.#ranges.shift();
  }

  /** Whether any number is in both. */
  meets(other: NumberRanges): boolean {
    return other.#ranges.some(([first, last]) => {
      const range = this.#ranges[this.#placeOf(first)];
      return range !== undefined && range[0] <= last;
    });
  }

  /** What lies between its ranges. */
  gaps(): NumberRange[] {
    return this.#ranges.slice(1).map(([first], i) => [(this.#ranges[i]?.[1] ?? 0) + 1, first - 1]);
  }

  /** Place of the first range that ends at `number` or after. */
  #placeOf(number: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle]?.[1] ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
