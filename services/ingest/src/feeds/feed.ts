/** One feed as this process sees it: counts from its start on, and what is to be stated of it next. */
import { type FeedEntry, type FeedStatement, feedId, OTHER_SYSTEMS } from "@medtrace/shared/model/feed-statement";
import { Numbering, type Step } from "./numbering.ts";

/** What a feed is told apart by. */
export interface FeedName {
  readonly institution: string;
  readonly entry: FeedEntry;
  /** As the events of its messages name it (`source.system`). */
  readonly system: string;
}

/** A feed that is there before its first message. */
export interface ExpectedFeed extends FeedName {
  /** Seconds of silence that are expected at most. */
  readonly silence_s_max: number;
}

/** Counts since the process knows the feed. */
export interface FeedTotals {
  messages: number;
  repeated: number;
  readonly steps: Record<Step, number>;
}

/** A statement with its period. */
export interface Stated {
  readonly statement: FeedStatement;
  readonly from_ms: number;
  readonly to_ms: number;
}

export class Feed {
  readonly name: FeedName;
  readonly id: string;
  readonly silence_s_max: number | undefined;
  readonly totals: FeedTotals = { messages: 0, repeated: 0, steps: { next: 0, gap: 0, late: 0, restart: 0 } };
  /** Of the last message; of the feed's beginning where there was none. */
  heard_ms: number;
  /** End of what is stated. */
  stated_ms: number;
  /** Something happened that should not wait for the next statement in its turn. */
  isOdd = false;
  readonly #process: string;
  readonly #numbering: Numbering | undefined;
  #place = 0;
  #messages = 0;
  #repeated = 0;
  #hasSpoken = false;

  constructor(name: FeedName, process: string, now_ms: number, silence_s_max?: number) {
    this.name = name;
    this.id = feedId(name.institution, name);
    this.silence_s_max = silence_s_max;
    this.heard_ms = now_ms;
    this.stated_ms = now_ms;
    this.#process = process;
    // Numbers of several senders say nothing.
    this.#numbering = name.system === OTHER_SYSTEMS ? undefined : new Numbering();
  }

  get missedCount(): number {
    return this.#numbering?.missedCount ?? 0;
  }

  get isFull(): boolean {
    return this.#numbering?.isFull ?? false;
  }

  repeat(): void {
    this.#repeated++;
    this.totals.repeated++;
  }

  /**
   * Notes a message that was taken.
   *
   * @returns the statement that has to be made before it, where its number begins anew.
   */
  note(now_ms: number, number: number | undefined): Stated | undefined {
    const step = number === undefined ? undefined : this.#numbering?.stepOf(number);
    const before = step === "restart" ? this.state(now_ms) : undefined;
    this.#messages++;
    this.totals.messages++;
    this.heard_ms = now_ms;
    this.#hasSpoken = true;
    if (number === undefined || step === undefined) return before;
    this.#numbering?.note(number, step);
    this.totals.steps[step]++;
    if (step === "gap" || step === "restart") this.isOdd = true;
    return before;
  }

  /** What is to be said of the time since the last statement, which ends with it. */
  state(now_ms: number): Stated {
    const numbers = this.#numbering?.state();
    const from_ms = this.stated_ms;
    // A clock that was set back must not make a period end before it begins.
    const to_ms = Math.max(now_ms, from_ms);
    const statement: FeedStatement = {
      entry: this.name.entry,
      system: this.name.system,
      process: this.#process,
      place: this.#place++,
      messages: this.#messages,
      repeated: this.#repeated,
      ...(this.#hasSpoken ? { lastMessage: new Date(this.heard_ms).toISOString() } : {}),
      ...(numbers === undefined ? {} : { numbers }),
      ...(this.silence_s_max === undefined ? {} : { silence_s_max: this.silence_s_max }),
    };
    this.stated_ms = to_ms;
    this.#messages = 0;
    this.#repeated = 0;
    this.isOdd = false;
    return { statement, from_ms, to_ms };
  }
}
