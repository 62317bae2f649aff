/** FHIR R4 Provenance to a draft (hl7.org/fhir/R4/provenance.html). */
import { traceTime } from "@medtrace/shared/model/time";
import type { RecordRole, TraceTime } from "@medtrace/shared/model/trace-event";
import type { Draft, DraftAgent, DraftRecord, MappingContext } from "../normalise/draft.ts";
import { type AgentParts, agentOf } from "./agents.ts";
import { child, children, codings, type Element, invalid, rawOf, text } from "./element.ts";
import { Persons } from "./persons.ts";
import { referenceReader } from "./reference.ts";
import { Sealing } from "./sealed.ts";

const AT = "Provenance";

/** provenance-entity-role to the record's role. */
const ROLE_OF_ENTITY: ReadonlyMap<string, RecordRole> = new Map(
  Object.entries<RecordRole>({
    derivation: "source",
    source: "source",
    revision: "revision",
    quotation: "quotation",
    removal: "invalidated",
  }),
);

/**
 * The draft of a Provenance: targets were generated, entities used as their role says.
 *
 * @throws MedtraceError INPUT_INVALID: no target, no readable recorded time, no agent, or a wrong JSON type.
 */
export function draftOfProvenance(
  resource: Element,
  context: MappingContext,
  resolve?: (fullUrl: string) => string | undefined,
): Draft {
  const flags = new Set<string>();
  const references = referenceReader(context, resolve);
  const persons = new Persons();
  const sealing = new Sealing();
  const parts: AgentParts = { context, references, persons, sealing };

  const targets = children(resource, "target", AT);
  if (targets.length === 0) throw invalid(`${AT}.target`, "is required", "name what was generated");
  const recorded = requiredInstant(resource);
  const agentElements = children(resource, "agent", AT);
  if (agentElements.length === 0) throw invalid(`${AT}.agent`, "is required", "name who is responsible");

  const records = [
    ...targets.flatMap((target, i) => recordOf(target, "generated", `${AT}.target[${i}]`, parts, flags)),
    ...children(resource, "entity", AT).flatMap((entity, i) =>
      entityRecord(entity, `${AT}.entity[${i}]`, parts, flags),
    ),
  ];
  const agents = agentElements.flatMap((agent, i) => delegated(agent, `${AT}.agent[${i}]`, parts, flags));
  const activity = child(resource, "activity", AT);
  const occurred = occurredOf(resource, flags);
  return {
    format: "fhir-r4",
    type: "Provenance",
    system: `${context.institution}/fhir`,
    index: 0,
    flags: [...flags].sort(),
    raw: rawOf(resource, AT),
    activity: { kind: "create", codes: activity === undefined ? [] : codings([activity], `${AT}.activity`) },
    outcome: "success",
    ...(occurred === undefined ? {} : { occurred }),
    recorded,
    purposes: codings(children(resource, "reason", AT), `${AT}.reason`),
    breakGlass: false,
    consents: [],
    agents,
    records,
    recipients: [],
    persons: persons.list,
    joins: [],
    sealed: sealing.content(persons.list),
  };
}

function requiredInstant(resource: Element): TraceTime {
  const given = text(resource, "recorded", AT);
  if (given === undefined) throw invalid(`${AT}.recorded`, "is required", "an instant such as 2026-11-23T05:00:00Z");
  const time = traceTime(given);
  if (time === undefined) throw invalid(`${AT}.recorded`, "is not an instant", "2026-11-23T05:00:00Z is one");
  return time;
}

function occurredOf(resource: Element, flags: Set<string>): Draft["occurred"] {
  const period = child(resource, "occurredPeriod", AT);
  const start =
    period === undefined ? text(resource, "occurredDateTime", AT) : text(period, "start", `${AT}.occurredPeriod`);
  const end = period === undefined ? start : text(period, "end", `${AT}.occurredPeriod`);
  if (start === undefined && end === undefined) return undefined;
  const from = traceTime(start ?? end ?? "");
  const to = traceTime(end ?? start ?? "");
  if (from !== undefined && to !== undefined) return { start: from, end: to };
  flags.add("fhir:unreadable-occurred");
  return undefined;
}

function recordOf(
  reference: Element,
  role: RecordRole,
  at: string,
  { references, persons, sealing, context }: AgentParts,
  flags: Set<string>,
): DraftRecord[] {
  const patient = references.patient(reference, at);
  if (patient !== undefined) return [{ id: { person: persons.place(patient) }, type: "Patient", role }];
  const target = references.target(reference, at);
  const type = target?.type ?? text(reference, "type", at) ?? "Resource";
  const id = target?.id ?? references.logicalId(reference, type, at);
  if (id === undefined) {
    flags.add("fhir:entity-without-reference");
    return [];
  }
  const display = text(reference, "display", at);
  if (display !== undefined) sealing.label(id, [display]);
  // A whole organisation is no record.
  if (id === context.institution) return [];
  return [{ id, type, ...(target?.version === undefined ? {} : { version: target.version }), role }];
}

function entityRecord(entity: Element, at: string, parts: AgentParts, flags: Set<string>): DraftRecord[] {
  const role = ROLE_OF_ENTITY.get(text(entity, "role", at) ?? "");
  if (role === undefined) flags.add("fhir:unknown-entity-role");
  const what = child(entity, "what", at);
  if (what === undefined) {
    flags.add("fhir:entity-without-reference");
    return [];
  }
  return recordOf(what, role ?? "used", `${at}.what`, parts, flags);
}

/** An agent, and the one it acted for. */
function delegated(agent: Element, at: string, parts: AgentParts, flags: Set<string>): DraftAgent[] {
  const found = agentOf(agent, child(agent, "who", at), at, parts);
  if (found === undefined) {
    flags.add("fhir:unidentified-agent");
    return [];
  }
  const behalf = child(agent, "onBehalfOf", at);
  const principal = behalf === undefined ? undefined : agentOf({}, behalf, `${at}.onBehalfOf`, parts);
  if (principal === undefined) return [found];
  // Whoever acted for a patient acted for a person of the event, who has no clear id yet.
  if (typeof principal.id !== "string") return [found, principal];
  return [{ ...found, onBehalfOf: principal.id }, principal];
}
