/** Work of one name is done one after another, in the order it came; of different names at the same time. */
import { MedtraceError } from "@medtrace/shared/errors";

export class Lanes {
  readonly #last: Map<string, Promise<void>> = new Map();
  readonly #pending_max: number;
  #pending = 0;

  constructor(pending_max: number) {
    this.#pending_max = pending_max;
  }

  /** @throws MedtraceError BUSY where too much is pending; and whatever the action throws. */
  async run<T>(name: string, action: () => Promise<T>): Promise<T> {
    if (this.#pending >= this.#pending_max) {
      throw new MedtraceError("BUSY", `${this.#pending_max} batches wait for the ledger already`, {
        hint: "try later",
      });
    }
    this.#pending += 1;
    const result = (this.#last.get(name) ?? Promise.resolve()).then(action);
    const ended = result.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(name, ended);
    try {
      return await result;
    } finally {
      this.#pending -= 1;
      if (this.#last.get(name) === ended) this.#last.delete(name);
    }
  }
}
