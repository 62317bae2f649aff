/**
 * The mapping table: what each HL7 v2 message says was done, and to which records (HL7 v2.9 chapters 3 to 12, tables
 * 0003, 0076, 0119). To trace one more message, add a row; a message without one is an exchange between MSH-4 and
 * MSH-6 ({@link EXCHANGE}).
 */
import { byCode, numbered, paths, patient, prior, type RecordRow, type Rule, record, visit } from "./rule.ts";

/** ORC-1 and its like, HL7 table 0119. */
const BY_ORDER_CONTROL = byCode(
  "ORC-1",
  {
    generated: "NW RO CH RF NA",
    revised: "XO XX XR SC HD HR OH RL OE OR OF FU AF LI UN XA",
    invalidated: "CA CR OC DC DR OD RP RQ RU",
  },
  "used",
);
/** OBR-25, HL7 table 0123: C corrects what was final, X says that there is nothing. */
const BY_RESULT_STATUS = byCode("OBR-25", { revised: "C", invalidated: "X" }, "generated");
/** RXA-21, HL7 table 0206. */
const BY_ACTION = byCode("RXA-21", { revised: "U", invalidated: "D" }, "generated");

const order = (type: string, label: string): RecordRow[] => [
  record(type, "ORC-2 OBR-2 ORC-3 OBR-3", BY_ORDER_CONTROL, label),
  visit("used"),
];

const PATIENT_MERGE = [patient("revised"), prior("source"), prior("invalidated")];

const ADMISSIONS: readonly Rule[] = [
  {
    on: "ADT^A01 ADT^A04 ADT^A05",
    kind: "create",
    records: [patient("generated"), visit("generated")],
    occurred: paths("PV1-44"),
  },
  { on: "ADT^A14", kind: "create", records: [patient("used"), visit("generated")] },
  { on: "ADT^A28", kind: "create", records: [patient("generated")] },
  {
    on: "ADT^A02 ADT^A06 ADT^A07 ADT^A08 ADT^A09 ADT^A10 ADT^A12 ADT^A13 ADT^A15 ADT^A16 ADT^A20 ADT^A21 ADT^A22 ADT^A25 ADT^A26 ADT^A32 ADT^A33 ADT^A52 ADT^A53 ADT^A54 ADT^A55 ADT^A61 ADT^A62",
    kind: "update",
    records: [patient("revised"), visit("revised")],
  },
  { on: "ADT^A03", kind: "update", records: [patient("revised"), visit("revised")], occurred: paths("PV1-45") },
  { on: "ADT^A31 ADT^A60", kind: "update", records: [patient("revised")] },
  // Two patients change beds.
  {
    on: "ADT^A17",
    kind: "update",
    people: "all",
    groups: ["PID"],
    records: [patient("revised"), visit("revised")],
  },
  // Cancelled: what the cancelled event had made. Other cancelling events (A12, A13, A25 …) change a visit that stays.
  { on: "ADT^A11 ADT^A23 ADT^A27 ADT^A38", kind: "delete", records: [patient("used"), visit("invalidated")] },
  { on: "ADT^A29", kind: "delete", records: [patient("invalidated")] },
];

const IDENTITY: readonly Rule[] = [
  {
    on: "ADT^A18 ADT^A30 ADT^A34 ADT^A36 ADT^A39 ADT^A40",
    kind: "merge",
    people: "prior",
    joins: true,
    records: PATIENT_MERGE,
  },
  // An id was wrong and is replaced: one person, as in a merge, but no second record ever was.
  { on: "ADT^A46 ADT^A47 ADT^A48", kind: "update", people: "prior", joins: true, records: PATIENT_MERGE },
  {
    on: "ADT^A35 ADT^A41",
    kind: "merge",
    records: [
      patient("used"),
      numbered("Account", "PID-18", "revised"),
      numbered("Account", "MRG-3", "source"),
      numbered("Account", "MRG-3", "invalidated"),
    ],
  },
  {
    on: "ADT^A42",
    kind: "merge",
    records: [
      patient("used"),
      visit("revised"),
      numbered("Encounter", "MRG-5", "source"),
      numbered("Encounter", "MRG-5", "invalidated"),
    ],
  },
  {
    on: "ADT^A49",
    kind: "update",
    records: [
      patient("used"),
      numbered("Account", "PID-18", "revised"),
      numbered("Account", "MRG-3", "source"),
      numbered("Account", "MRG-3", "invalidated"),
    ],
  },
  {
    on: "ADT^A50 ADT^A51",
    kind: "update",
    records: [
      patient("used"),
      visit("revised"),
      numbered("Encounter", "MRG-5", "source"),
      numbered("Encounter", "MRG-5", "invalidated"),
    ],
  },
  { on: "ADT^A24", kind: "link", people: "all", joins: true, records: [patient("revised")] },
  { on: "ADT^A37", kind: "update", people: "all", records: [patient("revised")] },
  // From the person in MRG to the person in PID, who are not one.
  { on: "ADT^A43", kind: "move", people: "prior", records: [patient("revised"), prior("revised")] },
  {
    on: "ADT^A44",
    kind: "move",
    people: "prior",
    records: [patient("revised"), prior("revised"), numbered("Account", "PID-18 MRG-3", "revised")],
  },
  {
    on: "ADT^A45",
    kind: "move",
    people: "prior",
    records: [patient("revised"), prior("revised"), numbered("Encounter", "PV1-19 MRG-5", "revised")],
  },
];

const RESULTS: readonly Rule[] = [
  {
    on: "ORU OUL",
    kind: "create",
    groups: ["ORC", "OBR"],
    records: [
      record("DiagnosticReport", "OBR-3 ORC-3", BY_RESULT_STATUS, "OBR-4"),
      record("ServiceRequest", "ORC-2 OBR-2", "source"),
      visit("used"),
    ],
    occurred: paths("OBR-22 OBR-7"),
    disclosed: true,
  },
  {
    on: "VXU",
    kind: "create",
    groups: ["ORC", "RXA"],
    records: [record("Immunization", "ORC-3", BY_ACTION, "RXA-5"), visit("used")],
    occurred: paths("RXA-3"),
    disclosed: true,
  },
];

const document = (role: RecordRow["role"]): RecordRow => record("DocumentReference", "TXA-12", role, "TXA-2");
const ORDERED = record("ServiceRequest", "TXA-14", "source");
const WRITTEN = paths("TXA-8 TXA-6 TXA-4");

/** Chapter 9: an addendum has an id of its own beside its parent's, a replacement too; an edit keeps its id. */
const DOCUMENTS: readonly Rule[] = [
  {
    on: "MDM^T01 MDM^T02 MDM^T05 MDM^T06",
    kind: "create",
    records: [document("generated"), record("DocumentReference", "TXA-13", "source"), ORDERED, visit("used")],
    occurred: WRITTEN,
    disclosed: true,
  },
  {
    on: "MDM^T03 MDM^T04 MDM^T07 MDM^T08",
    kind: "update",
    records: [document("revised"), visit("used")],
    occurred: paths("TXA-8"),
    disclosed: true,
  },
  {
    on: "MDM^T09 MDM^T10",
    kind: "update",
    records: [document("generated"), record("DocumentReference", "TXA-13", "revision"), ORDERED, visit("used")],
    occurred: WRITTEN,
    disclosed: true,
  },
  { on: "MDM^T11", kind: "delete", records: [document("invalidated"), visit("used")], disclosed: true },
];

const ORDERS: readonly Rule[] = [
  {
    on: "ORM OML OMG OMI OMS OMN OMD OMB OPL OPU",
    kind: "order",
    groups: ["ORC"],
    records: order("ServiceRequest", "OBR-4"),
    occurred: paths("ORC-9"),
    disclosed: true,
  },
  {
    on: "OMP RDE",
    kind: "order",
    groups: ["ORC"],
    records: order("MedicationRequest", "RXE-2"),
    occurred: paths("ORC-9"),
    disclosed: true,
  },
  {
    on: "RDS",
    kind: "create",
    groups: ["ORC", "RXD"],
    records: [
      record("MedicationDispense", "ORC-3 RXD-7", "generated", "RXD-2"),
      record("MedicationRequest", "ORC-2", "source"),
      visit("used"),
    ],
    occurred: paths("RXD-3"),
    disclosed: true,
  },
  {
    on: "RAS",
    kind: "create",
    groups: ["ORC", "RXA"],
    records: [
      record("MedicationAdministration", "ORC-3", "generated", "RXA-5"),
      record("MedicationRequest", "ORC-2", "source"),
      visit("used"),
    ],
    occurred: paths("RXA-3"),
    disclosed: true,
  },
  { on: "REF^I12", kind: "order", records: [record("ServiceRequest", "RF1-6", "generated")], disclosed: true },
  { on: "REF^I13 REF^I15", kind: "order", records: [record("ServiceRequest", "RF1-6", "revised")], disclosed: true },
  { on: "REF^I14", kind: "order", records: [record("ServiceRequest", "RF1-6", "invalidated")], disclosed: true },
];

const appointment = (role: RecordRow["role"]): RecordRow => record("Appointment", "SCH-2 SCH-1", role, "SCH-7");

const SCHEDULES: readonly Rule[] = [
  { on: "SIU^S12", kind: "create", records: [appointment("generated"), visit("used")] },
  {
    on: "SIU^S13 SIU^S14 SIU^S18 SIU^S19 SIU^S20 SIU^S21 SIU^S22 SIU^S24 SIU^S26",
    kind: "update",
    records: [appointment("revised"), visit("used")],
  },
  { on: "SIU^S15 SIU^S16 SIU^S17", kind: "delete", records: [appointment("invalidated"), visit("used")] },
];

const BILLING: readonly Rule[] = [
  { on: "BAR", kind: "execute", records: [patient("used"), visit("used")] },
  { on: "DFT", kind: "execute", records: [patient("used"), visit("used")], occurred: paths("FT1-4") },
];

const [WHO_SUBJECT_FILTER] = paths("QRD-8");
const [PERSON_IDENTIFIER] = paths("QPD-3");
const asked = (on: string, people: Rule["people"]): Rule => ({
  on,
  kind: "read",
  records: [patient("used")],
  ...(people === undefined ? {} : { people }),
});

const QUERIES: readonly Rule[] = [
  asked("QRY VXQ OSQ SQM QCN QSB", WHO_SUBJECT_FILTER),
  // Only these ask for one person by identifier in QPD-3; in others it is search parameters, or something else.
  asked("QBP^Q21 QBP^Q23 QBP^Q24", PERSON_IDENTIFIER),
  asked("QBP QVR", undefined),
  {
    on: "ORF",
    kind: "disclose",
    groups: ["ORC", "OBR"],
    records: [patient("used"), record("DiagnosticReport", "OBR-3 ORC-3", "used", "OBR-4")],
    disclosed: true,
  },
];

/** What a message without a row is traced as: an exchange. Query responses (RSP, ADR, DSR, RTB …) are just that. */
export const EXCHANGE: Rule = {
  on: "",
  kind: "disclose",
  records: [patient("used"), visit("used")],
  disclosed: true,
};

const RULES = [...ADMISSIONS, ...IDENTITY, ...RESULTS, ...DOCUMENTS, ...ORDERS, ...SCHEDULES, ...BILLING, ...QUERIES];
const TABLE: ReadonlyMap<string, Rule> = new Map(
  RULES.flatMap((rule) => rule.on.split(" ").map((trigger): [string, Rule] => [trigger, rule])),
);

/** Query responses and their like: known, though they have no row. */
const EXCHANGES: ReadonlySet<string> = new Set(
  "ADR DSR EDR ERP ORR ORL RSP RTB RCI RPA RPI RRI TBR VXR VXX".split(" "),
);

/** The row for a message type (MSH-9.1) and trigger event (MSH-9.2); undefined where its type is not known. */
export function ruleFor(type: string, event: string): Rule | undefined {
  return TABLE.get(`${type}^${event}`) ?? TABLE.get(type) ?? (EXCHANGES.has(type) ? EXCHANGE : undefined);
}
