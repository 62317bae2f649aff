/** Group commit: calls of one turn of the event loop share one run, and so one transaction. */

interface Waiting<In, Out> {
  readonly input: In;
  readonly resolve: (output: Out) => void;
  readonly reject: (error: unknown) => void;
}

export class SharedRun<In, Out> {
  readonly #run: (inputs: readonly In[]) => readonly Out[];
  #waiting: Waiting<In, Out>[] = [];

  /** @param run gives one output for each input, in order; where it throws, every call that shared it rejects. */
  constructor(run: (inputs: readonly In[]) => readonly Out[]) {
    this.#run = run;
  }

  submit(input: In): Promise<Out> {
    const { promise, resolve, reject } = Promise.withResolvers<Out>();
    this.#waiting.push({ input, resolve, reject });
    if (this.#waiting.length === 1) setImmediate(() => this.flush());
    return promise;
  }

  /** Runs what waits, now. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    try {
      const outputs = this.#run(waiting.map(({ input }) => input));
      waiting.forEach(({ resolve }, i) => {
        resolve(outputs[i] as Out);
      });
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}
