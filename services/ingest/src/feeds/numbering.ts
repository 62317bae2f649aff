/**
 * The numbers that a sender gives its messages (MSH-13, the sequence number protocol of HL7 v2.9 section 2.10.1), as one
 * process sees them. They are followed, never enforced: a trace that is refused for its number would be lost.
 */
import { FEED_RANGES_MAX, type FeedNumbers } from "@medtrace/shared/model/feed-statement";
import { NumberRanges } from "@medtrace/shared/model/number-ranges";

export const STEPS = ["next", "gap", "late", "restart"] as const;
/** What a number is after those before it: the next, one behind a gap, one that was missed before, or a new beginning. */
export type Step = (typeof STEPS)[number];

export class Numbering {
  /** Since the last statement. */
  #taken = new NumberRanges();
  /** Left out since numbers began, and not come late. */
  readonly #missed = new NumberRanges();
  #highest: number | undefined;
  #restarted = false;
  #cut = false;

  /** Ranges of numbers that this process was passed over for. */
  get missedCount(): number {
    return this.#missed.size;
  }

  /** No further range can be stated: it is time for a statement. */
  get isFull(): boolean {
    return this.#taken.count >= FEED_RANGES_MAX;
  }

  stepOf(number: number): Step {
    if (this.#highest === undefined || number === this.#highest + 1) return "next";
    if (number > this.#highest) return "gap";
    return this.#missed.has(number) ? "late" : "restart";
  }

  /** Notes a number; before one that begins anew, what came before it has to be stated. */
  note(number: number, step: Step): void {
    if (step === "gap") this.#miss((this.#highest ?? 0) + 1, number - 1);
    else if (step === "late") this.#missed.remove(number);
    else if (step === "restart") this.#restart();
    if (step !== "late") this.#highest = number;
    const end = this.#taken.last;
    if (this.isFull && end !== undefined && number !== end + 1) this.#cut = true;
    else this.#taken.add(number);
  }

  /** What was noted since the last statement; undefined where no message carried a number. */
  state(): FeedNumbers | undefined {
    const taken = this.#taken.ranges();
    if (taken.length === 0) return undefined;
    const stated = { taken, restarted: this.#restarted, cut: this.#cut };
    this.#taken = new NumberRanges();
    this.#restarted = false;
    this.#cut = false;
    return stated;
  }

  #miss(first: number, last: number): void {
    this.#missed.add(first, last);
    // The oldest are given up: whoever comes that late counts as a new beginning.
    if (this.#missed.count > FEED_RANGES_MAX) this.#missed.dropFirst();
  }

  #restart(): void {
    while (this.#missed.count > 0) this.#missed.dropFirst();
    this.#restarted = true;
  }
}
