/** The record of what was checked: every step, and the worst that came of them. */
import { Fault, type Outcome, type Step } from "./verdict.ts";

/** A refuted part refutes the whole; otherwise a part that cannot be told leaves the whole open. */
export function worst(...outcomes: readonly Outcome[]): Outcome {
  if (outcomes.includes("refuted")) return "refuted";
  return outcomes.includes("cannot-tell") ? "cannot-tell" : "proven";
}

export class Trail {
  readonly steps: Step[] = [];
  outcome: Outcome = "proven";

  /**
   * Makes one check. A fault that it throws becomes a failed step, and the result is then undefined.
   *
   * @param at the place that is checked; a fault may name a place within it.
   * @param says what it means that the check passed.
   */
  async check<T>(check: string, at: string, says: string, run: () => T | Promise<T>): Promise<T | undefined> {
    try {
      const value = await run();
      this.steps.push({ check, passed: true, at, says });
      return value;
    } catch (error) {
      const fault = error instanceof Fault ? error : new Fault(at, `cannot be checked here: ${error}`, "cannot-tell");
      this.steps.push({ check, passed: false, at: fault.at, says: fault.message });
      this.outcome = worst(this.outcome, fault.outcome);
      return undefined;
    }
  }

  /** Adds what another trail recorded. */
  join(other: Trail): void {
    for (const step of other.steps) this.steps.push(step);
    this.outcome = worst(this.outcome, other.outcome);
  }
}
