/** Lists of events, page by page, each event verified and in the caller's scope. */
import { MedtraceError } from "@medtrace/shared/errors";
import { traceTime } from "@medtrace/shared/model/time";
import { type Facet, PROJECTION_LIMITS } from "@medtrace/shared/ports/projection";
import { type Answer, answer } from "./answers.ts";
import type { QueryContext } from "./context.ts";
import { cursorOf, type Place, placeOf } from "./cursor.ts";
import { hiddenCount } from "./names.ts";
import { scopeKey, sees, type Viewer, viewFilter } from "./scope.ts";
import { failuresIn, type Served, served } from "./served.ts";
import type { CheckedEvent, Facts, VerifiedEvent } from "./verified.ts";

/** The part of a list that is asked for; texts as the caller gave them. */
export interface Window {
  readonly limit?: number;
  readonly cursor?: string;
  readonly from?: string;
  readonly to?: string;
  readonly asOf?: number;
  readonly order?: "newest-first" | "oldest-first";
}

export interface List {
  /** Name of the list, and what tells its queries apart beside facets and window. */
  readonly name: string;
  readonly facets: readonly Facet[];
  readonly window: Window;
  /** Which of the events found belong to the list; all, where not given. */
  readonly keep?: (event: VerifiedEvent) => boolean;
}

const LIMIT_DEFAULT = 100;
/** Events looked at for one page, where few of them belong to the list. */
const LOOKED_AT_MAX = 5_000;

/** A page of a list, with `nextCursor` where more may follow. */
export async function eventPage(ctx: QueryContext, viewer: Viewer, list: List): Promise<Answer> {
  const { facets, window } = list;
  const period = periodOf(window);
  const order = window.order ?? "newest-first";
  const limit = Math.min(window.limit ?? LIMIT_DEFAULT, ctx.settings.limits.pageMax);
  const query = JSON.stringify([list.name, scopeKey(viewer), facets, period, order]);
  const after = window.cursor === undefined ? undefined : placeOf(ctx.keys, query, window.cursor);
  return await answer(ctx, {
    viewer,
    query: [query, limit, window.cursor],
    asOf: after?.asOf ?? window.asOf,
    work: async (blockMax) => {
      const filter = { facets, ...viewFilter(viewer), ...period, blockMax, order };
      const found = await gather(ctx, viewer, filter, limit, after, list.keep);
      const next =
        found.last === undefined
          ? {}
          : { nextCursor: cursorOf(ctx.keys, query, { asOf: blockMax + 1, ...found.last }) };
      const hidden = await hiddenCount(ctx, viewer, { facets, ...period, blockMax });
      const told = hidden === undefined ? {} : { hiddenCount: hidden };
      return { body: { events: found.events, ...next, ...told }, integrityFailures: failuresIn(found.events) };
    },
  });
}

type Filter = Omit<Parameters<QueryContext["projection"]["find"]>[0], "after" | "limit">;

async function gather(
  ctx: QueryContext,
  viewer: Viewer,
  filter: Filter,
  limit: number,
  start: Place | undefined,
  keep: (event: VerifiedEvent) => boolean = () => true,
): Promise<{ readonly events: readonly Served[]; readonly last: { at: string; seq: number } | undefined }> {
  const events: Served[] = [];
  const belongs = foundBy(filter.facets, viewer);
  let after = start === undefined ? undefined : { at: start.at, seq: start.seq };
  for (let looked = 0; ; ) {
    const page = await ctx.projection.find({ ...filter, ...(after === undefined ? {} : { after }), limit });
    for (const [i, stored] of page.events.entries()) {
      const checked = await ctx.verifier.check(stored, belongs);
      after = { at: stored.at, seq: stored.seq };
      if (checked.state === "verified" && !keep(checked)) continue;
      events.push(served(checked));
      if (events.length === limit) {
        return { events, last: page.more || i + 1 < page.events.length ? after : undefined };
      }
    }
    looked += page.events.length;
    if (!page.more || after === undefined) return { events, last: undefined };
    if (looked >= LOOKED_AT_MAX) return { events, last: after };
  }
}

/** That an event's own bytes say what it was found by, and that the viewer may see it. */
export function foundBy(facets: readonly Facet[], viewer: Viewer): (facts: Facts) => boolean {
  const sought = new Set(facets.map(({ kind, value }) => `${kind} ${value}`));
  return (facts) =>
    sees(viewer, facts) &&
    (sought.size === 0 || facts.facets.some(({ kind, value }) => sought.has(`${kind} ${value}`)));
}

/** All events of these facets in scope, at most `countMax`, oldest first; for evidence. */
export async function allEvents(
  ctx: QueryContext,
  viewer: Viewer,
  selection: { readonly facets: readonly Facet[]; readonly from?: string; readonly to?: string },
  countMax: number,
): Promise<{ readonly events: readonly CheckedEvent[]; readonly more: boolean }> {
  const events: CheckedEvent[] = [];
  const belongs = foundBy(selection.facets, viewer);
  const filter = { ...selection, ...viewFilter(viewer), order: "oldest-first" } as const;
  let after: { at: string; seq: number } | undefined;
  for (;;) {
    const limit = Math.min(countMax - events.length, PROJECTION_LIMITS.pageMax);
    const page = await ctx.projection.find({ ...filter, ...(after === undefined ? {} : { after }), limit });
    for (const stored of page.events) events.push(await ctx.verifier.check(stored, belongs));
    const last = page.events.at(-1);
    if (!page.more || last === undefined || events.length >= countMax) return { events, more: page.more };
    after = { at: last.at, seq: last.seq };
  }
}

/**
 * UTC bounds of a window.
 *
 * @throws MedtraceError INPUT_INVALID naming the bound that is no RFC 3339 time.
 */
export function periodOf({ from, to }: Pick<Window, "from" | "to">): { readonly from?: string; readonly to?: string } {
  return {
    ...(from === undefined ? {} : { from: utcOf(from, "from") }),
    ...(to === undefined ? {} : { to: utcOf(to, "to") }),
  };
}

function utcOf(text: string, at: string): string {
  const time = traceTime(text);
  if (time !== undefined) return time.utc;
  throw new MedtraceError("INPUT_INVALID", "wants a time as RFC 3339 writes it, with its offset", {
    at,
    hint: "such as 2026-03-01T08:00:00+01:00, with + written %2B in a URL",
  });
}
