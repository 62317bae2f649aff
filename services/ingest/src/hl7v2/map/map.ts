/** The mapping of HL7 v2 messages to drafts of trace events. Pure: no clock, no directory but the one it is given. */
import type { Coding, Outcome, TraceTime } from "@medtrace/shared/model/trace-event";
import type { Draft } from "../../normalise/draft.ts";
import type { Hl7Flag } from "../flags.ts";
import { field, type Message, rawField, type Segment } from "../message.ts";
import { readTime } from "../time.ts";
import { accessOf } from "./access.ts";
import { agentsOf, recipientsOf } from "./agents.ts";
import { type Flags, type Hl7Context, idText } from "./context.ts";
import { type Group, groupsOf, type Part, partsOf } from "./groups.ts";
import { isSame, type Person, personOfMrg, personOfPid, personOfQuery, without } from "./people.ts";
import { type Cast, recordsOf } from "./records.ts";
import type { Rule } from "./rule.ts";
import { sealedOf } from "./sealed.ts";
import { EXCHANGE, ruleFor } from "./table.ts";

const EVENT_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0003";
/** HL7 table 0008: an answer that says its question failed. */
const FAILED = /^[AC][ER]$/;

const SEQUENCE_NUMBER = /^[1-9]\d{0,14}$/;

interface Header {
  readonly type: string;
  readonly event: string;
  readonly system: string;
  readonly messageId: string;
  readonly number: number | undefined;
  readonly recorded: TraceTime;
  readonly flags: readonly Hl7Flag[];
  readonly rule: Rule;
}

/**
 * The drafts of one message, one for each of its trace events: see `map/table.ts` for what is made of which message.
 *
 * @param raw the message's bytes, as they came.
 * @throws MedtraceError INPUT_TOO_LARGE where it asks for more than `limits.ts` allows.
 */
export function mapMessage(message: Message, raw: Uint8Array, context: Hl7Context): Draft[] {
  const header = headerOf(message, context);
  return partsOf(message.segments, header.rule.people).map((part, index) =>
    draftOf(message.msh, header, part, index, raw, context),
  );
}

function headerOf({ msh, segments, flags: odd }: Message, context: Hl7Context): Header {
  const flags: Flags = new Set(odd);
  const evn = segments.find((segment) => segment.name === "EVN");
  const type = codeText(field(msh, 9), "MSH-9");
  const triggered = evn === undefined ? "" : codeText(field(evn, 1), "EVN-1");
  const event = codeText(field(msh, 9, 1, 2), "MSH-9") || triggered;
  if (type === "") flags.add("hl7:no-message-type");
  if (triggered !== "" && triggered !== event) flags.add("hl7:event-mismatch");
  const rule = ruleFor(type, event);
  if (rule === undefined) flags.add("hl7:unknown-message-type");
  const processing = field(msh, 11).toUpperCase();
  if (processing !== "P") flags.add(processing === "" ? "hl7:no-processing-id" : "hl7:not-production");
  return {
    type: event === "" ? type : `${type}^${event}`,
    event,
    system: `${systemName(msh, 3)}|${systemName(msh, 4)}`,
    messageId: idText(field(msh, 10), "MSH-10"),
    number: sequenceNumber(msh),
    recorded: recordedOf(msh, flags, context),
    flags: [...flags],
    rule: rule ?? EXCHANGE,
  };
}

function draftOf(msh: Segment, header: Header, part: Part, index: number, raw: Uint8Array, context: Hl7Context): Draft {
  const { rule } = header;
  const flags: Flags = new Set(header.flags);
  const groups = groupsOf(part.segments, rule.groups ?? []);
  const cast = castOf(part, rule, flags, context);
  const records = recordsOf(rule, groups, cast, flags, context);
  const agents = agentsOf(msh, part.segments, flags, context);
  const access = accessOf(part.segments, flags, context);
  const occurred = occurredOf(part, groups, rule, flags, context);
  const failed = part.segments.some((segment) => segment.name === "MSA" && FAILED.test(field(segment, 1)));
  const outcome: Outcome = failed ? "serious-failure" : "success";
  return {
    format: "hl7v2",
    type: header.type,
    system: header.system,
    messageId: header.messageId,
    ...(header.number === undefined ? {} : { number: header.number }),
    index,
    flags: [...flags].sort(),
    raw,
    activity: { kind: rule.kind, codes: codesOf(header.event) },
    outcome,
    ...(occurred === undefined ? {} : { occurred }),
    recorded: header.recorded,
    ...access,
    agents: agents.agents,
    records: failed ? records.records.map((record) => ({ ...record, role: "associated" })) : records.records,
    recipients: rule.disclosed && !failed ? recipientsOf(msh, context) : [],
    persons: cast.persons.map(({ identifiers }) => ({ identifiers })),
    joins: rule.joins ? cast.persons.slice(1).map((_, i): [number, number] => [0, i + 1]) : [],
    sealed: sealedOf(part.segments, cast.persons, { ...agents.labels, ...records.labels }, agents.unidentified),
  };
}

function castOf(part: Part, rule: Rule, flags: Flags, context: Hl7Context): Cast {
  const people = part.pids.map((pid) => personOfPid(pid, flags, context)).filter(isIdentified);
  if (part.pids.length === 0 && typeof rule.people === "object") {
    const { segment: name, field: n } = rule.people;
    const query = part.segments.find((segment) => segment.name === name);
    const asked = query === undefined ? undefined : personOfQuery(query, n, flags, context);
    if (asked !== undefined && isIdentified(asked)) people.push(asked);
  }
  if (people.length === 0) flags.add("hl7:no-patient-identifier");
  if (rule.people !== "prior") return { persons: people, prior: undefined };
  const before = part.mrg === undefined ? undefined : personOfMrg(part.mrg, flags, context);
  const [now] = people;
  if (before === undefined || !isIdentified(before)) {
    flags.add("hl7:no-prior-patient");
    return { persons: people, prior: undefined };
  }
  if (now === undefined) return { persons: [before], prior: 0 };
  if (isSame(before, now) && isSame(now, before)) {
    flags.add("hl7:same-prior-patient");
    return { persons: [now], prior: undefined };
  }
  // An identifier on both sides is the prior person's in a merge, and the surviving one's to be in a move.
  const own = without(now, before);
  return { persons: [own, rule.joins ? before : without(before, now)], prior: 1 };
}

const isIdentified = (person: Person): boolean => person.identifiers.length > 0;

/** EVN-6, else from the first to the last of the rule's own times. */
function occurredOf(
  part: Part,
  groups: readonly Group[],
  rule: Rule,
  flags: Flags,
  context: Hl7Context,
): Draft["occurred"] {
  const evn = part.segments.find((segment) => segment.name === "EVN");
  const said = evn === undefined ? undefined : timeOf(field(evn, 6), flags, context);
  if (said !== undefined) return { start: said, end: said };
  let start: TraceTime | undefined;
  let end: TraceTime | undefined;
  for (const group of rule.occurred === undefined ? [] : groups) {
    const found = group.find(rule.occurred ?? []);
    const time = found === undefined ? undefined : timeOf(field(found.segment, found.field), flags, context);
    if (time === undefined) continue;
    if (start === undefined || time.utc < start.utc) start = time;
    if (end === undefined || time.utc > end.utc) end = time;
  }
  return start === undefined || end === undefined ? undefined : { start, end };
}

function recordedOf(msh: Segment, flags: Flags, context: Hl7Context): TraceTime {
  const text = field(msh, 7);
  if (text === "") flags.add("hl7:no-message-time");
  return timeOf(text, flags, context) ?? context.received;
}

function timeOf(text: string, flags: Flags, context: Hl7Context): TraceTime | undefined {
  if (text === "") return undefined;
  const read = readTime(text, context.zone);
  if (read === undefined) {
    flags.add("hl7:unreadable-time");
    return undefined;
  }
  for (const flag of read.flags) flags.add(flag);
  return read.time;
}

function codesOf(event: string): Coding[] {
  return event === "" ? [] : [{ system: EVENT_TYPE, code: event }];
}

/** A code of the header: in capitals, as HL7's tables have it. */
function codeText(text: string, at: string): string {
  return idText(text, at).toUpperCase();
}

/** MSH-13, where it is a number of the sequence number protocol: 0 and -1 ask where numbers stand, and count nothing. */
function sequenceNumber(msh: Segment): number | undefined {
  const text = field(msh, 13);
  return SEQUENCE_NUMBER.test(text) ? Number(text) : undefined;
}

/** An HD as it names itself: namespace, and the universal id with its type where there is one. */
function systemName(msh: Segment, n: number): string {
  const { component, subcomponent, escape: escaping } = msh.syntax.delimiters;
  const text = rawField(msh, n);
  if (!text.includes(component) && !text.includes(subcomponent) && !text.includes(escaping))
    return idText(field(msh, n), `MSH-${n}`);
  const parts = [1, 2, 3].map((component) => idText(field(msh, n, 1, component), `MSH-${n}`));
  return parts.join("^").replace(/\^+$/, "");
}
