/**
 * Finding events. An entry list is one (term, view) of the `entry` table: events in order of (at, seq) that one viewer
 * may see under one facet. A filter is the union of some lists; each is read by a range of the primary key, at most a
 * page of it, and no longer than it can still better the page.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type EventFilter, type Facet, PROJECTION_LIMITS } from "@medtrace/shared/ports/projection";
import { bounded, filterTime_ms } from "../limits.ts";
import { EVERY_EVENT, producedView, receivedView, TERM_KIND } from "./schema.ts";
import type { TermReader } from "./terms.ts";

/** Place of an event in the order of answers: milliseconds since 1970, then seq. */
export interface Place {
  readonly at: number;
  readonly seq: number;
}

interface Range {
  /** Exclusive. */
  readonly low: Place;
  /** Exclusive. */
  readonly high: Place;
  /** Events from this seq on are of later blocks. */
  readonly seqEnd: number;
}

type Selection = Omit<EventFilter, "order" | "after" | "limit">;

/** Beyond what ECMAScript dates hold, so that every event lies between. */
const TIME_MS_MAX = 8.65e15;

const WITHIN = "term = ? AND view = ? AND (at, seq) > (?, ?) AND (at, seq) < (?, ?) AND seq < ?";

export class Finder {
  readonly #terms: TermReader;
  readonly #oldest: StatementSync;
  readonly #newest: StatementSync;
  readonly #nextView: StatementSync;
  readonly #seqEnd: StatementSync;

  constructor(db: DatabaseSync, terms: TermReader) {
    this.#terms = terms;
    this.#oldest = db.prepare(`SELECT at, seq FROM entry WHERE ${WITHIN} ORDER BY at, seq LIMIT ?`);
    this.#newest = db.prepare(`SELECT at, seq FROM entry WHERE ${WITHIN} ORDER BY at DESC, seq DESC LIMIT ?`);
    this.#nextView = db.prepare("SELECT view FROM entry WHERE term = ? AND view > ? ORDER BY view LIMIT 1");
    this.#seqEnd = db.prepare("SELECT seq_end FROM batch WHERE block <= ? ORDER BY block DESC, seq_end DESC LIMIT 1");
  }

  /** Places of one page, and whether more would follow. */
  find(filter: EventFilter): { readonly places: readonly Place[]; readonly more: boolean } {
    const limit = bounded("limit", filter.limit, PROJECTION_LIMITS.pageMax);
    const oldestFirst = filter.order === "oldest-first";
    let range = this.#range(filter);
    if (filter.after !== undefined) {
      const after = { at: filterTime_ms(filter.after.at), seq: filter.after.seq };
      range = oldestFirst ? { ...range, low: later(range.low, after) } : { ...range, high: earlier(range.high, after) };
    }
    let page: Place[] = [];
    for (const [term, view] of this.#lists(filter)) {
      const found = this.#read(oldestFirst ? this.#oldest : this.#newest, term, view, range, limit + 1);
      page = mergePages(page, found, oldestFirst, limit + 1);
      const worst = page[limit];
      // From here on only places before the last of a full page matter.
      if (worst !== undefined) range = oldestFirst ? { ...range, high: worst } : { ...range, low: worst };
    }
    return { places: page.slice(0, limit), more: page.length > limit };
  }

  /** How many events match, counting at most `countMax`. */
  count(selection: Selection, countMax: number): number {
    bounded("countMax", countMax, PROJECTION_LIMITS.countMax);
    const range = this.#range(selection);
    const seen = new Set<number>();
    for (const [term, view] of this.#lists(selection)) {
      // A list holds an event once, so countMax of its entries are enough to tell, whatever was seen before.
      for (const { seq } of this.#read(this.#oldest, term, view, range, countMax)) seen.add(seq);
      if (seen.size >= countMax) return countMax;
    }
    return seen.size;
  }

  #read(order: StatementSync, term: number, view: number, { low, high, seqEnd }: Range, limit: number): Place[] {
    return order.all(term, view, low.at, low.seq, high.at, high.seq, seqEnd, limit) as unknown as Place[];
  }

  #range({ from, to, blockMax }: Selection): Range {
    return {
      low: { at: from === undefined ? -TIME_MS_MAX : filterTime_ms(from), seq: -1 },
      high: { at: to === undefined ? TIME_MS_MAX : filterTime_ms(to), seq: -1 },
      seqEnd: blockMax === undefined ? Number.MAX_SAFE_INTEGER : this.#firstSeqAfter(blockMax),
    };
  }

  #firstSeqAfter(block: number): number {
    return (this.#seqEnd.get(block)?.["seq_end"] as number | undefined) ?? 0;
  }

  *#lists({ facets, viewer }: Selection): Generator<readonly [term: number, view: number]> {
    const terms = this.#termsOf(facets);
    if (viewer === undefined) {
      // Every event is in exactly one producer's view: those of the receivers would only repeat it.
      for (const term of terms) yield* this.#producedLists(term);
      return;
    }
    const institution = this.#terms.find(TERM_KIND.institution, viewer);
    if (institution === undefined) return;
    for (const term of terms) {
      yield [term, producedView(institution)];
      yield [term, receivedView(institution)];
    }
  }

  #termsOf(facets: readonly Facet[]): Set<number> {
    if (facets.length === 0) return new Set([EVERY_EVENT]);
    bounded("facets", facets.length, PROJECTION_LIMITS.facetsMax);
    const found = facets.map(({ kind, value }) => this.#terms.find(TERM_KIND[kind], value));
    return new Set(found.filter((term) => term !== undefined));
  }

  /** Hops from one institution's entries to the next one's, by the primary key. */
  *#producedLists(term: number): Generator<readonly [term: number, view: number]> {
    for (let view = -1; ; ) {
      const next = this.#nextView.get(term, view)?.["view"] as number | undefined;
      if (next === undefined) return;
      const produced = next % 2 === 0;
      if (produced) yield [term, next];
      // Past a list of received events lies the next institution.
      view = next;
    }
  }
}

/** Two ordered pages into one, each place once, at most `limit`. */
function mergePages(a: readonly Place[], b: readonly Place[], oldestFirst: boolean, limit: number): Place[] {
  if (a.length === 0) return [...b];
  const merged: Place[] = [];
  for (let i = 0, j = 0; merged.length < limit; ) {
    const left = a[i];
    const right = b[j];
    if (left === undefined && right === undefined) break;
    const order = compare(left, right, oldestFirst);
    merged.push((order <= 0 ? left : right) as Place);
    if (order <= 0) i += 1;
    if (order >= 0) j += 1;
  }
  return merged;
}

function compare(a: Place | undefined, b: Place | undefined, oldestFirst: boolean): number {
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  const order = a.at - b.at || a.seq - b.seq;
  return oldestFirst ? order : -order;
}

function later(a: Place, b: Place): Place {
  return compare(a, b, true) >= 0 ? a : b;
}

function earlier(a: Place, b: Place): Place {
  return compare(a, b, true) <= 0 ? a : b;
}
