/** FHIR Provenance to a draft (hl7.org/fhir/R4/provenance.html, and R5's elements that have taken their places). */
import type { ActivityKind, Coding, RecordRole, SourceFormat } from "@medtrace/shared/model/trace-event";
import type { Draft, DraftAgent, DraftRecord, MappingContext } from "../normalise/draft.ts";
import { type AgentParts, agentOf } from "./agents.ts";
import { isBreakGlass, namedBeside } from "./beside.ts";
import { type Carried, consentStates } from "./consents.ts";
import { contained } from "./contained.ts";
import { occurredOf, requiredInstant } from "./date-time.ts";
import { canonicalOf, child, children, codings, codingsOf, type Element, invalid, text } from "./element.ts";
import { holdWithin } from "./limits.ts";
import { Persons } from "./persons.ts";
import { referenceReader } from "./reference.ts";
import { Sealing } from "./sealed.ts";

const AT = "Provenance";

/** provenance-entity-role to the record's role; `derivation` is R4's, `instantiates` R5's. */
const ROLE_OF_ENTITY: ReadonlyMap<string, RecordRole> = new Map(
  Object.entries<RecordRole>({
    derivation: "source",
    source: "source",
    revision: "revision",
    quotation: "quotation",
    removal: "invalidated",
    instantiates: "used",
  }),
);

/** v3-DataOperation: what was done to the targets; they were made where nothing is said. */
const KIND_OF_ACTIVITY: ReadonlyMap<string, ActivityKind> = new Map(
  Object.entries<ActivityKind>({
    CREATE: "create",
    UPDATE: "update",
    APPEND: "update",
    DELETE: "delete",
  }),
);

/** Elements that R5 alone has. */
const OF_R5 = ["authorization", "basedOn", "encounter", "patient", "why"] as const;

/**
 * The draft of a Provenance: targets were generated (of a deletion: invalidated), entities used as their role says.
 *
 * @param resolve see {@link referenceReader}.
 * @param carried resources that came along.
 * @throws MedtraceError INPUT_INVALID: no target, no readable recorded time, no agent, or a wrong JSON type;
 * INPUT_TOO_LARGE over a limit; INPUT_UNSUPPORTED for a release of FHIR that is not taken.
 */
export function draftOfProvenance(
  resource: Element,
  context: MappingContext,
  resolve?: (fullUrl: string) => string | undefined,
  carried?: Carried,
): Draft {
  const flags = new Set<string>();
  const inner = contained(resource, AT);
  const references = referenceReader(context, { resolve, contained: inner });
  const persons = new Persons();
  const sealing = new Sealing();
  const parts: AgentParts = { context, references, persons, sealing, flags };

  const targets = children(resource, "target", AT);
  if (targets.length === 0) throw invalid(`${AT}.target`, "is required", "name what was generated");
  const recorded = requiredInstant(resource, "recorded", AT);
  const agentElements = children(resource, "agent", AT);
  if (agentElements.length === 0) throw invalid(`${AT}.agent`, "is required", "name who is responsible");

  const codes = codings(child(resource, "activity", AT), `${AT}.activity`);
  const kind = codes.map(({ code }) => KIND_OF_ACTIVITY.get(code)).find((one) => one !== undefined) ?? "create";
  const made: RecordRole = kind === "delete" ? "invalidated" : "generated";
  const records = [
    ...targets.flatMap((target, i) => recordOf(target, made, `${AT}.target[${i}]`, parts)),
    ...children(resource, "entity", AT).flatMap((entity, i) => entityRecord(entity, `${AT}.entity[${i}]`, parts)),
    ...namedBeside(resource, AT, parts),
  ];
  const agents = agentElements.flatMap((agent, i) => delegated(agent, `${AT}.agent[${i}]`, parts));
  const { purposes, consents } = reasonsOf(resource, parts);
  const hasConsents = consents.length > 0 || records.some(({ type }) => type === "Consent");
  const states = hasConsents
    ? consentStates(consentReferences(resource), { context, references, contained: inner, carried })
    : [];
  const occurred = occurredOf(resource, OCCURRED, AT, context.zone, flags);
  return holdWithin({
    format: formatOf(resource),
    type: "Provenance",
    system: `${context.institution}/fhir`,
    index: 0,
    flags: [...flags].sort(),
    raw: canonicalOf(resource, AT),
    activity: { kind, codes },
    outcome: "success",
    ...(occurred === undefined ? {} : { occurred }),
    recorded,
    purposes,
    breakGlass: isBreakGlass(purposes),
    consents,
    ...(states.length === 0 ? {} : { consentStates: states }),
    agents,
    records,
    recipients: [],
    persons: persons.list,
    joins: [],
    sealed: sealing.content(persons.list),
  });
}

const OCCURRED = { period: "occurredPeriod", dateTime: "occurredDateTime" } as const;

function formatOf(resource: Element): SourceFormat {
  return OF_R5.some((name) => resource[name] !== undefined) ? "fhir-r5" : "fhir-r4";
}

/** R4's `reason`, R5's `authorization`: why, and the consents that allowed it. */
function reasonsOf(resource: Element, { references, sealing }: AgentParts): { purposes: Coding[]; consents: string[] } {
  const purposes = [...codingsOf(resource, "reason", AT)];
  const consents: string[] = [];
  for (const [i, authorization] of children(resource, "authorization", AT).entries()) {
    const at = `${AT}.authorization[${i}]`;
    purposes.push(...codings(child(authorization, "concept", at), `${at}.concept`));
    const reference = child(authorization, "reference", at);
    const { id, type, search } = references.read(reference, `${at}.reference`, { type: "Resource" });
    sealing.text(search);
    if (id !== undefined && type === "Consent") consents.push(id);
  }
  return { purposes, consents };
}

/** Where a Provenance may name a Consent: as what it is about, or as what allowed it. */
function consentReferences(resource: Element): (readonly [Element | undefined, string])[] {
  const targets = children(resource, "target", AT).map((target, i) => [target, `${AT}.target[${i}]`] as const);
  const authorizations = children(resource, "authorization", AT).map((authorization, i) => {
    const at = `${AT}.authorization[${i}]`;
    return [child(authorization, "reference", at), `${at}.reference`] as const;
  });
  return [...targets, ...authorizations];
}

function recordOf(reference: Element, role: RecordRole, at: string, parts: AgentParts): DraftRecord[] {
  const { references, persons, sealing, flags } = parts;
  const { patient, id, type = "Resource", version, search } = references.read(reference, at, { type: "Resource" });
  const display = text(reference, "display", at);
  if (patient !== undefined) {
    sealing.names(display);
    return [{ id: { person: persons.place(patient, at) }, type: "Patient", role }];
  }
  if (id === undefined) {
    sealing.text(search, display);
    flags.add(search === undefined ? "fhir:entity-without-reference" : "fhir:search-as-reference");
    return [];
  }
  sealing.label(id, [display]);
  return [{ id, type, ...(version === undefined ? {} : { version }), role }];
}

function entityRecord(entity: Element, at: string, parts: AgentParts): DraftRecord[] {
  const what = child(entity, "what", at);
  const role = ROLE_OF_ENTITY.get(text(entity, "role", at) ?? "");
  if (role === undefined) parts.flags.add("fhir:unknown-entity-role");
  if (what !== undefined) return recordOf(what, role ?? "used", `${at}.what`, parts);
  for (const name of ["whatUri", "whatReference", "whatIdentifier"]) {
    if (entity[name] === undefined) continue;
    throw invalid(`${at}.${name}`, "is of a release before R4", "name it by `what`", "INPUT_UNSUPPORTED");
  }
  parts.flags.add("fhir:entity-without-reference");
  return [];
}

/** An agent, and the one it acted for. */
function delegated(agent: Element, at: string, parts: AgentParts): DraftAgent[] {
  for (const name of ["whoUri", "whoReference", "onBehalfOfUri", "onBehalfOfReference"]) {
    if (agent[name] === undefined) continue;
    throw invalid(
      `${at}.${name}`,
      "is of a release before R4",
      "name them by `who` and `onBehalfOf`",
      "INPUT_UNSUPPORTED",
    );
  }
  const found = agentOf({ agent, at, who: child(agent, "who", at), whoAt: `${at}.who` }, parts);
  if (found === undefined) return [];
  const behalf = child(agent, "onBehalfOf", at);
  if (behalf === undefined) return [found];
  const behalfAt = `${at}.onBehalfOf`;
  const principal = agentOf({ agent: {}, at: behalfAt, who: behalf, whoAt: behalfAt }, parts);
  if (principal === undefined) return [found];
  // Whoever acted for a patient acted for a person of the event, who has no clear id yet.
  if (typeof principal.id !== "string") return [found, principal];
  return [{ ...found, onBehalfOf: principal.id }, principal];
}
