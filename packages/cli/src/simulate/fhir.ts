/** FHIR R4 AuditEvents (IHE Basic Audit Log Patterns) and Provenances of the simulated systems. */

import { HEALTH_NUMBER_SYSTEM } from "./hl7v2.ts";
import type { Patient, Staff } from "./people.ts";
import type { Institution } from "./region.ts";
import { fhirTime } from "./timeline.ts";

const DCM = "http://dicom.nema.org/resources/ontology/DCM";
const EVENT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const INTERACTION = "http://hl7.org/fhir/restful-interaction";
const ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ENTITY_ROLE = "http://terminology.hl7.org/CodeSystem/object-role";
const ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle";
const SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type";
const BALP = "https://profiles.ihe.net/ITI/BALP";

const coding = (system: string, code: string) => ({ system, code });
const concept = (system: string, code: string) => ({ coding: [coding(system, code)] });

export type Interaction = "read" | "create" | "update" | "delete";
export type Purpose = "TREAT" | "HPAYMT" | "HOPERAT" | "PATRQT" | "BTG" | "COC";

export interface Access {
  readonly id: string;
  readonly institution: Institution;
  readonly interaction: Interaction;
  readonly staff: Staff;
  readonly workstation: string;
  readonly patient: Patient;
  readonly mrn: string;
  /** References of what was accessed, besides the patient. */
  readonly records: readonly string[];
  readonly purpose: Purpose;
  /** True where access was refused. */
  readonly denied: boolean;
  readonly requestId: string;
  readonly at_ms: number;
}

const ACTIONS = { read: "R", create: "C", update: "U", delete: "D" } as const;
const PROFILES = {
  read: "PatientRead",
  create: "PatientCreate",
  update: "PatientUpdate",
  delete: "PatientDelete",
} as const;

/** Staff use records of a patient through the hospital's system (BALP PatientRead and its like). */
export function accessEvent(access: Access): string {
  const { institution, interaction, staff, purpose, at_ms } = access;
  return JSON.stringify({
    resourceType: "AuditEvent",
    id: access.id,
    meta: { profile: [`${BALP}/StructureDefinition/IHE.BasicAudit.${PROFILES[interaction]}`] },
    type: coding(EVENT_TYPE, "rest"),
    subtype: [coding(INTERACTION, interaction)],
    action: ACTIONS[interaction],
    recorded: fhirTime(at_ms),
    outcome: access.denied ? "8" : "0",
    purposeOfEvent: [concept(ACT_REASON, purpose)],
    agent: [
      client("110153", access.workstation),
      server("110152", institution),
      {
        type: concept(PARTICIPATION, interaction === "read" ? "IRCP" : "AUT"),
        who: practitioner(staff),
        requestor: true,
        purposeOfUse: [concept(ACT_REASON, purpose)],
      },
    ],
    source: source(institution),
    entity: [
      patientEntity(access.patient, access.mrn),
      ...access.records.map(recordEntity),
      {
        type: coding(`${BALP}/CodeSystem/BasicAuditEntityType`, "XrequestId"),
        what: { identifier: { value: access.requestId } },
      },
    ],
  });
}

export interface Disclosure {
  readonly id: string;
  readonly from: Institution;
  readonly to: Institution;
  readonly staff: Staff;
  readonly patient: Patient;
  readonly mrn: string;
  readonly records: readonly string[];
  readonly consent: string;
  readonly purpose: Purpose;
  readonly at_ms: number;
}

/** Records leave for another institution (BALP PrivacyDisclosure.Source). */
export function disclosureEvent(disclosure: Disclosure): string {
  const { from, to, at_ms } = disclosure;
  return JSON.stringify({
    resourceType: "AuditEvent",
    id: disclosure.id,
    meta: { profile: [`${BALP}/StructureDefinition/IHE.BasicAudit.PrivacyDisclosure.Source`] },
    type: coding(DCM, "110106"),
    subtype: [coding(LIFECYCLE, "disclose")],
    action: "R",
    recorded: fhirTime(at_ms),
    outcome: "0",
    purposeOfEvent: [concept(ACT_REASON, disclosure.purpose)],
    agent: [
      { type: concept(DCM, "110153"), who: organization(from), requestor: false },
      { type: concept(DCM, "110152"), who: organization(to), requestor: false },
      { type: concept(PARTICIPATION, "AUT"), who: practitioner(disclosure.staff), requestor: true },
    ],
    source: source(from),
    entity: [
      patientEntity(disclosure.patient, disclosure.mrn),
      ...disclosure.records.map(recordEntity),
      {
        type: coding("http://hl7.org/fhir/resource-types", "Consent"),
        what: { reference: `Consent/${disclosure.consent}` },
      },
    ],
  });
}

export interface Derivation {
  readonly id: string;
  readonly institution: Institution;
  readonly staff: Staff;
  /** Reference of what was made. */
  readonly target: string;
  /** What it was made from. */
  readonly sources: readonly string[];
  readonly role: "derivation" | "revision" | "quotation" | "source";
  /** v3-DataOperation. */
  readonly activity: "CREATE" | "UPDATE" | "APPEND";
  readonly at_ms: number;
}

/** Data made from other data (FHIR Provenance). */
export function provenance(derivation: Derivation): string {
  const { institution, at_ms } = derivation;
  return JSON.stringify({
    resourceType: "Provenance",
    id: derivation.id,
    target: [{ reference: derivation.target }],
    occurredDateTime: fhirTime(at_ms - 30_000),
    recorded: fhirTime(at_ms),
    activity: concept("http://terminology.hl7.org/CodeSystem/v3-DataOperation", derivation.activity),
    agent: [
      {
        type: concept("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "author"),
        who: practitioner(derivation.staff),
        onBehalfOf: organization(institution),
      },
    ],
    entity: derivation.sources.map((reference) => ({ role: derivation.role, what: { reference } })),
  });
}

function client(role: string, workstation: string): object {
  return {
    type: concept(DCM, role),
    who: { display: workstation },
    requestor: false,
    network: { address: `${workstation}.example.org`, type: "1" },
  };
}

function server(role: string, institution: Institution): object {
  return {
    type: concept(DCM, role),
    who: { reference: "Device/EHR" },
    requestor: false,
    network: { address: `https://ehr.${institution.id}.example.org/fhir`, type: "5" },
  };
}

function source(institution: Institution): object {
  return { site: institution.title, observer: { reference: "Device/EHR" }, type: [coding(SOURCE_TYPE, "4")] };
}

function practitioner({ id, name }: Staff): object {
  return { reference: `Practitioner/${id}`, display: `${name.given} ${name.family}` };
}

function organization({ id, title }: Institution): object {
  return { reference: `urn:medtrace:institution:${id}`, display: title };
}

function patientEntity(patient: Patient, mrn: string): object {
  return {
    what: {
      reference: `Patient/${mrn}`,
      identifier: { system: HEALTH_NUMBER_SYSTEM, value: patient.healthNumber },
    },
    type: coding(ENTITY_TYPE, "1"),
    role: coding(ENTITY_ROLE, "1"),
  };
}

function recordEntity(reference: string): object {
  return { what: { reference }, type: coding(ENTITY_TYPE, "2"), role: coding(ENTITY_ROLE, "4") };
}
