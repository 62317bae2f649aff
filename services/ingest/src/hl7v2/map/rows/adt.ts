/** Patient administration (HL7 v2.9 chapter 3; events of HL7 table 0003). */
import { numbered, paths, patient, prior, type Rule, visit } from "../rule.ts";

export const ADMISSIONS: readonly Rule[] = [
  {
    on: "ADT^A01 ADT^A04 ADT^A05",
    what: "admitted, registered, pre-admitted",
    kind: "create",
    records: [patient("generated"), visit("generated")],
    occurred: paths("PV1-44"),
  },
  {
    on: "ADT^A14",
    what: "admission pending",
    kind: "create",
    records: [patient("used"), visit("generated")],
  },
  { on: "ADT^A28", what: "person added", kind: "create", records: [patient("generated")] },
  {
    on: "ADT^A02 ADT^A06 ADT^A07 ADT^A08 ADT^A09 ADT^A10 ADT^A12 ADT^A13 ADT^A15 ADT^A16 ADT^A20 ADT^A21 ADT^A22 ADT^A25 ADT^A26 ADT^A32 ADT^A33 ADT^A52 ADT^A53 ADT^A54 ADT^A55 ADT^A61 ADT^A62",
    what: "transferred, updated, tracked, on leave, another doctor; and such events cancelled",
    kind: "update",
    records: [patient("revised"), visit("revised")],
  },
  {
    on: "ADT^A03",
    what: "discharged",
    kind: "update",
    records: [patient("revised"), visit("revised")],
    occurred: paths("PV1-45"),
  },
  { on: "ADT^A31 ADT^A60", what: "person updated, adverse reactions", kind: "update", records: [patient("revised")] },
  {
    on: "ADT^A17",
    what: "two patients change beds",
    kind: "update",
    people: "all",
    groups: ["PID"],
    records: [patient("revised"), visit("revised")],
  },
  // What the cancelled event had made. Other cancelling events (A12, A13, A25 …) change a visit that stays.
  {
    on: "ADT^A11 ADT^A23 ADT^A27 ADT^A38",
    what: "admission or pre-admission cancelled, visit deleted",
    kind: "delete",
    records: [patient("used"), visit("invalidated")],
  },
  { on: "ADT^A29", what: "person deleted", kind: "delete", records: [patient("invalidated")] },
];

const PATIENT_MERGE = [patient("revised"), prior("source"), prior("invalidated")];
const ACCOUNT_MERGE = [
  numbered("Account", "PID-18", "revised"),
  numbered("Account", "MRG-3", "source"),
  numbered("Account", "MRG-3", "invalidated"),
];
const VISIT_MERGE = [
  visit("revised"),
  numbered("Encounter", "MRG-5", "source"),
  numbered("Encounter", "MRG-5", "invalidated"),
];

export const IDENTITY: readonly Rule[] = [
  {
    on: "ADT^A18 ADT^A30 ADT^A34 ADT^A39 ADT^A40",
    what: "two patients or persons are one: merged",
    kind: "merge",
    people: "prior",
    joins: true,
    records: PATIENT_MERGE,
  },
  {
    on: "ADT^A36",
    what: "two patients are one, and their accounts too: merged",
    kind: "merge",
    people: "prior",
    joins: true,
    records: [...PATIENT_MERGE, ...ACCOUNT_MERGE],
  },
  // One person, as in a merge, but no second record ever was.
  {
    on: "ADT^A46 ADT^A47 ADT^A48",
    what: "a patient's identifier was wrong and is replaced",
    kind: "update",
    people: "prior",
    joins: true,
    records: PATIENT_MERGE,
  },
  {
    on: "ADT^A35 ADT^A41",
    what: "accounts merged",
    kind: "merge",
    records: [patient("used"), ...ACCOUNT_MERGE],
  },
  { on: "ADT^A42", what: "visits merged", kind: "merge", records: [patient("used"), ...VISIT_MERGE] },
  {
    on: "ADT^A49",
    what: "account number replaced",
    kind: "update",
    records: [patient("used"), ...ACCOUNT_MERGE],
  },
  {
    on: "ADT^A50 ADT^A51",
    what: "visit number replaced",
    kind: "update",
    records: [patient("used"), ...VISIT_MERGE],
  },
  {
    on: "ADT^A24",
    what: "two patients are one: linked",
    kind: "link",
    people: "all",
    joins: true,
    records: [patient("revised")],
  },
  { on: "ADT^A37", what: "unlinked", kind: "update", people: "all", records: [patient("revised")] },
  // From the person in MRG to the person in PID, who are not one.
  {
    on: "ADT^A43",
    what: "identifiers moved from one patient to another",
    kind: "move",
    people: "prior",
    records: [patient("revised"), prior("revised")],
  },
  {
    on: "ADT^A44",
    what: "account moved from one patient to another",
    kind: "move",
    people: "prior",
    records: [patient("revised"), prior("revised"), numbered("Account", "PID-18 MRG-3", "revised")],
  },
  {
    on: "ADT^A45",
    what: "visit moved from one patient to another",
    kind: "move",
    people: "prior",
    records: [patient("revised"), prior("revised"), numbered("Encounter", "PV1-19 MRG-5", "revised")],
  },
];
