/** The feeds that this process takes: counted message by message, stated at intervals and when something is odd. */
import { randomBytes } from "node:crypto";
import { type FeedEntry, OTHER_SYSTEMS } from "@medtrace/shared/model/feed-statement";
import type { Draft, Intake, Receipted } from "../normalise/draft.ts";
import { createVeil } from "../pipeline/veil.ts";
import { type ExpectedFeed, Feed, type FeedName, type Stated } from "./feed.ts";
import { draftOfStatement } from "./statement-draft.ts";

export interface FeedsParts {
  /** Takes the statements. */
  readonly intake: Intake;
  readonly expected: readonly ExpectedFeed[];
  /** Longest time between statements of one feed; 0: none are made. */
  readonly statement_ms: number;
  readonly now_ms: () => number;
  readonly log: { warn(fields: object, text: string): void };
}

export const FEEDS_LIMITS = {
  /** Feeds of one institution and entry; messages of further systems are one feed together. */
  systemsMax: 256,
  systemCharactersMax: 1_024,
  /** Statements that wait for storage. */
  waitingMax: 10_000,
  /** Statements of one call to the intake. */
  togetherMax: 200,
} as const;

/** Something odd is stated soon, but not each time that it happens. */
const ODD_MS_MIN = 60_000;
const TICK_MS_MAX = 1_000;
/** A feed that nobody expects is stated for a day after its last message. */
const FORGET_MS = 86_400_000;

interface Waiting {
  readonly institution: string;
  readonly draft: Draft;
}

export class Feeds implements AsyncDisposable {
  readonly #parts: FeedsParts;
  readonly #process = randomBytes(8).toString("hex");
  /** By institution and entry, then by system. */
  readonly #groups = new Map<string, Map<string, Feed>>();
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #isOver = false;
  /** Statements that are durable. */
  stated = 0;

  constructor(parts: FeedsParts) {
    this.#parts = parts;
    const now_ms = parts.now_ms();
    for (const { silence_s_max, ...name } of parts.expected) {
      this.#group(name.institution, name.entry).set(name.system, new Feed(name, this.#process, now_ms, silence_s_max));
    }
  }

  /** Starts stating; until disposed. */
  start(): void {
    const { statement_ms } = this.#parts;
    if (statement_ms === 0) return;
    this.#timer = setInterval(() => this.#tick(), Math.min(statement_ms, TICK_MS_MAX));
    this.#timer.unref();
  }

  /** An intake that does the same and notes what comes in by this entry. */
  watch(intake: Intake, entry: FeedEntry): Intake {
    return {
      accept: async (institution, drafts, options) => {
        const told = await intake.accept(institution, drafts, options);
        this.#note(institution, entry, drafts, told);
        return told;
      },
    };
  }

  /** Every feed, in no order. */
  *all(): Iterable<Feed> {
    for (const group of this.#groups.values()) yield* group.values();
  }

  /** States the rest of feeds that are expected, or have something odd to tell, and stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    if (this.#parts.statement_ms === 0 || this.#isOver) return;
    this.#isOver = true;
    const now_ms = this.#parts.now_ms();
    for (const feed of this.all()) {
      if (feed.silence_s_max !== undefined || feed.isOdd) this.#queue(feed, feed.state(now_ms));
    }
    await this.#flushing;
    await this.#flush();
  }

  #note(institution: string, entry: FeedEntry, drafts: readonly Draft[], told: readonly Receipted[]): void {
    const now_ms = this.#parts.now_ms();
    for (const [i, draft] of drafts.entries()) {
      const status = told[i]?.status;
      // A message may make several events: it is counted by its first.
      if (draft.index > 0 || (status !== "accepted" && status !== "duplicate")) continue;
      const feed = this.#feedOf(institution, entry, draft, now_ms);
      if (status === "duplicate") {
        feed.repeat();
        continue;
      }
      const before = feed.note(now_ms, draft.number);
      if (before !== undefined && this.#parts.statement_ms > 0) this.#queue(feed, before);
      if (feed.isFull && this.#parts.statement_ms > 0) this.#queue(feed, feed.state(now_ms));
    }
  }

  #feedOf(institution: string, entry: FeedEntry, draft: Draft, now_ms: number): Feed {
    const group = this.#group(institution, entry);
    return group.get(draft.system) ?? this.#open(group, { institution, entry, system: draft.system }, draft, now_ms);
  }

  #open(group: Map<string, Feed>, name: FeedName, { system, persons }: Draft, now_ms: number): Feed {
    // A system that is named by a patient's identifier is known by nothing.
    const secrets = persons.flatMap(({ identifiers }) => identifiers.map(({ value }) => value));
    const isFit =
      system.length <= FEEDS_LIMITS.systemCharactersMax &&
      system.isWellFormed() &&
      createVeil(name.institution, secrets, () => "")(system, "Device") === system;
    const known = isFit && group.size < FEEDS_LIMITS.systemsMax ? system : OTHER_SYSTEMS;
    const there = group.get(known);
    if (there !== undefined) return there;
    const feed = new Feed({ ...name, system: known }, this.#process, now_ms);
    group.set(known, feed);
    return feed;
  }

  #group(institution: string, entry: FeedEntry): Map<string, Feed> {
    const key = `${entry} ${institution}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group = new Map<string, Feed>();
    this.#groups.set(key, group);
    return group;
  }

  #tick(): void {
    const now_ms = this.#parts.now_ms();
    const { statement_ms } = this.#parts;
    for (const group of this.#groups.values()) {
      for (const [system, feed] of group) {
        const since_ms = now_ms - feed.stated_ms;
        const isDue = since_ms >= statement_ms || (feed.isOdd && since_ms >= Math.min(statement_ms, ODD_MS_MIN));
        // While storage takes none, what is to be said next covers more.
        if (!isDue || this.#waiting.length >= FEEDS_LIMITS.waitingMax) continue;
        this.#queue(feed, feed.state(now_ms));
        if (feed.silence_s_max === undefined && now_ms - feed.heard_ms > FORGET_MS) group.delete(system);
      }
    }
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined;
    });
  }

  #queue(feed: Feed, stated: Stated): void {
    if (this.#waiting.length < FEEDS_LIMITS.waitingMax) {
      this.#waiting.push({ institution: feed.name.institution, draft: draftOfStatement(feed.id, stated) });
    } else this.#parts.log.warn({ feed: feed.id }, "a feed statement is left out: too many wait for storage");
  }

  /** Hands over what waits, until storage takes no more. */
  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const institution = this.#waiting[0]?.institution ?? "";
      const own = this.#waiting.filter((one) => one.institution === institution).slice(0, FEEDS_LIMITS.togetherMax);
      let told: readonly Receipted[];
      try {
        told = await this.#parts.intake.accept(
          institution,
          own.map(({ draft }) => draft),
        );
      } catch (cause) {
        this.#parts.log.warn({ err: cause, waiting: this.#waiting.length }, "feed statements wait for storage");
        return;
      }
      const done = new Set(own);
      this.#waiting = this.#waiting.filter((one) => !done.has(one));
      for (const receipt of told) {
        if (receipt.status === "accepted" || receipt.status === "duplicate") this.stated++;
        else this.#parts.log.warn({ institution, status: receipt.status }, "a feed statement was refused");
      }
    }
  }
}
