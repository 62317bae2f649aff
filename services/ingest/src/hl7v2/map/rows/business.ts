/** Appointments, billing and queries (HL7 v2.9 chapters 5, 6 and 10). */
import { paths, patient, type RecordRow, type Rule, record, visit } from "../rule.ts";

const appointment = (role: RecordRow["role"]): RecordRow => record("Appointment", "SCH-2 SCH-1", role, "SCH-7");

export const SCHEDULES: readonly Rule[] = [
  { on: "SIU^S12", what: "appointment made", kind: "create", records: [appointment("generated"), visit("used")] },
  {
    on: "SIU^S13 SIU^S14 SIU^S18 SIU^S19 SIU^S20 SIU^S21 SIU^S22 SIU^S24 SIU^S26",
    what: "appointment moved or changed, not kept",
    kind: "update",
    records: [appointment("revised"), visit("used")],
  },
  {
    on: "SIU^S15 SIU^S16 SIU^S17",
    what: "appointment cancelled, discontinued, deleted",
    kind: "delete",
    records: [appointment("invalidated"), visit("used")],
  },
  {
    on: "SRM",
    what: "appointment asked for, or a change of one",
    kind: "order",
    records: [record("Appointment", "ARQ-2 ARQ-1", "used", "ARQ-7"), visit("used")],
    disclosed: true,
  },
];

export const BILLING: readonly Rule[] = [
  { on: "BAR", what: "account opened, changed, closed", kind: "execute", records: [patient("used"), visit("used")] },
  {
    on: "DFT",
    what: "charges",
    kind: "execute",
    records: [patient("used"), visit("used")],
    occurred: paths("FT1-4"),
  },
  { on: "EHC", what: "invoices", kind: "execute", records: [patient("used"), visit("used")], disclosed: true },
];

const [WHO_SUBJECT_FILTER] = paths("QRD-8");
const [PERSON_IDENTIFIER] = paths("QPD-3");
const asked = (on: string, what: string, people?: Rule["people"]): Rule => ({
  on,
  what,
  kind: "read",
  records: [patient("used")],
  ...(people === undefined ? {} : { people }),
});

export const QUERIES: readonly Rule[] = [
  asked("QRY VXQ OSQ SQM QCN QSB", "asked for, by QRD", WHO_SUBJECT_FILTER),
  // Only these ask for one person by identifier in QPD-3; in others it is search parameters, or something else.
  asked("QBP^Q21 QBP^Q23 QBP^Q24", "a person asked for by identifier", PERSON_IDENTIFIER),
  asked("QBP QVR", "asked for, by QPD"),
  asked("RQI RQC RQP", "data of a patient asked of another institution"),
  {
    on: "ORF",
    what: "results, in answer to a query",
    kind: "disclose",
    groups: ["ORC", "OBR"],
    records: [patient("used"), record("DiagnosticReport", "OBR-3 ORC-3", "used", "OBR-4")],
    disclosed: true,
  },
];
