/** The load: FHIR R4 AuditEvents of about 1.2 kB, each another event, the same for the same number. */

const FIRST_RECORDED_MS = Date.UTC(2026, 0, 1);
const PATIENTS = 5_000;
const PRACTITIONERS = 300;
const ACTIONS = ["R", "R", "R", "R", "U", "C", "E"] as const;

/** Whose events they are. */
export const INSTITUTION = "hospital-a";

/** The record that an event is about, and no other event is. */
export function recordOf(number: number): string {
  return `Observation/o-${number}`;
}

/** One AuditEvent as JSON on one line. */
export function auditEvent(number: number): string {
  const patient = (number * 7_919) % PATIENTS;
  const practitioner = (number * 104_729) % PRACTITIONERS;
  return JSON.stringify({
    resourceType: "AuditEvent",
    type: {
      system: "http://terminology.hl7.org/CodeSystem/audit-event-type",
      code: "rest",
      display: "RESTful Operation",
    },
    subtype: [{ system: "http://hl7.org/fhir/restful-interaction", code: "read", display: "read" }],
    action: ACTIONS[number % ACTIONS.length],
    recorded: new Date(FIRST_RECORDED_MS + number * 37).toISOString(),
    outcome: "0",
    purposeOfEvent: [{ coding: [{ system: "http://terminology.hl7.org/CodeSystem/v3-ActReason", code: "TREAT" }] }],
    agent: [
      {
        type: { coding: [{ system: "http://dicom.nema.org/resources/ontology/DCM", code: "110153" }] },
        who: { reference: `Practitioner/dr-${practitioner}`, display: `Doctor Number ${practitioner}` },
        requestor: true,
        network: { address: `10.4.${practitioner % 250}.${patient % 250}`, type: "2" },
      },
      {
        type: { coding: [{ system: "http://dicom.nema.org/resources/ontology/DCM", code: "110152" }] },
        who: { reference: "Device/ward-system", display: "Ward information system" },
        requestor: false,
      },
    ],
    source: {
      site: "Main building",
      observer: { reference: "Device/ward-system", display: "Ward information system" },
    },
    entity: [
      {
        what: { reference: `Patient/p-${patient}`, display: `Patient Number ${patient}` },
        role: { system: "http://terminology.hl7.org/CodeSystem/object-role", code: "1", display: "Patient" },
      },
      {
        what: { reference: recordOf(number) },
        role: { system: "http://terminology.hl7.org/CodeSystem/object-role", code: "4", display: "Domain Resource" },
      },
    ],
  });
}
