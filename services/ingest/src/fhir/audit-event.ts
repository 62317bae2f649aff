/** FHIR AuditEvent to a draft (hl7.org/fhir/R4/auditevent.html, R5 too; IHE BALP 1.1). Odd is taken and flagged. */
import type { ActivityKind, Coding } from "@medtrace/shared/model/trace-event";
import type { Draft, DraftAgent, DraftRecord, MappingContext } from "../normalise/draft.ts";
import { type AgentParts, agentOf, roleCodes } from "./agents.ts";
import { entitiesOf } from "./audit-entities.ts";
import { type AuditShape, auditShape } from "./audit-shape.ts";
import { balpOf } from "./balp.ts";
import { isBreakGlass, namedBeside } from "./beside.ts";
import { type Carried, consentStates } from "./consents.ts";
import { contained } from "./contained.ts";
import { occurredOf, requiredInstant } from "./date-time.ts";
import { canonicalOf, child, children, type Element, invalid, text } from "./element.ts";
import { holdWithin } from "./limits.ts";
import { Persons } from "./persons.ts";
import { referenceReader } from "./reference.ts";
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

/** DICOM 110106 Export; ISO 21089 lifecycle and v3 disclosure codes. */
const DISCLOSURES: ReadonlySet<string> = new Set(["110106", "disclose", "Disclosure", "disclosure"]);
/** Agents that receive: DICOM 110152 Destination Role ID, v3 IRCP and RCV. */
const RECEIVERS: ReadonlySet<string> = new Set(["110152", "IRCP", "RCV"]);
/** Receivers that are no person: only their display may be told in clear. */
const RECEIVING_SYSTEM = "110152";

/**
 * The draft of an AuditEvent.
 *
 * @param resolve see {@link referenceReader}.
 * @param carried resources that came along.
 * @throws MedtraceError at the FHIRPath of what makes it impossible to trace: INPUT_INVALID for no type, no readable
 * recorded time, no agent, or an element of the wrong JSON type; INPUT_TOO_LARGE over a limit; INPUT_UNSUPPORTED for a
 * release of FHIR that is not taken.
 */
export function draftOfAuditEvent(
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

  const shape = auditShape(resource, flags);
  const recorded = requiredInstant(resource, "recorded", AT);
  const agentElements = children(resource, "agent", AT);
  if (agentElements.length === 0) throw invalid(`${AT}.agent`, "is required", "name who took part");

  const agents = agentsOf(agentElements, shape, parts);
  const kind = kindOf(text(resource, "action", AT), shape.codes, flags);
  const { outcome, purposes } = shape;
  const { records, correlation } = entitiesOf(resource, shape, { kind, outcome }, parts);
  const others = shape.format === "fhir-r5" ? namedBeside(resource, AT, parts) : [];
  const recipients = kind === "disclose" ? recipientsOf(agentElements, parts) : [];
  sealing.text(...shape.outcomeTexts);
  const { codes } = shape;
  const balp = balpOf(resource, { persons: persons.list.length, kind, codes, agents, records });
  for (const flag of balp.flags) flags.add(flag);
  const consents = consentsOf(records);
  const states =
    consents.length === 0 ? [] : consentStates(whatsOf(resource), { context, references, contained: inner, carried });
  const occurred = occurredOf(resource, shape.occurred, AT, context.zone, flags);

  return holdWithin({
    format: shape.format,
    type: "AuditEvent",
    system: systemOf(resource, parts),
    index: 0,
    flags: [...flags].sort(),
    ...(balp.patterns.length === 0 ? {} : { patterns: balp.patterns }),
    raw: canonicalOf(resource, AT),
    activity: { kind, codes },
    outcome,
    ...(occurred === undefined ? {} : { occurred }),
    recorded,
    purposes,
    breakGlass: isBreakGlass(purposes),
    consents,
    ...(states.length === 0 ? {} : { consentStates: states }),
    agents,
    records: [...records, ...others],
    recipients,
    persons: persons.list,
    joins: [],
    ...(correlation === undefined ? {} : { correlation }),
    sealed: sealing.content(persons.list),
  });
}

/** The consents among the records. */
function consentsOf(records: readonly DraftRecord[]): string[] {
  return records.flatMap(({ id, type }) => (type === "Consent" && typeof id === "string" ? [id] : []));
}

function whatsOf(resource: Element): (readonly [Element | undefined, string])[] {
  return children(resource, "entity", AT).map((entity, i) => {
    const at = `${AT}.entity[${i}]`;
    return [child(entity, "what", at), `${at}.what`];
  });
}

function kindOf(action: string | undefined, codes: readonly Coding[], flags: Set<string>): ActivityKind {
  if (codes.some(({ code }) => DISCLOSURES.has(code))) return "disclose";
  const stated = KIND_OF_ACTION.get(action ?? "");
  if (stated !== undefined) return stated;
  flags.add(action === undefined ? "fhir:missing-action" : "fhir:unknown-action");
  return codes.map(({ code }) => KIND_OF_INTERACTION.get(code)).find((kind) => kind !== undefined) ?? "execute";
}

function agentsOf(elements: readonly Element[], shape: AuditShape, parts: AgentParts): DraftAgent[] {
  return elements.flatMap((agent, i) => {
    const at = `${AT}.agent[${i}]`;
    for (const address of shape.networkOf(agent, at)) parts.sealing.network(address);
    if (typeof agent["requestor"] !== "boolean") parts.flags.add("fhir:missing-requestor");
    return agentOf({ agent, at, who: child(agent, "who", at), whoAt: `${at}.who` }, parts) ?? [];
  });
}

/** Institutions that it was disclosed to; an unknown partner as the name it came with, a person not at all. */
function recipientsOf(elements: readonly Element[], { references, context }: AgentParts): string[] {
  const names = elements.flatMap((agent, i) => {
    const at = `${AT}.agent[${i}]`;
    const codes = roleCodes(agent, at);
    if (!codes.some((code) => RECEIVERS.has(code))) return [];
    const who = child(agent, "who", at);
    const display = who === undefined ? undefined : text(who, "display", `${at}.who`, 1_024);
    const pointed = references.read(who, `${at}.who`, { type: "Agent" });
    if (pointed.patient !== undefined) return [];
    const isSystem = codes.includes(RECEIVING_SYSTEM);
    return references.institution(pointed, isSystem, display) ?? pointed.id ?? (isSystem ? display : undefined) ?? [];
  });
  return [...new Set(names)].filter((name) => name !== context.institution);
}

/** Who wrote it down: `source.observer`; a patient's own device is the institution's way in. */
function systemOf(resource: Element, { references, context, flags }: AgentParts): string {
  const source = child(resource, "source", AT);
  const at = `${AT}.source.observer`;
  const observer = source === undefined ? undefined : child(source, "observer", `${AT}.source`);
  if (observer === undefined) flags.add("fhir:missing-observer");
  const pointed = references.read(observer, at, { type: "Device" });
  return references.institution(pointed) ?? pointed.id ?? `${context.institution}/fhir`;
}
