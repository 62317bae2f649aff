/** FHIR R4 AuditEvent to a draft (hl7.org/fhir/R4/auditevent.html; IHE BALP 1.1). Odd is taken and flagged. */
import { traceTime } from "@medtrace/shared/model/time";
import type { ActivityKind, Coding, Outcome, RecordRole, TraceTime } from "@medtrace/shared/model/trace-event";
import type { Draft, DraftAgent, DraftRecord, MappingContext } from "../normalise/draft.ts";
import { type AgentParts, agentOf, roleCodes } from "./agents.ts";
import { balpFlags } from "./balp.ts";
import { child, children, coding, codings, type Element, invalid, rawOf, text } from "./element.ts";
import { Persons } from "./persons.ts";
import { type ReferenceReader, referenceReader } from "./reference.ts";
import { Sealing } from "./sealed.ts";

const AT = "AuditEvent";

/** A map, as every table that a sender's codes are looked up in: `constructor` is a member of plain objects. */
const KIND_OF_ACTION: ReadonlyMap<string, ActivityKind> = new Map(
  Object.entries<ActivityKind>({
    C: "create",
    R: "read",
    U: "update",
    D: "delete",
    E: "execute",
  }),
);

/** Where `action` is absent: the restful interaction (code system restful-interaction). */
const KIND_OF_INTERACTION: ReadonlyMap<string, ActivityKind> = new Map(
  Object.entries<ActivityKind>({
    create: "create",
    read: "read",
    vread: "read",
    "history-instance": "read",
    update: "update",
    patch: "update",
    delete: "delete",
  }),
);

const OUTCOMES: ReadonlyMap<string, Outcome> = new Map(
  Object.entries<Outcome>({
    "0": "success",
    "4": "minor-failure",
    "8": "serious-failure",
    "12": "major-failure",
  }),
);

const ROLE_OF_KIND: Readonly<Partial<Record<ActivityKind, RecordRole>>> = {
  create: "generated",
  update: "revised",
  delete: "invalidated",
};

/** v3-ActReason codes that override normal access. */
const BREAK_GLASS: ReadonlySet<string> = new Set(["BTG", "ETREAT"]);
/** DICOM 110106 Export; ISO 21089 lifecycle and v3 disclosure codes. */
const DISCLOSURES: ReadonlySet<string> = new Set(["110106", "disclose", "Disclosure", "disclosure"]);
/** Agents that receive: DICOM 110152 Destination Role ID, v3 IRCP and RCV. */
const RECEIVERS: ReadonlySet<string> = new Set(["110152", "IRCP", "RCV"]);
/** object-role: 24 Query, 1 Patient. */
const ROLE_QUERY = "24";
const ROLE_PATIENT = "1";

/**
 * The draft of an AuditEvent.
 *
 * @param resolve see {@link referenceReader}.
 * @throws MedtraceError INPUT_INVALID at the FHIRPath of what makes it impossible to trace: no type, no readable
 * recorded time, no agent, or an element of the wrong JSON type.
 */
export function draftOfAuditEvent(
  resource: Element,
  context: MappingContext,
  resolve?: (fullUrl: string) => string | undefined,
): Draft {
  const flags = new Set<string>();
  const references = referenceReader(context, resolve);
  const persons = new Persons();
  const sealing = new Sealing();
  const parts: AgentParts = { context, references, persons, sealing };

  const type = coding(child(resource, "type", AT), `${AT}.type`);
  if (type === undefined) throw invalid(`${AT}.type`, "is required", "say what kind of event it is");
  const subtypes = children(resource, "subtype", AT).flatMap((one) => coding(one, `${AT}.subtype`) ?? []);
  const outcome = outcomeOf(text(resource, "outcome", AT), flags);
  const recorded = requiredTime(resource, "recorded");
  const agentElements = children(resource, "agent", AT);
  if (agentElements.length === 0) throw invalid(`${AT}.agent`, "is required", "name who took part");

  const agents = agentsOf(agentElements, parts, flags);
  const kind = kindOf(text(resource, "action", AT), type, subtypes, flags);
  const records = recordsOf(resource, kind, outcome, parts, flags);
  const recipients = recipientsOf(agentElements, kind, parts);
  const purposes = purposesOf(resource, agentElements);
  const outcomeText = text(resource, "outcomeDesc", AT);
  sealing.text(outcomeText);
  for (const flag of balpFlags(resource, { persons: persons.list.length, kind })) flags.add(flag);
  const occurred = periodOf(resource, flags);

  return {
    format: "fhir-r4",
    type: "AuditEvent",
    system: systemOf(resource, references, context, flags),
    index: 0,
    flags: [...flags].sort(),
    raw: rawOf(resource, AT),
    activity: { kind, codes: [type, ...subtypes] },
    outcome,
    ...(occurred === undefined ? {} : { occurred }),
    recorded,
    purposes,
    breakGlass: purposes.some(({ code }) => BREAK_GLASS.has(code)),
    consents: records
      .filter((record) => record.type === "Consent")
      .flatMap(({ id }) => (typeof id === "string" ? [id] : [])),
    agents,
    records,
    recipients,
    persons: persons.list,
    joins: [],
    ...correlationOf(resource),
    sealed: sealing.content(persons.list),
  };
}

function outcomeOf(code: string | undefined, flags: Set<string>): Outcome {
  if (code === undefined) flags.add("fhir:missing-outcome");
  else if (OUTCOMES.get(code) === undefined) flags.add("fhir:unknown-outcome");
  return OUTCOMES.get(code ?? "0") ?? "success";
}

function requiredTime(resource: Element, name: string): TraceTime {
  const given = text(resource, name, AT);
  if (given === undefined) throw invalid(`${AT}.${name}`, "is required", "an instant such as 2026-11-23T05:00:00Z");
  const time = traceTime(given);
  if (time === undefined) throw invalid(`${AT}.${name}`, "is not an instant", "2026-11-23T05:00:00Z is one");
  return time;
}

function periodOf(resource: Element, flags: Set<string>): Draft["occurred"] {
  const period = child(resource, "period", AT);
  if (period === undefined) return undefined;
  const start = text(period, "start", `${AT}.period`);
  const end = text(period, "end", `${AT}.period`);
  const from = traceTime(start ?? end ?? "");
  const to = traceTime(end ?? start ?? "");
  if (from !== undefined && to !== undefined) return { start: from, end: to };
  flags.add("fhir:unreadable-period");
  return undefined;
}

function kindOf(
  action: string | undefined,
  type: Coding,
  subtypes: readonly Coding[],
  flags: Set<string>,
): ActivityKind {
  if ([type, ...subtypes].some(({ code }) => DISCLOSURES.has(code))) return "disclose";
  const stated = KIND_OF_ACTION.get(action ?? "");
  if (stated !== undefined) return stated;
  flags.add(action === undefined ? "fhir:missing-action" : "fhir:unknown-action");
  return subtypes.map(({ code }) => KIND_OF_INTERACTION.get(code)).find((kind) => kind !== undefined) ?? "execute";
}

function agentsOf(elements: readonly Element[], parts: AgentParts, flags: Set<string>): DraftAgent[] {
  return elements.flatMap((agent, i) => {
    const at = `${AT}.agent[${i}]`;
    const network = child(agent, "network", at);
    parts.sealing.network(network === undefined ? undefined : text(network, "address", `${at}.network`));
    if (typeof agent["requestor"] !== "boolean") flags.add("fhir:missing-requestor");
    const found = agentOf(agent, child(agent, "who", at), at, parts);
    if (found === undefined) flags.add("fhir:unidentified-agent");
    return found ?? [];
  });
}

function recordsOf(
  resource: Element,
  kind: ActivityKind,
  outcome: Outcome,
  { references, persons, sealing }: AgentParts,
  flags: Set<string>,
): DraftRecord[] {
  const touched: RecordRole = outcome === "success" ? (ROLE_OF_KIND[kind] ?? "used") : "associated";
  const records = children(resource, "entity", AT).flatMap((entity, i): DraftRecord[] => {
    const at = `${AT}.entity[${i}]`;
    const what = child(entity, "what", at);
    const role = coding(child(entity, "role", at), `${at}.role`)?.code;
    sealing.names(text(entity, "name", at));
    sealing.text(text(entity, "description", at), text(entity, "query", at), ...detailsOf(entity, at));
    const patient = references.patient(what, `${at}.what`);
    if (patient !== undefined) {
      const place = persons.place(patient);
      return [{ id: { person: place }, type: "Patient", role: "associated" }];
    }
    const target = references.target(what, `${at}.what`);
    const type =
      target?.type ??
      (what === undefined ? undefined : text(what, "type", `${at}.what`)) ??
      (role === ROLE_QUERY ? "Query" : "Resource");
    const id = target?.id ?? references.logicalId(what, type, `${at}.what`);
    if (id === undefined) {
      if (role !== ROLE_QUERY && role !== ROLE_PATIENT) flags.add("fhir:entity-without-reference");
      return [];
    }
    sealing.label(id, [what === undefined ? undefined : text(what, "display", `${at}.what`)]);
    const used = type === "Consent" || role === ROLE_QUERY ? "used" : touched;
    return [
      {
        id,
        type,
        ...(target?.version === undefined ? {} : { version: target.version }),
        role: outcome === "success" ? used : "associated",
      },
    ];
  });
  // A patient is named beside the record that is about it; alone, the Patient resource is what was touched.
  const alone = records.every(({ type }) => type === "Patient");
  return alone ? records.map((record) => ({ ...record, role: touched })) : records;
}

/** Details are free text, but for the request id. */
function detailsOf(entity: Element, at: string): string[] {
  return children(entity, "detail", at).flatMap((detail) => text(detail, "valueString", `${at}.detail`) ?? []);
}

/** BALP carries X-Request-Id as an entity of type `XrequestId`, by its identifier. */
function correlationOf(resource: Element): { correlation?: string } {
  for (const [i, entity] of children(resource, "entity", AT).entries()) {
    const at = `${AT}.entity[${i}]`;
    if (coding(child(entity, "type", at), `${at}.type`)?.code !== "XrequestId") continue;
    const identifier = child(child(entity, "what", at) ?? {}, "identifier", `${at}.what`);
    const value = identifier === undefined ? undefined : text(identifier, "value", `${at}.what.identifier`);
    if (value !== undefined) return { correlation: value.slice(0, 256) };
  }
  return {};
}

function recipientsOf(elements: readonly Element[], kind: ActivityKind, { references, context }: AgentParts): string[] {
  if (kind !== "disclose") return [];
  const names = elements.flatMap((agent, i) => {
    const at = `${AT}.agent[${i}]`;
    if (!roleCodes(agent, at).some((code) => RECEIVERS.has(code))) return [];
    const who = child(agent, "who", at);
    const target = references.target(who, `${at}.who`);
    const named = target?.id ?? (who === undefined ? undefined : text(who, "display", `${at}.who`));
    const last = target?.relative?.split("/")[1];
    if (named === undefined) return [];
    // A directory may know the whole URL, or the id alone.
    const known = context.directory.resolve(named);
    return [known !== named || last === undefined ? known : context.directory.resolve(last)];
  });
  return [...new Set(names)].filter((name) => name !== context.institution);
}

function purposesOf(resource: Element, agents: readonly Element[]): Coding[] {
  const concepts = [
    ...children(resource, "purposeOfEvent", AT),
    ...agents.flatMap((agent, i) => children(agent, "purposeOfUse", `${AT}.agent[${i}]`)),
  ];
  const unique = new Map(codings(concepts, AT).map((one) => [`${one.system ?? ""}|${one.code}`, one]));
  return [...unique.values()];
}

function systemOf(resource: Element, references: ReferenceReader, context: MappingContext, flags: Set<string>): string {
  const source = child(resource, "source", AT);
  const observer = source === undefined ? undefined : child(source, "observer", `${AT}.source`);
  if (observer === undefined) flags.add("fhir:missing-observer");
  const at = `${AT}.source.observer`;
  return (
    references.target(observer, at)?.id ?? references.logicalId(observer, "Device", at) ?? `${context.institution}/fhir`
  );
}
