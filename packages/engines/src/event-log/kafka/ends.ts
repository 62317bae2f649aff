/** Where partitions end, as far as was heard: from acknowledgements, fetches and offset lists. They only grow. */

interface Waiter {
  readonly past: number;
  readonly wake: () => void;
}

export class Ends {
  readonly #ends: (number | undefined)[];
  readonly #waiters: Set<Waiter>[];

  constructor(partitions: number) {
    this.#ends = new Array(partitions);
    this.#waiters = Array.from({ length: partitions }, () => new Set());
  }

  /** One past the highest offset that was heard of. */
  get(partition: number): number | undefined {
    return this.#ends[partition];
  }

  get waiting(): boolean {
    return this.#waiters.some((waiters) => waiters.size > 0);
  }

  /** Takes note of an end, and wakes whom it concerns. */
  raise(partition: number, end: number): void {
    if (end <= (this.#ends[partition] ?? -1)) return;
    this.#ends[partition] = end;
    for (const { past, wake } of this.#waiters[partition] ?? []) if (end > past) wake();
  }

  /** Calls `wake` at every end past an offset, until it is disposed of. */
  onPast(partition: number, past: number, wake: () => void): Disposable {
    const waiter = { past, wake };
    const waiters = this.#waiters[partition];
    waiters?.add(waiter);
    return { [Symbol.dispose]: () => void waiters?.delete(waiter) };
  }
}
