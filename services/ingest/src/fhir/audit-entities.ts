/** Entities of an AuditEvent: the records it touched, the patients it names, and what ties it to other events. */
import type { ActivityKind, Outcome, RecordRole } from "@medtrace/shared/model/trace-event";
import type { DraftRecord } from "../normalise/draft.ts";
import type { AgentParts } from "./agents.ts";
import type { AuditShape } from "./audit-shape.ts";
import { child, children, coding, type Element, invalid, text } from "./element.ts";

const AT = "AuditEvent";

const ROLE_OF_KIND: Readonly<Partial<Record<ActivityKind, RecordRole>>> = {
  create: "generated",
  update: "revised",
  delete: "invalidated",
};
/** object-role: 1 Patient, 24 Query; 9 Subscriber and 10 Guarantor are people too, and no records. */
const ROLE_PATIENT = "1";
const ROLES_OF_PAYERS: ReadonlySet<string | undefined> = new Set(["9", "10"]);
const ROLE_QUERY = "24";
/** audit-entity-type: 1 Person. */
const TYPE_PERSON = "1";
/** BALP's types of entities that only carry the id of the request: X-Request-Id, W3C Trace Context. */
const CORRELATIONS: ReadonlySet<string | undefined> = new Set(["XrequestId", "Traceparent"]);
const CORRELATION_CHARACTERS_MAX = 256;

export interface Entities {
  readonly records: readonly DraftRecord[];
  readonly correlation?: string;
}

/** What the activity was, as far as it decides what became of the records. */
export interface Done {
  readonly kind: ActivityKind;
  readonly outcome: Outcome;
}

/** Reads all entities; patients go to `parts.persons`, texts to `parts.sealing`. */
export function entitiesOf(resource: Element, shape: AuditShape, done: Done, parts: AgentParts): Entities {
  const touched: RecordRole = done.outcome === "success" ? (ROLE_OF_KIND[done.kind] ?? "used") : "associated";
  const records: DraftRecord[] = [];
  let correlation: string | undefined;
  for (const [i, entity] of children(resource, "entity", AT).entries()) {
    const at = `${AT}.entity[${i}]`;
    if (entity["reference"] !== undefined || entity["identifier"] !== undefined) {
      const name = entity["reference"] === undefined ? "identifier" : "reference";
      throw invalid(`${at}.${name}`, "is of a release before R4", "name it by `what`", "INPUT_UNSUPPORTED");
    }
    const type = shape.format === "fhir-r4" ? coding(child(entity, "type", at), `${at}.type`) : undefined;
    // R5 has no type of an entity: there its role says so.
    const role = shape.roleOf(entity, at);
    if (CORRELATIONS.has(type?.code) || (shape.format === "fhir-r5" && CORRELATIONS.has(role))) {
      correlation ??= requestId(entity, at, parts);
      continue;
    }
    const found = recordOf(entity, at, { role, type, touched }, parts);
    if (found !== undefined) records.push(found);
  }
  // A patient is named beside the record that is about it; alone, the Patient resource is what was touched.
  const alone = records.every(({ type }) => type === "Patient");
  return {
    records: alone ? records.map((record) => ({ ...record, role: touched })) : records,
    ...(correlation === undefined ? {} : { correlation }),
  };
}

interface EntityFacts {
  readonly role: string | undefined;
  readonly type: { readonly system?: string; readonly code: string } | undefined;
  readonly touched: RecordRole;
}

function recordOf(entity: Element, at: string, facts: EntityFacts, parts: AgentParts): DraftRecord | undefined {
  const { references, persons, sealing, flags } = parts;
  const { role, touched } = facts;
  const what = child(entity, "what", at);
  const whatAt = `${at}.what`;
  sealing.names(text(entity, "name", at));
  sealing.text(text(entity, "description", at), text(entity, "query", at), ...detailsOf(entity, at));
  const isPerson = facts.type?.code === TYPE_PERSON;
  const isPatient = role === ROLE_PATIENT || (isPerson && role === undefined);
  const resourceType = resourceTypeOf(facts.type) ?? (role === ROLE_QUERY ? "Query" : "Resource");
  const display = what === undefined ? undefined : text(what, "display", whatAt);
  if (isPerson && ROLES_OF_PAYERS.has(role) && what?.["reference"] === undefined) {
    sealing.names(display);
    sealing.text(identifierOf(what, whatAt));
    return undefined;
  }
  const pointed = references.read(what, whatAt, { type: resourceType, isPatient });
  const { patient, id, type = resourceType, version, search } = pointed;
  if (patient !== undefined) {
    sealing.names(display);
    return { id: { person: persons.place(patient, whatAt) }, type: "Patient", role: "associated" };
  }
  if (search !== undefined) {
    sealing.text(search);
    if (role !== ROLE_QUERY) flags.add("fhir:search-as-reference");
    return undefined;
  }
  if (id === undefined) {
    sealing.text(display);
    if (role !== ROLE_QUERY && role !== ROLE_PATIENT) flags.add("fhir:entity-without-reference");
    return undefined;
  }
  sealing.label(id, [display]);
  const used = type === "Consent" || role === ROLE_QUERY ? "used" : touched;
  const done = touched === "associated" ? touched : used;
  return { id, type, ...(version === undefined ? {} : { version }), role: done };
}

/** BALP says of what type a record is where its reference does not. */
function resourceTypeOf(type: EntityFacts["type"]): string | undefined {
  return type?.system === "http://hl7.org/fhir/resource-types" && /^[A-Z][A-Za-z]{1,63}$/.test(type.code)
    ? type.code
    : undefined;
}

/** Details are free text. */
function detailsOf(entity: Element, at: string): (string | undefined)[] {
  return children(entity, "detail", at).flatMap((detail, i) => [
    text(detail, "valueString", `${at}.detail[${i}]`),
    text(detail, "valueBase64Binary", `${at}.detail[${i}]`),
  ]);
}

/** The id of the request, by the identifier of what the entity is: anything else that it may be is text. */
function requestId(
  entity: Element,
  at: string,
  { references, persons, sealing, flags }: AgentParts,
): string | undefined {
  const what = child(entity, "what", at);
  const whatAt = `${at}.what`;
  const value = identifierOf(what, whatAt);
  if (what?.["reference"] === undefined) {
    if (value === undefined || value.length <= CORRELATION_CHARACTERS_MAX) return value;
    flags.add("fhir:long-request-id");
  } else {
    const { patient, id } = references.read(what, whatAt, { type: "Resource" });
    if (patient !== undefined) persons.place(patient, whatAt);
    sealing.text(id);
    flags.add("fhir:odd-request-id");
  }
  sealing.text(value);
  return undefined;
}

function identifierOf(what: Element | undefined, at: string): string | undefined {
  const identifier = what === undefined ? undefined : child(what, "identifier", at);
  return identifier === undefined ? undefined : text(identifier, "value", `${at}.identifier`);
}
