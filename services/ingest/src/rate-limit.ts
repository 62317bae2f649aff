/**
 * How many events an institution may send a second, counted over all processes by the cache. What it counts is granted
 * in portions, so that counting costs next to nothing; while the cache knows nothing, a process counts by itself.
 */
import { MedtraceError } from "@medtrace/shared/errors";
import type { Cache } from "@medtrace/shared/ports/cache";
import type { Draft, Intake } from "./normalise/draft.ts";

/** Senders are told to try again after this: the shortest `Retry-After`. */
const WINDOW_MS = 1_000;
/** A portion is a fiftieth of the limit: as exact as that, over any number of processes. */
const PORTIONS = 50;
/** An institution that is over its limit is not counted for again before this. */
const PAUSE_MS = 100;

export interface RateLimitOptions {
  /** Undefined: each process counts by itself. */
  readonly cache: Cache | undefined;
  /** Events of one institution in a second; 0: any number. */
  readonly eventsPerSecondMax: number;
  /** A clock that only goes forward, ms. */
  readonly clock_ms: () => number;
}

interface Account {
  /** Events taken beyond what was granted; below 0, what is left of the last portion. */
  owed: number;
  /** One portion is asked for at a time. */
  granting: Promise<void> | undefined;
  refusedUntil_ms: number;
  /** Counted here alone, for while the cache does not count. */
  windowEnd_ms: number;
  count: number;
}

/**
 * The intake, behind a limit of events for each institution. A call is taken whole once everything before it is within
 * the limit, so that a call larger than the limit is possible: what it takes too much is waited for afterwards. The calls
 * of the limited intake reject with RATE_LIMITED beyond the limit; then nothing of them was taken.
 */
export function limitRate(intake: Intake, { cache, eventsPerSecondMax, clock_ms }: RateLimitOptions): Intake {
  if (eventsPerSecondMax === 0) return intake;
  const portion = Math.ceil(eventsPerSecondMax / PORTIONS);
  const portionsMax = Math.floor(eventsPerSecondMax / portion);
  /** Institutions are those that tokens and listeners name: few. */
  const accounts = new Map<string, Account>();

  const accountOf = (institution: string): Account => {
    let account = accounts.get(institution);
    if (account === undefined) {
      account = { owed: 0, granting: undefined, refusedUntil_ms: 0, windowEnd_ms: 0, count: 0 };
      accounts.set(institution, account);
    }
    return account;
  };

  const countHere = (account: Account): number => {
    const now_ms = clock_ms();
    if (now_ms >= account.windowEnd_ms) {
      account.windowEnd_ms = now_ms + WINDOW_MS;
      account.count = 0;
    }
    return ++account.count;
  };

  const grant = async (institution: string, account: Account): Promise<void> => {
    if (clock_ms() < account.refusedUntil_ms) throw limited(eventsPerSecondMax);
    const counted = await cache?.increment(`ingest-rate:${institution}`, WINDOW_MS);
    if ((counted || countHere(account)) > portionsMax) {
      account.refusedUntil_ms = clock_ms() + PAUSE_MS;
      throw limited(eventsPerSecondMax);
    }
    account.owed -= portion;
  };

  const admit = async (institution: string, drafts: readonly Draft[]): Promise<void> => {
    const account = accountOf(institution);
    while (account.owed >= 0) {
      account.granting ??= grant(institution, account).finally(() => {
        account.granting = undefined;
      });
      await account.granting;
    }
    account.owed += drafts.length;
  };

  return {
    async accept(institution, drafts, options) {
      await admit(institution, drafts);
      return await intake.accept(institution, drafts, options);
    },
  };
}

function limited(max: number): MedtraceError {
  return new MedtraceError("RATE_LIMITED", `the institution sends more than ${max} events a second`, {
    hint: "send again after a second, and slower; INGEST_EVENTS_PER_SECOND_MAX is the limit",
  });
}
