/** Which segments of a message belong together: those of one event, and inside it those of one record. */
import { EVENT_SEGMENTS_MAX, EVENTS_MAX, holdWithin, PERSONS_MAX } from "../limits.ts";
import { rawField, type Segment } from "../message.ts";
import type { Path, Rule } from "./rule.ts";

/** The segments that one trace event is made of. */
export interface Part {
  readonly segments: readonly Segment[];
  readonly pids: readonly Segment[];
  /** MRG of a pair. */
  readonly mrg: Segment | undefined;
}

/** Segments that open a patient's part; before a PID these belong to it already. */
const PATIENT = "PID";

/**
 * The parts of a message, one for each of its trace events (see {@link Rule.people}). What stands before the first PID
 * belongs to every part.
 */
export function partsOf(segments: readonly Segment[], people: Rule["people"]): Part[] {
  const first = segments.findIndex((segment) => segment.name === PATIENT);
  const pids = segments.filter((segment) => segment.name === PATIENT);
  if (first < 0 || people === "all" || (pids.length === 1 && people !== "prior")) {
    holdWithin(pids.length, PERSONS_MAX, "patients in one event", PATIENT);
    return [{ segments, pids, mrg: undefined }];
  }
  const own = segments.slice(first);
  const events = own.filter(({ name }) => name === PATIENT || (name === "MRG" && people === "prior")).length;
  holdWithin(events, EVENTS_MAX, "patients in a message", PATIENT);
  holdWithin(events * segments.length, EVENT_SEGMENTS_MAX, "patients and segments in a message", PATIENT);
  const common = segments.slice(0, first);
  return cutBefore(own, PATIENT).flatMap((run) => (people === "prior" ? pairsOf(common, run) : [partOf(common, run)]));
}

/** A patient's own segments behind those that all parts have. */
function partOf(common: readonly Segment[], run: readonly Segment[], mrg?: Segment): Part {
  return { segments: [...common, ...run], pids: run.slice(0, 1), mrg };
}

/** One part for each MRG of a PID. */
function pairsOf(common: readonly Segment[], run: readonly Segment[]): Part[] {
  const [head = [], ...chunks] = cutBefore(run, "MRG");
  if (chunks.length === 0) return [partOf(common, head)];
  return chunks.map((chunk) => partOf(common, [...head, ...chunk], chunk[0]));
}

/** Runs of segments; a new one begins before each segment of this name. */
function cutBefore(segments: readonly Segment[], name: string): Segment[][] {
  const runs: Segment[][] = [[]];
  for (const [i, segment] of segments.entries()) {
    if (i > 0 && segment.name === name) runs.push([]);
    runs.at(-1)?.push(segment);
  }
  return runs;
}

/** Looks fields up in one group of an event's segments, and then in what no group holds. */
export class Group {
  readonly #first: Map<string, Segment>;
  readonly #common: ReadonlyMap<string, Segment>;

  constructor(first: Map<string, Segment>, common: ReadonlyMap<string, Segment>) {
    this.#first = first;
    this.#common = common;
  }

  segment(name: string): Segment | undefined {
    return this.#first.get(name) ?? this.#common.get(name);
  }

  /** The first of these fields that has a value, with its segment. */
  find(paths: readonly Path[]): { readonly segment: Segment; readonly field: number } | undefined {
    for (const { segment: name, field } of paths) {
      const segment = this.segment(name);
      if (segment === undefined) continue;
      const text = rawField(segment, field);
      if (text !== "" && text !== '""') return { segment, field };
    }
    return undefined;
  }
}

/**
 * The groups of an event's segments (see {@link Rule.groups}); one of all segments where the rule has none, or where no
 * segment opens one.
 */
export function groupsOf(segments: readonly Segment[], openers: readonly string[]): Group[] {
  const common = new Map<string, Segment>();
  const groups: Map<string, Segment>[] = [];
  let current = common;
  let deepest = -1;
  for (const segment of segments) {
    const depth = openers.indexOf(segment.name);
    if (depth >= 0 && (current === common || depth <= deepest)) {
      current = new Map();
      groups.push(current);
      deepest = depth;
    } else if (depth > deepest) deepest = depth;
    if (!current.has(segment.name)) current.set(segment.name, segment);
  }
  return groups.length === 0 ? [new Group(common, common)] : groups.map((first) => new Group(first, common));
}
