/** The codes that an AuditEvent of a trace event has: what is answered, and what searches match, are the same. */
import type { ActivityKind, Coding, Outcome, TraceEvent, TraceRecord } from "@medtrace/shared/model/trace-event";

export const DCM = "http://dicom.nema.org/resources/ontology/DCM";
export const ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
export const OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role";
export const RESOURCE_TYPES = "http://hl7.org/fhir/resource-types";
export const BALP_ENTITY_TYPE = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";
const ACTION = "http://hl7.org/fhir/audit-event-action";
const OUTCOME = "http://terminology.hl7.org/CodeSystem/audit-event-outcome";
const SEVERITY = "http://hl7.org/fhir/issue-severity";

/** Where the source says no more: a patient's record was used (DICOM PS3.16, 110110 Patient Record). */
const USED_RECORD: Coding = { system: DCM, code: "110110" };
/** Destination Role ID: an institution that something was disclosed to. */
export const DESTINATION: Coding = { system: DCM, code: "110152" };
export const REQUEST_ID: Coding = { system: BALP_ENTITY_TYPE, code: "XrequestId" };

/** audit-event-action; what FHIR has no action for is the nearest, and the activity's own name stands beside it. */
const ACTION_OF_KIND: Readonly<Record<ActivityKind, "C" | "R" | "U" | "D" | "E">> = {
  create: "C",
  read: "R",
  update: "U",
  delete: "D",
  execute: "E",
  disclose: "R",
  order: "C",
  merge: "U",
  link: "U",
  move: "U",
};
const OUTCOME_CODES: Readonly<Record<Outcome, readonly [r4: string, r5: string]>> = {
  success: ["0", "information"],
  "minor-failure": ["4", "warning"],
  "serious-failure": ["8", "error"],
  "major-failure": ["12", "fatal"],
};

export function actionOf({ activity }: TraceEvent): Coding {
  return { system: ACTION, code: ACTION_OF_KIND[activity.kind] };
}

/** Whether the action says all of what the activity was. */
export function isPlainAction({ activity }: TraceEvent): boolean {
  return /^(?:create|read|update|delete|execute)$/.test(activity.kind);
}

export function outcomeR4({ outcome }: TraceEvent): Coding {
  return { system: OUTCOME, code: OUTCOME_CODES[outcome][0] };
}

export function outcomeR5({ outcome }: TraceEvent): Coding {
  return { system: SEVERITY, code: OUTCOME_CODES[outcome][1] };
}

/** R4's type, R5's category. */
export function typeOf({ activity }: TraceEvent): Coding {
  return activity.codes[0] ?? USED_RECORD;
}

/** R4's subtypes. */
export function subtypesOf({ activity }: TraceEvent): readonly Coding[] {
  return activity.codes.slice(1);
}

/** R5's code, which is never left out. */
export function codesOf(event: TraceEvent): readonly Coding[] {
  const subtypes = subtypesOf(event);
  return subtypes.length === 0 ? [typeOf(event)] : subtypes;
}

/** audit-entity-type 1 Person or 2 System Object. */
export function entityType({ type }: TraceRecord): Coding {
  return { system: ENTITY_TYPE, code: type === "Patient" ? "1" : "2" };
}

/** object-role 1 Patient, 4 Domain Resource or 24 Query. */
export function entityRole({ type }: TraceRecord): Coding {
  return { system: OBJECT_ROLE, code: type === "Patient" ? "1" : type === "Query" ? "24" : "4" };
}
