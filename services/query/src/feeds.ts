/** Feeds by their statements: each verified, those of one feed added up. */
import {
  type FeedStatement,
  type FeedSum,
  feedId,
  type StatedPeriod,
  sumOfFeed,
} from "@medtrace/shared/model/feed-statement";
import { type Facet, PROJECTION_LIMITS } from "@medtrace/shared/ports/projection";
import type { QueryContext } from "./context.ts";
import { foundBy } from "./pages.ts";
import { EVERY_SYSTEM } from "./projector/project.ts";
import { type Viewer, viewFilter } from "./scope.ts";
import type { VerifiedEvent } from "./verified.ts";

export interface FeedsWindow {
  /** Id of one feed; all, where not given. */
  readonly feed?: string | undefined;
  /** UTC: statements whose period reaches into [from, to). */
  readonly from?: string;
  readonly to?: string;
  /** Statements that are added up at most, the newest. */
  readonly limit: number;
}

export interface TotalledFeed extends Omit<FeedSum, "lastMessage"> {
  readonly feed: string;
  readonly institution: string;
  readonly entry: FeedStatement["entry"];
  readonly system: string;
  /** UTC; null where no statement knows of one. */
  readonly lastMessage: string | null;
  /** Between the times that are covered: nobody says what came then. */
  readonly uncovered: readonly (readonly [from: string, to: string])[];
  readonly silence_s_max?: number;
  /** At the end of the last statement, it had been silent for longer than is expected. */
  readonly isSilent?: boolean;
  /** Ids of the statements, oldest first. */
  readonly statements: readonly string[];
}

export interface TotalledFeeds {
  readonly feeds: readonly TotalledFeed[];
  /** Older statements were left out. */
  readonly truncated: boolean;
  readonly integrityFailures: number;
}

/** Longest period of a statement (`INGEST_FEED_STATEMENT_S`): one that reaches into a time may begin that long before. */
const PERIOD_MS_MAX = 86_400_000;
/** Statements looked at for one answer, where few of them reach into its period. */
const LOOKED_AT_MAX = 50_000;

/** The feeds that a viewer may see, of blocks up to `blockMax`. */
export async function totalledFeeds(
  ctx: QueryContext,
  viewer: Viewer,
  window: FeedsWindow,
  blockMax: number,
): Promise<TotalledFeeds> {
  const { statements, truncated, integrityFailures } = await feedStatements(ctx, viewer, window, blockMax);
  const byFeed = Map.groupBy(statements.flatMap(foundIn), ({ id }) => id);
  const feeds = [...byFeed].map(([id, own]) => totalled(id, own)).sort((a, b) => (a.feed < b.feed ? -1 : 1));
  return { feeds, truncated, integrityFailures };
}

interface Found extends StatedPeriod {
  /** Of the feed. */
  readonly id: string;
  readonly event: string;
  readonly institution: string;
}

/** Statements of feeds, the newest first. */
export interface FeedStatements extends Pick<TotalledFeeds, "truncated" | "integrityFailures"> {
  readonly statements: readonly VerifiedEvent[];
}

/** The statements that a viewer may see and whose periods reach into a window, of blocks up to `blockMax`. */
export async function feedStatements(
  ctx: QueryContext,
  viewer: Viewer,
  { feed, from, to, limit }: FeedsWindow,
  blockMax: number,
): Promise<FeedStatements> {
  const facets: readonly Facet[] = [{ kind: "system", value: feed ?? EVERY_SYSTEM }];
  const belongs = foundBy(facets, viewer);
  const start = from === undefined ? {} : { from: new Date(Date.parse(from) - PERIOD_MS_MAX).toISOString() };
  const filter = { facets, ...viewFilter(viewer), ...start, ...(to === undefined ? {} : { to }), blockMax };
  const statements: VerifiedEvent[] = [];
  let integrityFailures = 0;
  let after: { at: string; seq: number } | undefined;
  for (let looked = 0; ; ) {
    const page = await ctx.projection.find({
      ...filter,
      order: "newest-first",
      ...(after === undefined ? {} : { after }),
      limit: Math.min(limit, PROJECTION_LIMITS.pageMax),
    });
    for (const [i, stored] of page.events.entries()) {
      const checked = await ctx.verifier.check(stored, belongs);
      if (checked.state !== "verified") integrityFailures += 1;
      else if (from === undefined || endOf(checked) > from) statements.push(checked);
      if (statements.length < limit) continue;
      return { statements, truncated: page.more || i + 1 < page.events.length, integrityFailures };
    }
    const last = page.events.at(-1);
    looked += page.events.length;
    if (!page.more || last === undefined) return { statements, truncated: false, integrityFailures };
    if (looked >= LOOKED_AT_MAX) return { statements, truncated: true, integrityFailures };
    after = { at: last.at, seq: last.seq };
  }
}

function endOf({ event }: VerifiedEvent): string {
  return event.occurred?.end.utc ?? event.recorded.utc;
}

function foundIn({ id: event, event: { feed, institution, occurred } }: VerifiedEvent): Found[] {
  if (feed === undefined || occurred === undefined) return [];
  const { start, end } = occurred;
  return [{ statement: feed, from: start.utc, to: end.utc, id: feedId(institution, feed), event, institution }];
}

function totalled(id: string, newestFirst: readonly Found[]): TotalledFeed {
  const inOrder = newestFirst.toReversed();
  const { covered, lastMessage, ...sum } = sumOfFeed(inOrder);
  // The newest statement knows what is expected now.
  const [newest] = newestFirst as [Found];
  const { entry, system, silence_s_max } = newest.statement;
  const end = covered.at(-1)?.[1] ?? newest.to;
  const heard = lastMessage ?? covered[0]?.[0] ?? newest.from;
  const silence_ms = Date.parse(end) - Date.parse(heard);
  return {
    feed: id,
    institution: newest.institution,
    entry,
    system,
    ...sum,
    lastMessage: lastMessage ?? null,
    covered,
    uncovered: covered.slice(1).map(([from], i) => [covered[i]?.[1] ?? from, from]),
    ...(silence_s_max === undefined ? {} : { silence_s_max, isSilent: silence_ms > silence_s_max * 1_000 }),
    statements: inOrder.map(({ event }) => event),
  };
}
