/**
 * A trace event as AuditEvent (hl7.org/fhir/R4/auditevent.html, hl7.org/fhir/R5/auditevent.html), of its clear part:
 * patients are tokens. What was sealed is added where it was opened.
 */
import type { Release } from "@medtrace/service-kit/fhir";
import {
  type Coding,
  type SealedContent,
  subjectRecordId,
  type TraceAgent,
  type TraceEvent,
  type TraceRecord,
} from "@medtrace/shared/model/trace-event";
import type { ConsentStanding } from "../consents.ts";
import {
  actionOf,
  codesOf,
  DESTINATION,
  entityRole,
  entityType,
  isPlainAction,
  outcomeR4,
  outcomeR5,
  REQUEST_ID,
  RESOURCE_TYPES,
  subtypesOf,
  typeOf,
} from "./codes.ts";
import { INSTITUTION_SYSTEM, type Reference, referenceOf } from "./refer.ts";

export interface Told {
  readonly event: TraceEvent;
  readonly release: Release;
  /** Institution that reads it. */
  readonly reader: string;
  /** The sealed part, where the reader may see it. */
  readonly sealed?: SealedContent | undefined;
  /** Ids of other events of the same request. */
  readonly related?: readonly string[];
  /** How the consents stood that it relied on, where that was looked up. */
  readonly consents?: readonly ConsentStanding[];
}

type Extension = { readonly url: string } & Readonly<Record<string, unknown>>;

/** The resource. */
export function auditEventOf(told: Told): object {
  const { event, release } = told;
  const isR5 = release === "5.0";
  const extension = extensionsOf(told);
  const { occurred } = event;
  const period = occurred === undefined ? {} : { start: occurred.start.given, end: occurred.end.given };
  return {
    resourceType: "AuditEvent",
    id: event.id,
    meta: { lastUpdated: event.received.utc },
    ...(extension.length === 0 ? {} : { extension }),
    ...(isR5 ? headOfR5(event) : headOfR4(event)),
    ...(occurred === undefined ? {} : { [isR5 ? "occurredPeriod" : "period"]: period }),
    recorded: event.recorded.given,
    ...(isR5 ? patientOf(event) : {}),
    agent: agentsOf(told),
    source: {
      site: isR5 ? siteOf(event) : event.institution,
      observer: referenceOf(event.source.system, told.reader),
    },
    ...listed("entity", entitiesOf(told)),
  };
}

function headOfR4(event: TraceEvent): object {
  return {
    type: typeOf(event),
    ...listed("subtype", subtypesOf(event)),
    action: actionOf(event).code,
    outcome: outcomeR4(event).code,
    ...listed("purposeOfEvent", event.purposes.map(concept)),
  };
}

function headOfR5(event: TraceEvent): object {
  return {
    category: [concept(typeOf(event))],
    code: { coding: codesOf(event) },
    action: actionOf(event).code,
    outcome: { code: outcomeR5(event) },
    ...listed("authorization", event.purposes.map(concept)),
  };
}

/** R5 names the one patient that it is about. */
function patientOf({ subjects }: TraceEvent): object {
  const [only, ...others] = subjects;
  return only === undefined || others.length > 0 ? {} : { patient: patientReference(only) };
}

function siteOf({ institution }: TraceEvent): Reference {
  return { type: "Location", identifier: { system: INSTITUTION_SYSTEM, value: institution } };
}

function patientReference(token: string): Reference {
  return { reference: subjectRecordId(token), type: "Patient" };
}

function agentsOf(told: Told): object[] {
  const { event, reader } = told;
  const named = new Set(event.agents.map(({ id }) => id));
  const agents = [
    ...event.agents.map((agent) => agentOf(agent, told)),
    ...event.recipients
      .filter((recipient) => !named.has(recipient))
      .map((recipient) => ({
        ...roles([DESTINATION]),
        who: referenceOf(recipient, reader, { type: "Organization" }),
        requestor: false,
      })),
  ];
  return agents.length > 0 ? agents : [{ who: { display: "not known" }, requestor: false }];
}

function agentOf({ id, roles: codes, requestor, onBehalfOf, kind }: TraceAgent, told: Told): object {
  const { reader, sealed } = told;
  const type = kind === "institution" ? "Organization" : kind === "subject" ? "Patient" : undefined;
  const name = sealed?.labels?.[id];
  const principal =
    onBehalfOf === undefined
      ? {}
      : { extension: [{ url: "urn:medtrace:on-behalf-of", valueReference: referenceOf(onBehalfOf, reader) }] };
  return {
    ...principal,
    ...roles(codes.map((code) => ({ code }))),
    who: {
      ...referenceOf(id, reader, type === undefined ? {} : { type }),
      ...(name === undefined ? {} : { display: name }),
    },
    requestor: requestor === true,
  };
}

function roles(codings: readonly Coding[]): object {
  return listed("role", codings.map(concept));
}

function entitiesOf(told: Told): object[] {
  const { event, reader } = told;
  const named = new Set([...event.records, ...event.agents].map(({ id }) => id));
  const patients = event.subjects.map(subjectRecordId).filter((id) => !named.has(id));
  const consents = event.consents.filter((id) => !named.has(id));
  return [
    ...event.records.map((record) => entityOf(record, told)),
    ...patients.map((id) => entityOf({ id, type: "Patient", role: "associated" }, told)),
    ...consents.map((id) => ({
      what: referenceOf(id, reader, { type: "Consent" }),
      ...entityCodes(told, { system: RESOURCE_TYPES, code: "Consent" }),
    })),
    ...(event.correlation === undefined
      ? []
      : [{ what: { identifier: { value: event.correlation } }, ...entityCodes(told, REQUEST_ID) }]),
  ];
}

function entityOf(record: TraceRecord, told: Told): object {
  const { event, reader, sealed } = told;
  const { id, type, version, role } = record;
  const display = sealed?.labels?.[id];
  const first = sealed?.identifiers?.[0];
  // Where there is one patient alone, the identifiers are known to be theirs.
  const isTheirs = type === "Patient" && event.subjects.length === 1 && first !== undefined;
  const identifier = isTheirs ? { identifier: { system: first.system, value: first.value } } : {};
  return {
    extension: [{ url: "urn:medtrace:record-role", valueCode: role }],
    what: {
      ...referenceOf(id, reader, { type, ...(version === undefined ? {} : { version }) }),
      ...identifier,
      ...(display === undefined ? {} : { display }),
    },
    ...entityCodes(told, entityType(record), entityRole(record)),
  };
}

/** R4 has type and role, R5 the role alone. */
function entityCodes({ release }: Told, type: Coding, role?: Coding): object {
  if (release === "5.0") return { role: concept(role ?? type) };
  return { type, ...(role === undefined ? {} : { role }) };
}

function extensionsOf({ event, sealed, reader, related = [], consents = [] }: Told): Extension[] {
  return [
    ...(isPlainAction(event) ? [] : [{ url: "urn:medtrace:activity", valueCode: event.activity.kind }]),
    ...(event.source.patterns ?? []).map((name) => ({ url: "urn:medtrace:pattern", valueString: name })),
    ...event.source.flags.map((flag) => ({ url: "urn:medtrace:flag", valueString: flag })),
    ...related.map((id) => ({
      url: "urn:medtrace:same-request",
      valueReference: eventReference(id),
    })),
    ...consents.map((standing) => consentExtension(standing, reader)),
    ...(sealed === undefined ? [] : sealedExtension(sealed)),
  ];
}

function consentExtension({ consent, version, stood, because }: ConsentStanding, reader: string): Extension {
  const more = { type: "Consent", ...(version === undefined ? {} : { version }) };
  return {
    url: "urn:medtrace:consent",
    extension: [
      { url: "consent", valueReference: referenceOf(consent, reader, more) },
      { url: "stood", valueCode: stood },
      ...(because === undefined ? [] : [{ url: "because", valueReference: eventReference(because) }]),
    ],
  };
}

function eventReference(id: string): Reference {
  return { reference: `AuditEvent/${id}`, type: "AuditEvent" };
}

/** What of the sealed part has no place of its own: it is not known which agent or entity it was said of. */
function sealedExtension({ identifiers = [], names = [], network = [], text = [] }: SealedContent): Extension[] {
  const extension = [
    ...identifiers.map(({ system, value }) => ({ url: "identifier", valueIdentifier: { system, value } })),
    ...names.map((name) => ({ url: "name", valueString: name })),
    ...network.map((address) => ({ url: "network", valueString: address })),
    ...text.map((one) => ({ url: "text", valueString: one })),
  ];
  return extension.length === 0 ? [] : [{ url: "urn:medtrace:sealed", extension }];
}

function concept(coding: Coding): object {
  return { coding: [coding] };
}

/** A member that FHIR leaves out where its list is empty. */
function listed(name: string, items: readonly unknown[]): object {
  return items.length === 0 ? {} : { [name]: items };
}
