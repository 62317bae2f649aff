/** A bound on how much is done at one time; the rest waits in order, up to a bound too. */
import { MedtraceError } from "@medtrace/shared/errors";

export class Slots {
  readonly #waiting: (() => void)[] = [];
  readonly #waiting_max: number;
  #free: number;

  constructor(count: number, waiting_max: number) {
    this.#free = count;
    this.#waiting_max = waiting_max;
  }

  /**
   * Runs the action once there is a slot for it.
   *
   * @throws MedtraceError BUSY where too many wait already; and whatever the action throws.
   */
  async run<T>(action: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait();
    try {
      return await action();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  #wait(): Promise<void> {
    if (this.#waiting.length >= this.#waiting_max) {
      throw new MedtraceError("BUSY", `${this.#waiting_max} calls to the ledger wait already`, { hint: "try later" });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
