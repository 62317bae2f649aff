/**
 * Feed statement: what one ingest process says of one feed and one period, as a trace event of its own. A feed is what
 * one sending system of one institution sends by one way in. That nothing came is said too, so that it can be proven.
 */
import { type NumberRange, NumberRanges } from "./number-ranges.ts";

/** Ways in. */
export const FEED_ENTRIES = ["mllp", "hl7v2", "fhir", "syslog"] as const;
/** `hl7v2` and `fhir` are by HTTP. */
export type FeedEntry = (typeof FEED_ENTRIES)[number];

/** Member `feed` of a trace event; the period is the event's `occurred`, its end not in it. */
export interface FeedStatement {
  readonly entry: FeedEntry;
  /** The sending system as its events name it (`source.system`); {@link OTHER_SYSTEMS} for those beyond the limit. */
  readonly system: string;
  /** Of the ingest process that says it, random at each of its starts. Others may say more of the same feed. */
  readonly process: string;
  /** Place among what the process says of this feed, from 0: one that is left out leaves a hole. */
  readonly place: number;
  /** Messages that were taken in the period; one that came again is not counted again. */
  readonly messages: number;
  /** Messages that came again. */
  readonly repeated: number;
  /** UTC; of the last message before the end of the period. Absent: none since the process has known the feed. */
  readonly lastMessage?: string;
  /** What its sender's numbers (MSH-13, HL7 v2.9 section 2.10.1) were; absent where messages carried none. */
  readonly numbers?: FeedNumbers;
  /** Seconds of silence that are expected at most; absent where nothing is expected. */
  readonly silence_s_max?: number;
}

export interface FeedNumbers {
  /** Those of the messages that were taken, in order. */
  readonly taken: readonly NumberRange[];
  /** They begin anew: below the last one of this process, and not one that it had missed. */
  readonly restarted: boolean;
  /** More were taken than could be listed: what is not in `taken` may not be missing. */
  readonly cut: boolean;
}

/** Stands for all systems of a feed's institution and entry beyond those that are told apart. */
export const OTHER_SYSTEMS = "(others)";

/** Most ranges of numbers in one statement. */
export const FEED_RANGES_MAX = 4_096;

/** The id that statements of a feed are found by. */
export function feedId(institution: string, { entry, system }: Pick<FeedStatement, "entry" | "system">): string {
  return `${institution}/Feed/${entry}/${encodeURIComponent(system)}`;
}

/** A statement and its period, in UTC. */
export interface StatedPeriod {
  readonly statement: FeedStatement;
  readonly from: string;
  /** Not in it. */
  readonly to: string;
}

/** What several statements of one feed amount to. */
export interface FeedSum {
  readonly messages: number;
  readonly repeated: number;
  readonly lastMessage: string | undefined;
  /** How many processes say it. */
  readonly processes: number;
  /** Times that some process covers, in order; what lies between them nobody vouches for. */
  readonly covered: readonly (readonly [from: string, to: string])[];
  /** Statements that are left out: places of a process between others that are there. */
  readonly unstated: number;
  /** The sender's numberings, in order; more than one where it began anew. */
  readonly runs: readonly NumberRun[];
}

export interface NumberRun {
  readonly first: number;
  readonly last: number;
  /** Numbers between first and last that no process took; at most {@link FEED_RANGES_MAX} ranges. */
  readonly missing: readonly NumberRange[];
  /** How many numbers that is, those beyond the limit too. */
  readonly missingCount: number;
  /** Some statement was cut: what is told missing may have been taken. */
  readonly cut: boolean;
}

interface OpenRun {
  readonly taken: NumberRanges;
  readonly processes: Set<string>;
  cut: boolean;
}

/**
 * Adds up what processes say of one feed: each took what it says, so that all of them took what any of them did. A number
 * is missing where none has it.
 */
export function sumOfFeed(stated: readonly StatedPeriod[]): FeedSum {
  const inOrder = [...stated].sort((a, b) => compare(a.from, b.from) || a.statement.place - b.statement.place);
  const last = inOrder.flatMap(({ statement }) => statement.lastMessage ?? []).sort(compare);
  return {
    messages: inOrder.reduce((sum, { statement }) => sum + statement.messages, 0),
    repeated: inOrder.reduce((sum, { statement }) => sum + statement.repeated, 0),
    lastMessage: last.at(-1),
    processes: new Set(inOrder.map(({ statement }) => statement.process)).size,
    covered: coveredBy(inOrder),
    unstated: unstatedIn(inOrder),
    runs: runsOf(inOrder),
  };
}

function coveredBy(inOrder: readonly StatedPeriod[]): [string, string][] {
  const covered: [string, string][] = [];
  for (const { from, to } of inOrder) {
    const last = covered.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = to > last[1] ? to : last[1];
    else covered.push([from, to]);
  }
  return covered;
}

function unstatedIn(inOrder: readonly StatedPeriod[]): number {
  const places = Map.groupBy(inOrder, ({ statement }) => statement.process);
  let unstated = 0;
  for (const stated of places.values()) {
    unstated += NumberRanges.of(stated.map(({ statement: { place } }) => [place, place]))
      .gaps()
      .reduce(sizes, 0);
  }
  return unstated;
}

/**
 * A process that says its numbers begin anew begins another run, unless it took no part in the one at hand: then another
 * process saw it first. So does a number that was taken already: nobody takes a message twice.
 */
function runsOf(inOrder: readonly StatedPeriod[]): NumberRun[] {
  const runs: OpenRun[] = [];
  for (const { statement } of inOrder) {
    const { numbers, process } = statement;
    if (numbers === undefined) continue;
    const taken = NumberRanges.of(numbers.taken);
    const current = runs.at(-1);
    const isAnother =
      current === undefined || (numbers.restarted && current.processes.has(process)) || current.taken.meets(taken);
    const run = isAnother ? { taken: new NumberRanges(), processes: new Set<string>(), cut: false } : current;
    if (isAnother) runs.push(run);
    for (const [first, last] of numbers.taken) run.taken.add(first, last);
    run.processes.add(process);
    run.cut ||= numbers.cut;
  }
  return runs.map(({ taken, cut }) => {
    const gaps = taken.gaps();
    return {
      first: taken.first ?? 0,
      last: taken.last ?? 0,
      missing: gaps.slice(0, FEED_RANGES_MAX),
      missingCount: gaps.reduce(sizes, 0),
      cut,
    };
  });
}

function sizes(sum: number, [first, last]: NumberRange): number {
  return sum + last - first + 1;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
