/** Results, documents, problems and goals (HL7 v2.9 chapters 4A, 7, 9 and 12). */
import { byCode, paths, type RecordRow, type Rule, record, visit } from "../rule.ts";

/** OBR-25, HL7 table 0123: C corrects what was final, X says that there is nothing. */
const BY_RESULT_STATUS = byCode("OBR-25", { revised: "C", invalidated: "X" }, "generated");
/** RXA-21, HL7 table 0206. */
const BY_ACTION = byCode("RXA-21", { revised: "U", invalidated: "D" }, "generated");

export const RESULTS: readonly Rule[] = [
  {
    on: "ORU OUL OPU",
    what: "results",
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
    what: "vaccinations",
    kind: "create",
    groups: ["ORC", "RXA"],
    records: [record("Immunization", "ORC-3", BY_ACTION, "RXA-5"), visit("used")],
    occurred: paths("RXA-3"),
    disclosed: true,
  },
  {
    on: "CRM CSU",
    what: "a patient in a clinical study: registered, changed; its data",
    kind: "update",
    groups: ["CSR"],
    records: [record("ResearchStudy", "CSR-1", "used"), visit("used")],
    disclosed: true,
  },
];

const document = (role: RecordRow["role"]): RecordRow => record("DocumentReference", "TXA-12", role, "TXA-2");
const ORDERED = record("ServiceRequest", "TXA-14", "source");
const WRITTEN = paths("TXA-8 TXA-6 TXA-4");

/** An addendum has an id of its own beside its parent's, a replacement too; an edit keeps its id. */
export const DOCUMENTS: readonly Rule[] = [
  {
    on: "MDM^T01 MDM^T02 MDM^T05 MDM^T06",
    what: "document written, or added to",
    kind: "create",
    records: [document("generated"), record("DocumentReference", "TXA-13", "source"), ORDERED, visit("used")],
    occurred: WRITTEN,
    disclosed: true,
  },
  {
    on: "MDM^T03 MDM^T04 MDM^T07 MDM^T08",
    what: "document edited, or its status changed",
    kind: "update",
    records: [document("revised"), visit("used")],
    occurred: paths("TXA-8"),
    disclosed: true,
  },
  {
    on: "MDM^T09 MDM^T10",
    what: "document replaced",
    kind: "update",
    records: [document("generated"), record("DocumentReference", "TXA-13", "revision"), ORDERED, visit("used")],
    occurred: WRITTEN,
    disclosed: true,
  },
  {
    on: "MDM^T11",
    what: "document cancelled",
    kind: "delete",
    records: [document("invalidated"), visit("used")],
    disclosed: true,
  },
];

/** Chapter 12: events of one kind differ in what is added, changed or deleted. */
function care(type: string, group: string, id: string, label: string, what: string, events: string): Rule[] {
  const [added = "", changed = "", deleted = ""] = events.split(" ");
  const rows = [
    [added, "create", "generated", "added"],
    [changed, "update", "revised", "changed"],
    [deleted, "delete", "invalidated", "deleted"],
  ] as const;
  return rows.map(([on, kind, role, done]) => ({
    on,
    what: `${what} ${done}`,
    kind,
    groups: [group],
    records: [record(type, id, role, label), visit("used")],
    disclosed: true,
  }));
}

export const PROBLEMS: readonly Rule[] = [
  ...care("Goal", "GOL", "GOL-4", "GOL-3", "goal", "PGL^PC6 PGL^PC7 PGL^PC8"),
  ...care("Condition", "PRB", "PRB-4", "PRB-3", "problem", "PPR^PC1 PPR^PC2 PPR^PC3"),
  ...care("CarePlan", "PTH", "PTH-3", "PTH-2", "pathway of problems", "PPP^PCB PPP^PCC PPP^PCD"),
  ...care("CarePlan", "PTH", "PTH-3", "PTH-2", "pathway of goals", "PPG^PCG PPG^PCH PPG^PCJ"),
];
