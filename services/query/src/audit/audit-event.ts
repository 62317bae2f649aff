/**
 * A query as an AuditEvent (FHIR R4), after IHE BALP's Basic Audit Query: who asked, for which institution, about what.
 * What was used is the *trace* of a record, not the record: asking who saw a report is not seeing the report.
 */

export interface Asked {
  /** `sub` and institution of the caller's token. */
  readonly subject: string;
  readonly institution: string;
  /** Pattern of the route, such as `/v1/records/:id/accesses`. */
  readonly route: string;
  /** Record ids (subject, event and agent ids too) that were asked about; none of them a clear patient identifier. */
  readonly about: readonly string[];
  /** `not-found`: nothing was told. `failed`: the service failed. */
  readonly outcome: "answered" | "not-found" | "failed";
  /** ISO 8601. */
  readonly at: string;
  /** A UUID: tells two queries that are alike apart. */
  readonly request: string;
}

const TRACE = "urn:medtrace:trace:";
/** Things of one AuditEvent; a query about more makes several. */
export const ABOUT_MAX = 100;

/** The record id of the trace of a record. A trace of a trace is the trace itself. */
export function traceRecordId(id: string): string {
  return id.startsWith(TRACE) ? id : `${TRACE}${encodeURI(id.toWellFormed())}`;
}

const OUTCOMES = { answered: "0", "not-found": "4", failed: "8" } as const;
const coding = (system: string, code: string): { system: string; code: string } => ({ system, code });
const QUERY = "Device/medtrace-query";
const PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const DICOM = "http://dicom.nema.org/resources/ontology/DCM";
const ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ENTITY_ROLE = "http://terminology.hl7.org/CodeSystem/object-role";

/** The AuditEvent resource. The same input gives the same resource, so that sending it twice makes one event. */
export function auditEvent(asked: Asked): object {
  // A token without a subject speaks for the institution.
  const namesSomeone = asked.subject !== asked.institution;
  return {
    resourceType: "AuditEvent",
    id: asked.request,
    meta: { profile: ["https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.Query"] },
    type: coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest"),
    subtype: [coding("http://hl7.org/fhir/restful-interaction", "search")],
    action: "E",
    recorded: asked.at,
    outcome: OUTCOMES[asked.outcome],
    agent: [
      ...(namesSomeone
        ? [{ type: { coding: [coding(PARTICIPATION, "IRCP")] }, who: whoIs(asked.subject), requestor: true }]
        : []),
      {
        type: { coding: [coding(DICOM, "110153"), coding(PARTICIPATION, "CST")] },
        who: { reference: `Organization/${asked.institution}` },
        requestor: !namesSomeone,
      },
      { type: { coding: [coding(DICOM, "110152")] }, who: { reference: QUERY }, requestor: false },
    ],
    source: { observer: { reference: QUERY } },
    entity: [
      { type: coding(ENTITY_TYPE, "2"), role: coding(ENTITY_ROLE, "24"), description: asked.route },
      ...asked.about.map((id) => ({
        what: { reference: traceRecordId(id) },
        type: coding(ENTITY_TYPE, "2"),
        role: coding(ENTITY_ROLE, "4"),
      })),
    ],
  };
}

/** A token's subject that is a reference (`Practitioner/7`, a URL) is that agent; any other is an identifier. */
function whoIs(subject: string): object {
  return /^([A-Z][A-Za-z]{1,63}\/[A-Za-z0-9\-.]{1,64}|[a-z][a-z0-9+.-]*:\S+)$/.test(subject)
    ? { reference: subject }
    : { identifier: { system: "urn:medtrace:token-subject", value: subject } };
}
