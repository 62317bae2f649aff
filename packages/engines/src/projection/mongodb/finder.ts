/**
 * Finding events. Under one entry key lie, in order of (at, seq), the events that one viewer may see under one facet. A
 * filter is the union of some keys; the server merges the entries of as many as it merges without sorting, and what more
 * there are is merged here, page by page.
 */
import { type EventFilter, type Facet, PROJECTION_LIMITS } from "@medtrace/shared/ports/projection";
import type { Filter, Sort } from "mongodb";
import { bounded, filterTime_ms } from "../limits.ts";
import { EVENT_FIELDS, EVERY_EVENT, type EventDocument, entryKeys, facetText } from "./schema.ts";
import { slices } from "./slices.ts";
import type { Snapshot } from "./snapshot.ts";

type Selection = Omit<EventFilter, "order" | "after" | "limit">;

interface Times {
  readonly $eq?: Date;
  readonly $gt?: Date;
  readonly $gte?: Date;
  readonly $lt?: Date;
}

/** Times of a piece of the order, and seqs between two. */
interface Piece {
  readonly times: Times;
  /** Exclusive. */
  readonly above: number;
  /** Exclusive. */
  readonly below: number;
}

/** Below the 200 scans (internalQueryMaxScansToExplode) up to which MongoDB merges by the index instead of sorting. */
const KEYS_OF_QUERY = 128;

/** One page of the documents that match, and whether more would follow. */
export async function findEvents(
  snapshot: Snapshot,
  filter: EventFilter,
): Promise<{ readonly documents: readonly EventDocument[]; readonly more: boolean }> {
  const limit = bounded("limit", filter.limit, PROJECTION_LIMITS.pageMax);
  const keys = keysOf(snapshot, filter);
  const pieces = piecesOf(filter, await seqEnd(snapshot, filter.blockMax));
  let page: EventDocument[] = [];
  for (const some of slices(keys, KEYS_OF_QUERY)) {
    const found: EventDocument[] = [];
    for (const piece of pieces) {
      const wanted = limit + 1 - found.length;
      if (wanted > 0) found.push(...(await readPiece(snapshot, some, piece, filter.order, wanted)));
    }
    page = mergePages(page, found, filter.order, limit + 1);
  }
  return { documents: page.slice(0, limit), more: page.length > limit };
}

/** How many events match, counting at most `countMax`. */
export async function countEvents(snapshot: Snapshot, selection: Selection, countMax: number): Promise<number> {
  bounded("countMax", countMax, PROJECTION_LIMITS.countMax);
  const keys = keysOf(snapshot, selection);
  const piece = { times: timesOf(selection), above: -1, below: await seqEnd(snapshot, selection.blockMax) };
  const seen = new Set<number>();
  for (const some of slices(keys, KEYS_OF_QUERY)) {
    const { session } = snapshot;
    const options = { session, projection: { _id: 1 }, limit: countMax, hint: "entries" } as const;
    const found = snapshot.at.events.find(within(some, piece), options);
    for await (const event of found) seen.add(event._id);
    if (seen.size >= countMax) return countMax;
  }
  return seen.size;
}

function readPiece(
  { at: { events }, session }: Snapshot,
  keys: readonly Uint8Array[],
  piece: Piece,
  order: EventFilter["order"],
  limit: number,
): Promise<EventDocument[]> {
  const way = order === "oldest-first" ? 1 : -1;
  const found = events.find(within(keys, piece), { session, hint: "entries", projection: EVENT_FIELDS });
  // Where all are of one time, the planner walks the index for the seq alone, but would sort by both.
  const sort = piece.times.$eq === undefined ? { at: way, _id: way } : { _id: way };
  return found
    .sort(sort as Sort)
    .limit(limit)
    .toArray();
}

function within(keys: readonly Uint8Array[], { times, above, below }: Piece): Filter<EventDocument> {
  const at = Object.keys(times).length === 0 ? {} : { at: times };
  return { entries: { $in: [...keys] }, ...at, _id: { $gt: above, $lt: below } };
}

/** One entry key for each viewer and facet; a filter without viewer means every producer. */
function keysOf({ state }: Snapshot, { facets, viewer }: Selection): Uint8Array[] {
  if (facets.length > 0) bounded("facets", facets.length, PROJECTION_LIMITS.facetsMax);
  const texts = facets.length === 0 ? [EVERY_EVENT] : facets.map(({ kind, value }: Facet) => facetText(kind, value));
  const viewers = viewer === undefined ? state.producers : [viewer];
  return entryKeys(viewers, [...new Set(texts)]);
}

/** One past the last seq of the blocks up to this one. */
async function seqEnd({ state, at: { batches }, session }: Snapshot, blockMax: number | undefined): Promise<number> {
  if (blockMax === undefined || blockMax >= state.block) return state.events;
  const last = await batches
    .find({ block: { $lte: blockMax } }, { session, projection: { _id: 0, seqEnd: 1 } })
    .sort({ block: -1, seqEnd: -1 })
    .limit(1)
    .next();
  return last?.seqEnd ?? 0;
}

function timesOf({ from, to }: Selection): Times {
  return {
    ...(from === undefined ? {} : { $gte: new Date(filterTime_ms(from)) }),
    ...(to === undefined ? {} : { $lt: new Date(filterTime_ms(to)) }),
  };
}

/**
 * What of the order is asked for: all of it, or what lies after a place. That is two pieces, so that neither begins with
 * events to be passed over: those of the place's own time beyond its seq, and those of the times beyond.
 */
function piecesOf(filter: EventFilter, end: number): Piece[] {
  const times = timesOf(filter);
  const all = { times, above: -1, below: end };
  if (filter.after === undefined) return [all];
  const at = filterTime_ms(filter.after.at);
  const { seq } = filter.after;
  const oldestFirst = filter.order === "oldest-first";
  const { $gte: low, $lt: high } = times;
  const beforeAll = low !== undefined && at < low.getTime();
  const afterAll = high !== undefined && at >= high.getTime();
  if (oldestFirst ? beforeAll : afterAll) return [all];
  if (oldestFirst ? afterAll : beforeAll) return [];
  const own = new Date(at);
  const rest = oldestFirst
    ? { $gt: own, ...(high === undefined ? {} : { $lt: high }) }
    : { $lt: own, ...(low === undefined ? {} : { $gte: low }) };
  const here = oldestFirst ? { above: seq, below: end } : { above: -1, below: Math.min(seq, end) };
  return [
    { times: { $eq: own }, ...here },
    { ...all, times: rest },
  ];
}

/** Two ordered pages into one, each event once, at most `limit`. */
function mergePages(
  a: readonly EventDocument[],
  b: readonly EventDocument[],
  order: EventFilter["order"],
  limit: number,
): EventDocument[] {
  if (a.length === 0) return [...b];
  const way = order === "oldest-first" ? 1 : -1;
  const bySeq = new Map([...a, ...b].map((event) => [event._id, event]));
  const merged = [...bySeq.values()].sort((x, y) => way * (x.at.getTime() - y.at.getTime() || x._id - y._id));
  return merged.slice(0, limit);
}
