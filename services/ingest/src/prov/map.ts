/**
 * A PROV document to drafts: each activity is an event, as docs/prov.md has it. An event says that all it made was made of
 * all its sources; an activity that made different things of different sources becomes one event for each of these.
 */
import { MedtraceError } from "@medtrace/shared/errors";
import { canonicalBytes, type Json } from "@medtrace/shared/model/canonical";
import { INDEX_ENTRIES_MAX } from "@medtrace/shared/model/event-limits";
import type { ProvAttributes, ProvContents, ProvRelation, ProvValue } from "@medtrace/shared/model/prov/document";
import { MEDTRACE_NAMESPACE, nameText, type QualifiedName } from "@medtrace/shared/model/prov/names";
import { traceTime } from "@medtrace/shared/model/time";
import type { ActivityKind, Coding, Outcome, RecordRole, TraceTime } from "@medtrace/shared/model/trace-event";
import { holdWithin } from "../fhir/limits.ts";
import type { Draft, DraftAgent, DraftRecord, MappingContext } from "../normalise/draft.ts";
import { type ActivityStatements, type Gathered, gathered, parsed, textOf } from "./statements.ts";
import { Things } from "./things.ts";

export interface ProvMapping {
  readonly drafts: readonly Draft[];
  /** How many statements have no place in a trace event, by their kind. */
  readonly left: Readonly<Record<string, number>>;
}

export interface ProvContext {
  readonly context: MappingContext;
  readonly iriOf: (name: QualifiedName) => string;
  /** The bundle that it is told in: another bundle may say other things of the same activity. */
  readonly bundle?: QualifiedName;
  /** When the document came: stands in where an activity has no time at all. */
  readonly now: TraceTime;
}

/**
 * The drafts of a document's own descriptions, or of a bundle's.
 *
 * @throws MedtraceError INPUT_TOO_LARGE for a name, or for an activity of more than one event can hold.
 */
export function draftsOfProv(contents: ProvContents, parts: ProvContext): ProvMapping {
  const found = gathered(contents, parts.iriOf);
  return { drafts: found.activities.flatMap((activity) => draftsOf(activity, found, parts)), left: found.left };
}

/** What was made together of the same sources. */
interface Making {
  readonly made: readonly QualifiedName[];
  readonly sources: ReadonlyMap<string, readonly [QualifiedName, RecordRole]>;
}

function draftsOf(activity: ActivityStatements, found: Gathered, parts: ProvContext): Draft[] {
  const { context, iriOf } = parts;
  const flags = new Set<string>();
  const { attributes } = activity;
  const said = {
    activity: { kind: kindOf(activity, iriOf), codes: textsOf(attributes, "code", iriOf).map(codingOf) },
    outcome: outcomeOf(attributes, iriOf),
    ...timesOf(activity, parts, flags),
    purposes: textsOf(attributes, "purpose", iriOf).map(codingOf),
    breakGlass: truthOf(attributes, "breakGlass", iriOf),
  };
  const message = messageOf(activity, parts);
  const makings = makingsOf(activity);
  holdTogether(makings.length, activity.associated.length);
  return makings.map((making, index): Draft => {
    const things = new Things(context, iriOf, found.describe);
    const records = recordsOf(activity, making, index, things);
    const { agents, recipients, consents, plans } = agentsOf(activity, found, things, iriOf);
    const clear = { ...said, consents, agents, records: [...records, ...plans], recipients };
    const persons = things.persons.list;
    return holdWithin({
      format: "prov-json",
      type: "PROV",
      system: `${context.institution}/prov`,
      ...(message === undefined ? {} : { messageId: message }),
      index,
      flags: [...flags].sort(),
      raw: canonicalBytes({ ...clear, persons, message } as unknown as Json),
      ...clear,
      persons,
      joins: [],
      sealed: things.sealing.content(persons),
    });
  });
}

/** Each event of an activity names all of its agents: the product is what must be held. */
function holdTogether(events: number, agents: number): void {
  if (events * (agents + 1) <= INDEX_ENTRIES_MAX) return;
  throw new MedtraceError(
    "INPUT_TOO_LARGE",
    "an activity makes too many things of different sources by too many agents",
    {
      at: "wasDerivedFrom",
      hint: "send what was done as several activities",
    },
  );
}

/** Names of activities are unique, so that one is an event once, however often it is told of. */
function messageOf({ name }: ActivityStatements, { iriOf, bundle }: ProvContext): string | undefined {
  if (name === undefined) return undefined;
  return bundle === undefined ? iriOf(name) : JSON.stringify([iriOf(bundle), iriOf(name)]);
}

function makingsOf({ generated, derived }: ActivityStatements): Making[] {
  const sources = new Map<string, Map<string, readonly [QualifiedName, RecordRole]>>();
  const made = new Map<string, QualifiedName>();
  for (const { arguments: args } of [...generated, ...derived]) {
    const [entity] = args;
    if (typeof entity === "object") made.set(nameText(entity), entity);
  }
  for (const relation of derived) {
    const [to, from] = relation.arguments;
    if (typeof from !== "object") continue;
    const own = sources.get(textOf(to)) ?? new Map<string, readonly [QualifiedName, RecordRole]>();
    sources.set(textOf(to), own.set(nameText(from), [from, roleOf(relation)]));
  }
  const makings = new Map<string, Making>();
  for (const [key, name] of made) {
    const own: Making["sources"] = sources.get(key) ?? new Map();
    const together = JSON.stringify([...own].map(([from, [, role]]) => [from, role]).sort());
    const known = makings.get(together)?.made ?? [];
    makings.set(together, { made: [...known, name], sources: own });
  }
  return makings.size === 0 ? [{ made: [], sources: new Map() }] : [...makings.values()];
}

/** prov:Revision and prov:Quotation are derivations of those types (PROV-DM sections 5.2.2 and 5.2.3). */
function roleOf({ attributes }: ProvRelation): RecordRole {
  const types = (attributes.get("prov:type") ?? []).flatMap((value) =>
    typeof value === "object" && "name" in value && value.name.prefix === "prov" ? [value.name.local] : [],
  );
  if (types.includes("Revision")) return "revision";
  return types.includes("Quotation") ? "quotation" : "source";
}

/** What is merely used, and what is no more, is said once: by the first event of the activity. */
function recordsOf(activity: ActivityStatements, making: Making, index: number, things: Things): DraftRecord[] {
  const records: DraftRecord[] = [...making.sources.values()].map(([name, role]) =>
    things.record(name, role, "wasDerivedFrom"),
  );
  for (const name of making.made) records.push(things.record(name, "generated", "wasGeneratedBy"));
  if (index > 0) return records;
  const derivedFrom = new Set(activity.derived.map(({ arguments: args }) => textOf(args[1])));
  for (const { arguments: args } of activity.used) {
    const [, entity] = args;
    if (typeof entity === "object" && !derivedFrom.has(nameText(entity)))
      records.push(things.record(entity, "used", "used"));
  }
  for (const { arguments: args } of activity.invalidated) {
    const [entity] = args;
    if (typeof entity === "object") records.push(things.record(entity, "invalidated", "wasInvalidatedBy"));
  }
  return records;
}

interface Parties {
  readonly agents: readonly DraftAgent[];
  readonly recipients: readonly string[];
  readonly consents: readonly string[];
  /** Plans that are no consents: named beside. */
  readonly plans: readonly DraftRecord[];
}

const AT_AGENT = "wasAssociatedWith";

function agentsOf(
  activity: ActivityStatements,
  { delegations }: Gathered,
  things: Things,
  iriOf: ProvContext["iriOf"],
): Parties {
  const agents = new Map<string, DraftAgent>();
  const recipients = new Set<string>();
  const consents = new Set<string>();
  const plans = new Map<string, DraftRecord>();
  for (const { arguments: args, attributes } of activity.associated) {
    const [, name, plan] = args;
    if (typeof plan === "object") {
      const record = things.record(plan, "associated", AT_AGENT);
      if (things.isConsent(plan) && typeof record.id === "string") consents.add(record.id);
      else plans.set(nameText(plan), record);
    }
    if (typeof name !== "object") continue;
    const roles = (attributes.get("prov:role") ?? []).flatMap((role) => roleText(role));
    const agent = things.agent(name, roles, AT_AGENT);
    if (isRecipient(attributes, iriOf) && typeof agent.id === "string") recipients.add(agent.id);
    else agents.set(nameText(name), { ...agent, ...delegated(name), ...requestor(attributes) });
  }
  return {
    agents: [...agents.values()],
    recipients: [...recipients],
    consents: [...consents],
    plans: [...plans.values()],
  };

  function delegated(name: QualifiedName): Partial<DraftAgent> {
    const own =
      activity.name === undefined ? undefined : delegations.get(`${nameText(activity.name)} ${nameText(name)}`);
    const principal = own ?? delegations.get(` ${nameText(name)}`);
    const id = principal === undefined ? undefined : things.principal(principal, "actedOnBehalfOf");
    return id === undefined ? {} : { onBehalfOf: id };
  }

  function requestor(attributes: ProvAttributes): Partial<DraftAgent> {
    return truthOf(attributes, "requestor", iriOf) ? { requestor: true } : {};
  }
}

const ROLE_CHARACTERS_MAX = 512;

function roleText(role: ProvValue): string[] {
  const text = typeof role === "string" ? role : "name" in role ? role.name.local : role.text;
  return text === "" ? [] : [text.slice(0, ROLE_CHARACTERS_MAX).toWellFormed()];
}

function isRecipient(attributes: ProvAttributes, iriOf: ProvContext["iriOf"]): boolean {
  return (attributes.get("prov:role") ?? []).some(
    (role) => typeof role === "object" && "name" in role && iriOf(role.name) === `${MEDTRACE_NAMESPACE}recipient`,
  );
}

/** Whether an attribute of this platform stands there as true. */
function truthOf(attributes: ProvAttributes, local: string, iriOf: ProvContext["iriOf"]): boolean {
  return [...attributes].some(
    ([key, values]) =>
      iriOf(parsed(key)) === `${MEDTRACE_NAMESPACE}${local}` &&
      values.some((value) => typeof value === "object" && "text" in value && value.text === "true"),
  );
}

/** Texts of an attribute of this platform. */
function textsOf(attributes: ProvAttributes, local: string, iriOf: ProvContext["iriOf"]): string[] {
  const own = [...attributes].filter(([key]) => iriOf(parsed(key)) === `${MEDTRACE_NAMESPACE}${local}`);
  return own.flatMap(([, values]) => values.filter((value) => typeof value === "string")).filter((one) => one !== "");
}

/** `system|code`, as this platform writes it. */
function codingOf(text: string): Coding {
  const bar = text.lastIndexOf("|");
  return bar <= 0 ? { code: text } : { system: text.slice(0, bar), code: text.slice(bar + 1) };
}

const OUTCOMES: readonly Outcome[] = ["minor-failure", "serious-failure", "major-failure"];

function outcomeOf(attributes: ProvAttributes, iriOf: ProvContext["iriOf"]): Outcome {
  const [said] = textsOf(attributes, "outcome", iriOf);
  return OUTCOMES.find((one) => one === said) ?? "success";
}

const KINDS: readonly ActivityKind[] = [
  "create",
  "read",
  "update",
  "delete",
  "execute",
  "disclose",
  "order",
  "merge",
  "link",
  "move",
];

/** What the activity says to be in this platform's words; else what it did. */
function kindOf(activity: ActivityStatements, iriOf: ProvContext["iriOf"]): ActivityKind {
  for (const value of activity.attributes.get("prov:type") ?? []) {
    if (typeof value !== "object" || !("name" in value)) continue;
    const kind = KINDS.find((one) => iriOf(value.name) === `${MEDTRACE_NAMESPACE}${one}`);
    if (kind !== undefined) return kind;
  }
  if (activity.derived.some((relation) => roleOf(relation) === "revision")) return "update";
  if (activity.generated.length + activity.derived.length > 0) return "create";
  if (activity.invalidated.length > 0) return "delete";
  return activity.used.length > 0 ? "read" : "execute";
}

/** When it was: its own times, else those of what it used, made and ended. What has no offset is read in the zone. */
function timesOf(
  activity: ActivityStatements,
  { context, now }: ProvContext,
  flags: Set<string>,
): Pick<Draft, "recorded"> & Partial<Pick<Draft, "occurred">> {
  const read = (given: string | undefined): TraceTime[] => {
    if (given === undefined) return [];
    const hasOffset = /(Z|[+-]\d\d:\d\d)$/.test(given);
    if (!hasOffset) flags.add("prov:assumed-offset");
    const time = traceTime(hasOffset ? given : `${given}${context.zone}`);
    return time === undefined ? [] : [time];
  };
  const own = [...read(activity.start), ...read(activity.end)];
  const events = [...activity.used, ...activity.generated, ...activity.invalidated].flatMap(({ arguments: args }) => {
    const [, , time] = args;
    return typeof time === "string" ? read(time) : [];
  });
  const times = (own.length > 0 ? own : events).sort((a, b) => (a.utc < b.utc ? -1 : Number(a.utc > b.utc)));
  const [start, end = start] = [times[0], times.at(-1)];
  if (start === undefined || end === undefined) {
    flags.add("prov:no-time");
    return { recorded: now };
  }
  return { occurred: { start, end }, recorded: end };
}
