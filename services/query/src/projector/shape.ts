/**
 * Reading a trace event, format version 1, from bytes that nobody vouches for. Everything that is used of it is
 * checked; a fault names the place, never what stands there.
 */
import { HASH_PATTERN } from "@medtrace/shared/model/batch";
import { fromUtf8 } from "@medtrace/shared/model/bytes";
import { TEXT_CHARS_MAX } from "@medtrace/shared/model/event-limits";
import { FEED_ENTRIES, FEED_RANGES_MAX } from "@medtrace/shared/model/feed-statement";
import {
  type ActivityKind,
  type AgentKind,
  type ConsentState,
  type Outcome,
  type RecordRole,
  TRACE_EVENT_FORMAT,
  type TraceEvent,
} from "@medtrace/shared/model/trace-event";

const UTC = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

const keysOf = <Key extends string>(names: Record<Key, true>): ReadonlySet<unknown> => new Set(Object.keys(names));
const ACTIVITIES = keysOf<ActivityKind>({
  create: true,
  read: true,
  update: true,
  delete: true,
  execute: true,
  disclose: true,
  order: true,
  merge: true,
  link: true,
  move: true,
});
const ROLES = keysOf<RecordRole>({
  used: true,
  generated: true,
  revised: true,
  invalidated: true,
  source: true,
  revision: true,
  quotation: true,
  associated: true,
});
const OUTCOMES = keysOf<Outcome>({
  success: true,
  "minor-failure": true,
  "serious-failure": true,
  "major-failure": true,
});
const AGENTS = keysOf<AgentKind>({
  person: true,
  subject: true,
  device: true,
  software: true,
  institution: true,
  unknown: true,
});

const CONSENT_STATUSES = keysOf<ConsentState["status"]>({ active: true, "not-active": true, "entered-in-error": true });

/** Why bytes are not a trace event. */
export class ShapeFault extends Error {}

type Members = Readonly<Record<string, unknown>>;

/**
 * The trace event that these bytes are.
 *
 * @throws ShapeFault naming the first place that is not as format version 1 has it.
 */
export function readTraceEvent(bytes: Uint8Array): TraceEvent {
  const event = object(parse(bytes), "the event");
  if (event["format"] !== TRACE_EVENT_FORMAT) throw new ShapeFault(`format is not ${TRACE_EVENT_FORMAT}`);
  if (typeof event["id"] !== "string" || !HASH_PATTERN.test(event["id"]))
    throw new ShapeFault("id is not 64 hex digits");
  text(event["institution"], "institution");
  checkSource(object(event["source"], "source"));
  const activity = object(event["activity"], "activity");
  oneOf(ACTIVITIES, activity["kind"], "activity.kind");
  list(activity["codes"], "activity.codes", coding);
  oneOf(OUTCOMES, event["outcome"], "outcome");
  checkTimes(event);
  list(event["purposes"], "purposes", coding);
  boolean(event["breakGlass"], "breakGlass");
  list(event["consents"], "consents", text);
  if (event["consentStates"] !== undefined) list(event["consentStates"], "consentStates", consentState);
  list(event["agents"], "agents", agent);
  list(event["records"], "records", record);
  list(event["recipients"], "recipients", text);
  list(event["subjects"], "subjects", text);
  list(event["joins"], "joins", pair);
  if (event["correlation"] !== undefined) text(event["correlation"], "correlation");
  if (event["feed"] !== undefined) checkFeed(event);
  const sealed = object(event["sealed"], "sealed");
  for (const key of ["alg", "subject", "iv", "data"]) string(sealed[key], "sealed");
  string(event["nonce"], "nonce");
  return event as unknown as TraceEvent;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch {
    // The parser's own message quotes what it met.
    throw new ShapeFault("not JSON in UTF-8");
  }
}

function checkSource(source: Members): void {
  for (const key of ["format", "type", "system", "digest"]) string(source[key], "source");
  if (!Number.isSafeInteger(source["index"])) throw new ShapeFault("source.index is not a whole number");
  list(source["flags"], "source.flags", text);
  if (source["patterns"] !== undefined) list(source["patterns"], "source.patterns", text);
}

function checkTimes(event: Members): void {
  time(event["recorded"], "recorded");
  time(event["received"], "received");
  if (event["occurred"] === undefined) return;
  const occurred = object(event["occurred"], "occurred");
  time(occurred["start"], "occurred.start");
  time(occurred["end"], "occurred.end");
}

/** What is stated is added up with more of its kind: every number of it is checked. */
function checkFeed(event: Members): void {
  const feed = object(event["feed"], "feed");
  if (!FEED_ENTRIES.some((entry) => entry === feed["entry"]))
    throw new ShapeFault("feed.entry is none of format version 1");
  text(feed["system"], "feed.system");
  text(feed["process"], "feed.process");
  for (const key of ["place", "messages", "repeated"]) whole(feed[key], `feed.${key}`);
  if (feed["lastMessage"] !== undefined && !isUtc(feed["lastMessage"]))
    throw new ShapeFault("feed.lastMessage is no UTC time");
  if (feed["silence_s_max"] !== undefined) whole(feed["silence_s_max"], "feed.silence_s_max");
  if (event["occurred"] === undefined) throw new ShapeFault("a feed statement has no period");
  if (feed["numbers"] === undefined) return;
  const { taken, restarted, cut } = object(feed["numbers"], "feed.numbers");
  boolean(restarted, "feed.numbers.restarted");
  boolean(cut, "feed.numbers.cut");
  if (!Array.isArray(taken) || taken.length > FEED_RANGES_MAX)
    throw new ShapeFault("feed.numbers.taken is not a list, or too long");
  let end = -1;
  for (const range of taken) {
    if (!Array.isArray(range) || range.length !== 2) throw new ShapeFault("feed.numbers.taken are not ranges");
    for (const number of range) whole(number, "feed.numbers.taken");
    if (range[0] <= end || range[1] < range[0]) throw new ShapeFault("feed.numbers.taken are not in order");
    end = range[1];
  }
}

function agent(value: unknown, where: string): void {
  const { id, kind, roles, requestor, onBehalfOf } = object(value, where);
  text(id, "agents.id");
  oneOf(AGENTS, kind, "agents.kind");
  list(roles, "agents.roles", text);
  if (requestor !== undefined) boolean(requestor, "agents.requestor");
  if (onBehalfOf !== undefined) text(onBehalfOf, "agents.onBehalfOf");
}

function consentState(value: unknown, where: string): void {
  const { id, version, status, from, to } = object(value, where);
  text(id, where);
  if (version !== undefined) text(version, where);
  oneOf(CONSENT_STATUSES, status, where);
  for (const bound of [from, to]) {
    if (bound !== undefined && (typeof bound !== "string" || !UTC.test(bound)))
      throw new ShapeFault(`${where} has no UTC time`);
  }
}

function record(value: unknown, where: string): void {
  const { id, type, version, role } = object(value, where);
  text(id, "records.id");
  text(type, "records.type");
  if (version !== undefined) text(version, "records.version");
  oneOf(ROLES, role, "records.role");
}

function coding(value: unknown, where: string): void {
  const { system, code } = object(value, where);
  string(code, where);
  if (system !== undefined) string(system, where);
}

function pair(value: unknown, where: string): void {
  if (!Array.isArray(value) || value.length !== 2) throw new ShapeFault(`${where} are not pairs`);
  for (const token of value) text(token, where);
}

function time(value: unknown, where: string): void {
  const { given, utc } = object(value, where);
  string(given, where);
  if (!isUtc(utc)) throw new ShapeFault(`${where} has no UTC time`);
}

function isUtc(value: unknown): boolean {
  return typeof value === "string" && UTC.test(value) && !Number.isNaN(Date.parse(value));
}

function whole(value: unknown, where: string): void {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new ShapeFault(`${where} is not a whole number`);
}

function object(value: unknown, where: string): Members {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Members;
  throw new ShapeFault(`${where} is not an object`);
}

function list(value: unknown, where: string, check: (item: unknown, where: string) => void): void {
  if (!Array.isArray(value)) throw new ShapeFault(`${where} is not a list`);
  for (const item of value) check(item, where);
}

/** Text that is looked up by: not empty, bounded, and with a UTF-8 form. */
function text(value: unknown, where: string): void {
  if (typeof value !== "string") throw new ShapeFault(`${where} is not text`);
  if (value.length === 0 || value.length > TEXT_CHARS_MAX || !value.isWellFormed()) {
    throw new ShapeFault(`${where} is not 1 to ${TEXT_CHARS_MAX} characters of text`);
  }
}

function string(value: unknown, where: string): void {
  if (typeof value !== "string") throw new ShapeFault(`${where} is not text`);
}

function boolean(value: unknown, where: string): void {
  if (typeof value !== "boolean") throw new ShapeFault(`${where} is not true or false`);
}

function oneOf(known: ReadonlySet<unknown>, value: unknown, where: string): void {
  if (!known.has(value)) throw new ShapeFault(`${where} is not one of format version 1`);
}
