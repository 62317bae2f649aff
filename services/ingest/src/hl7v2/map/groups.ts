/** Which segments of a message belong together: those of one event, and inside it those of one record. */
import { EVENTS_MAX, holdWithin } from "../limits.ts";
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
  const whole: Part = { segments, pids: segments.filter((segment) => segment.name === PATIENT), mrg: undefined };
  if (first < 0 || people === "all") return [whole];
  if (whole.pids.length === 1 && people !== "prior") return [whole];
  const common = segments.slice(0, first);
  const parts = cutBefore(segments.slice(first), (segment) => segment.name === PATIENT).flatMap((own) => {
    const pids = own.slice(0, 1);
    const chunks = people === "prior" ? cutBefore(own, (segment) => segment.name === "MRG") : [own];
    const [head = [], ...pairs] = chunks;
    if (pairs.length === 0) return [{ segments: [...common, ...head], pids, mrg: undefined }];
    return pairs.map((pair): Part => ({ segments: [...common, ...head, ...pair], pids, mrg: pair[0] }));
  });
  holdWithin(parts.length, EVENTS_MAX, "patients in a message", PATIENT);
  return parts;
}

/** Runs of segments; a new one begins before each segment that `opens`. */
function cutBefore(segments: readonly Segment[], opens: (segment: Segment) => boolean): Segment[][] {
  const runs: Segment[][] = [[]];
  segments.forEach((segment, i) => {
    if (i > 0 && opens(segment)) runs.push([]);
    runs.at(-1)?.push(segment);
  });
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
