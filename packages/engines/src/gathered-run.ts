/** Group commit over a network: while one run is under way calls gather, and the next run serves all of them. */

interface Waiting<In, Out> {
  readonly items: readonly In[];
  readonly resolve: (results: readonly Out[]) => void;
  readonly reject: (error: unknown) => void;
}

export class GatheredRun<In, Out> {
  readonly #run: (items: readonly In[]) => Promise<readonly Out[]>;
  readonly #itemsMax: number;
  #waiting: Waiting<In, Out>[] = [];
  #running: Promise<void> | undefined;

  /**
   * @param run gives one result for each item, in order; where it rejects, every call that shared it does.
   * @param itemsMax of one run; a call with more has a run for itself.
   */
  constructor(itemsMax: number, run: (items: readonly In[]) => Promise<readonly Out[]>) {
    this.#itemsMax = itemsMax;
    this.#run = run;
  }

  /** One result for each item, in order. */
  submit(items: readonly In[]): Promise<readonly Out[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Out[]>();
    this.#waiting.push({ items, resolve, reject });
    this.#running ??= this.#runAll();
    return promise;
  }

  /** Resolves once everything that was submitted is settled. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #runAll(): Promise<void> {
    // Calls of the same turn go together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#runSome(this.#take());
    this.#running = undefined;
  }

  #take(): Waiting<In, Out>[] {
    let size = 0;
    const end = this.#waiting.findIndex(({ items }, i) => {
      size += items.length;
      return i > 0 && size > this.#itemsMax;
    });
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
  }

  async #runSome(calls: readonly Waiting<In, Out>[]): Promise<void> {
    try {
      const results = await this.#run(calls.flatMap(({ items }) => items));
      let from = 0;
      for (const { items, resolve } of calls) {
        resolve(results.slice(from, from + items.length));
        from += items.length;
      }
    } catch (error) {
      for (const { reject } of calls) reject(error);
    }
  }
}
