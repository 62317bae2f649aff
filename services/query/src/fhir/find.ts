/** One page of a search: events found by the projection, each verified, in scope, and passed by every test. */
import { MedtraceError } from "@medtrace/shared/errors";
import { unseal } from "@medtrace/shared/model/seal";
import type { SealedContent, TraceEvent } from "@medtrace/shared/model/trace-event";
import type { EventFilter, Facet, StoredEvent } from "@medtrace/shared/ports/projection";
import { PROJECTION_LIMITS } from "@medtrace/shared/ports/projection";
import type { QueryContext } from "../context.ts";
import type { Place } from "../cursor.ts";
import { foundBy } from "../pages.ts";
import { sees, type Viewer, viewFilter } from "../scope.ts";
import type { VerifiedEvent } from "../verified.ts";
import { type Criterion, needsUnsealing } from "./criteria.ts";
import { hull } from "./date.ts";
import { type Test, testOf } from "./matching.ts";

export interface Search {
  readonly criteria: readonly Criterion[];
  readonly order: "newest-first" | "oldest-first";
  readonly count: number;
}

export interface Found {
  readonly event: VerifiedEvent;
  /** The sealed part, where the viewer may see it and it was not erased. */
  readonly sealed?: SealedContent | undefined;
}

export interface FoundPage {
  readonly found: readonly Found[];
  readonly integrityFailures: number;
  /** Where the next page goes on. */
  readonly last?: { readonly at: string; readonly seq: number };
}

/** Who looks, and whether what is sealed may be opened for them. */
export interface Reader extends Viewer {
  readonly unseals: boolean;
}

/** Events fetched at once where not all of them may pass. */
const FETCHED_MIN = 200;
/** Events looked at for one page, where few of them pass. */
const LOOKED_AT_MAX = 10_000;
/**
 * Events are found by when they happened, and `date` is when they were recorded. Where nothing but the date narrows a
 * search, those recorded later than this after they happened are not found.
 */
const RECORDED_LATER_MS_MAX = 24 * 3_600_000;

/** A page of events of blocks up to `blockMax`, after a place where one is given. */
export async function findPage(
  ctx: QueryContext,
  reader: Reader,
  { criteria, order, count }: Search,
  blockMax: number,
  start?: Place,
): Promise<FoundPage> {
  const tests: Test[] = [];
  for (const criterion of criteria) tests.push(await testOf(ctx, criterion));
  const sealedTests = tests.filter((_, i) => needsUnsealing(criteria[i] as Criterion));
  const clearTests = tests.filter((_, i) => !needsUnsealing(criteria[i] as Criterion));
  const facets = rarest(tests);
  if (facets?.length === 0 || count === 0) return { found: [], integrityFailures: 0 };
  const ids = idsOf(criteria);
  const limit = Math.max(count, ids?.length ?? 0);
  // What was asked for by its id need not be the reader's.
  const belongs = ids === undefined ? foundBy(facets ?? [], reader) : undefined;
  const next = ids === undefined ? listed(ctx, reader, criteria, { facets, blockMax, order }) : byIds(ctx, ids);
  const found: Found[] = [];
  let integrityFailures = 0;
  let after = start === undefined ? undefined : { at: start.at, seq: start.seq };
  for (let looked = 0; ; ) {
    const page = await next(after, clearTests.length === 0 ? limit : Math.max(limit, FETCHED_MIN));
    for (const [i, stored] of page.events.entries()) {
      after = { at: stored.at, seq: stored.seq };
      const event = await ctx.verifier.check(stored, belongs);
      if (event.state !== "verified") integrityFailures += 1;
      // A feed statement is no use of anybody's data.
      else if (
        event.event.feed === undefined &&
        sees(reader, event.facts) &&
        clearTests.every(({ holds }) => holds(event.event))
      ) {
        const sealed = await opened(ctx, reader, event.event);
        if (sealedTests.every(({ holds }) => holds(event.event, sealed))) found.push({ event, sealed });
      }
      if (found.length === limit) {
        const isLast = !page.more && i + 1 === page.events.length;
        return { found, integrityFailures, ...(isLast ? {} : { last: after }) };
      }
    }
    looked += page.events.length;
    if (!page.more || after === undefined) return { found, integrityFailures };
    if (looked >= LOOKED_AT_MAX) return { found, integrityFailures, last: after };
  }
}

/** The facets to look up by; undefined where none narrow the search, empty where nothing can be found. */
function rarest(tests: readonly Test[]): readonly Facet[] | undefined {
  const [first] = tests.filter(({ facets }) => facets !== undefined).toSorted((a, b) => a.rank - b.rank);
  const facets = first?.facets;
  if (facets === undefined || facets.length <= PROJECTION_LIMITS.facetsMax) return facets;
  throw new MedtraceError("INPUT_TOO_LARGE", "the search names more at once than can be looked up", {
    at: "search",
    hint: "ask for fewer values at once",
  });
}

type Page = { readonly events: readonly StoredEvent[]; readonly more: boolean };
type Next = (after: EventFilter["after"] | undefined, limit: number) => Promise<Page>;

/** Events from the projection's lists. */
function listed(
  ctx: QueryContext,
  reader: Reader,
  criteria: readonly Criterion[],
  { facets, ...more }: { facets: readonly Facet[] | undefined } & Pick<EventFilter, "order"> & { blockMax: number },
): Next {
  const period = facets === undefined ? periodOf(criteria) : {};
  const filter = { ...more, facets: facets ?? [], ...viewFilter(reader), ...period };
  return (after, limit) => ctx.projection.find({ ...filter, ...(after === undefined ? {} : { after }), limit });
}

function idsOf(criteria: readonly Criterion[]): readonly string[] | undefined {
  const ids = criteria.find((criterion) => criterion.kind === "id")?.ids;
  return ids === undefined ? undefined : [...new Set(ids)].filter((id) => /^[0-9a-f]{64}$/.test(id));
}

function byIds(ctx: QueryContext, ids: readonly string[]): Next {
  return async (after) => ({ events: after === undefined ? await ctx.projection.events(ids) : [], more: false });
}

/** UTC bounds of when it happened, from when it was recorded: nothing is recorded before it happens. */
function periodOf(criteria: readonly Criterion[]): { from?: string; to?: string } {
  const hulls = criteria.flatMap((criterion) => (criterion.kind === "date" ? [hull(criterion.values)] : []));
  const from_ms = Math.max(...hulls.map((span) => span.from_ms ?? -Infinity)) - RECORDED_LATER_MS_MAX;
  const to_ms = Math.min(...hulls.map((span) => span.to_ms ?? Infinity));
  return { ...utc("from", from_ms), ...utc("to", to_ms) };
}

/** Times of events have years of four digits. */
const FIRST_MS = Date.parse("0000-01-01T00:00:00Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");

function utc(name: "from" | "to", at_ms: number): { from?: string; to?: string } {
  if (!Number.isFinite(at_ms)) return {};
  return { [name]: new Date(Math.min(Math.max(at_ms, FIRST_MS), LAST_MS)).toISOString() };
}

/** The sealed part of an event of the reader's own institution, where it may be opened. */
export async function opened(ctx: QueryContext, reader: Reader, event: TraceEvent): Promise<SealedContent | undefined> {
  if (!reader.unseals || event.institution !== reader.institution) return undefined;
  const key = await ctx.vault.dataKey({ institution: event.institution, token: event.sealed.subject });
  return key === undefined ? undefined : unseal(event.sealed, key, event.id);
}
