import assert from "node:assert/strict";
import test from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import { draftOf, draftsOf, msh, recordsOf } from "../testing.ts";

const PID = "PID|1||4711^^^MPI^MR";
const own = (type: string, id: string): string => `north-hospital/${type}/${id}`;

test("results make one report for each OBR, from the order it answers, and are disclosed", () => {
  const draft = draftOf(
    msh("ORU^R01"),
    PID,
    "ORC|RE|ORD1|",
    "OBR|1||REP1|GLU^Glucose",
    "OBX|1|NM|GLU||5",
    "ORC|RE|ORD2|REP2",
    "OBR|2|||K^Potassium",
  );
  assert.equal(draft.activity.kind, "create");
  assert.deepEqual(recordsOf(draft), [
    `generated ${own("DiagnosticReport", "REP1")}`,
    `generated ${own("DiagnosticReport", "REP2")}`,
    `source ${own("ServiceRequest", "ORD1")}`,
    `source ${own("ServiceRequest", "ORD2")}`,
  ]);
  assert.deepEqual(draft.recipients, ["city-lab"]);
  assert.equal(draft.sealed.labels?.[own("DiagnosticReport", "REP1")], "Glucose");
});

test("a result's status decides what became of the report", () => {
  const role = (status: string): string | undefined =>
    recordsOf(draftOf(msh("ORU^R01"), PID, `OBR|1|ORD1|REP1${"|".repeat(22)}${status}`))[0];
  assert.equal(role("F"), `generated ${own("DiagnosticReport", "REP1")}`);
  assert.equal(role("C"), `revised ${own("DiagnosticReport", "REP1")}`);
  assert.equal(role("X"), `invalidated ${own("DiagnosticReport", "REP1")}`);
});

test("a report without a filler number is missed, and the event is kept", () => {
  const draft = draftOf(msh("ORU^R01"), PID, "OBR|1|ORD1||GLU");
  assert.deepEqual(recordsOf(draft), [`source ${own("ServiceRequest", "ORD1")}`]);
  assert.ok(draft.flags.includes("hl7:no-record-id"));
});

test("results of several patients in one message are an event each", () => {
  const drafts = draftsOf(msh("ORU^R01"), PID, "OBR|1||REP1", "PID|2||22^^^MPI", "OBR|1||REP2");
  assert.deepEqual(
    drafts.map((draft) => [draft.index, draft.persons[0]?.identifiers[0]?.value, ...recordsOf(draft)]),
    [
      [0, "4711", `generated ${own("DiagnosticReport", "REP1")}`],
      [1, "22", `generated ${own("DiagnosticReport", "REP2")}`],
    ],
  );
});

test("an order number of another institution's namespace is that institution's record", () => {
  const draft = draftOf(msh("ORU^R01"), PID, "ORC|RE|ORD1^CITYLAB|REP1^^1.2.3.1^ISO", "OBR|1");
  assert.deepEqual(recordsOf(draft), [
    `generated ${own("DiagnosticReport", "REP1")}`,
    "source city-lab/ServiceRequest/ORD1",
  ]);
});

test("an id that is a URI, or only a universal id, stands for itself", () => {
  const draft = draftOf(msh("MDM^T02"), PID, `TXA|1|DS${"|".repeat(10)}^^1.2.3.4^ISO|urn:uuid:aa`);
  assert.deepEqual(recordsOf(draft), ["generated urn:oid:1.2.3.4", "source urn:uuid:aa"]);
});

const txa = (id: string, parent = "", order = ""): string =>
  `TXA|1|DS^Summary${"|".repeat(10)}${id}|${parent}|${order}`;

test("documents are made, amended, replaced and cancelled", () => {
  const of = (event: string): string[] => recordsOf(draftOf(msh(`MDM^${event}`), PID, txa("D2", "D1", "ORD1")));
  const [d1, d2, order] = [
    own("DocumentReference", "D1"),
    own("DocumentReference", "D2"),
    own("ServiceRequest", "ORD1"),
  ];
  assert.deepEqual(of("T02"), [`generated ${d2}`, `source ${d1}`, `source ${order}`]);
  assert.deepEqual(of("T06"), [`generated ${d2}`, `source ${d1}`, `source ${order}`]);
  assert.deepEqual(of("T08"), [`revised ${d2}`]);
  assert.deepEqual(of("T10"), [`generated ${d2}`, `revision ${d1}`, `source ${order}`]);
  assert.deepEqual(of("T11"), [`invalidated ${d2}`]);
});

test("ORC-1 decides what an order message does to the order", () => {
  const role = (control: string): string | undefined =>
    recordsOf(draftOf(msh("ORM^O01"), PID, `ORC|${control}|ORD1`, "OBR|1|ORD1"))[0]?.split(" ")[0];
  assert.equal(role("NW"), "generated");
  assert.equal(role("XO"), "revised");
  assert.equal(role("CA"), "invalidated");
  assert.equal(role("RE"), "used");
  assert.equal(role("toString"), "used");
  for (const type of ["OML^O21", "OMG^O19"]) {
    assert.equal(draftOf(msh(type), PID, "ORC|NW|ORD1").activity.kind, "order");
  }
});

test("pharmacy, vaccination, scheduling, referral and billing messages have rows of their own", () => {
  const of = (type: string, ...more: string[]): [string, ...string[]] => {
    const draft = draftOf(msh(type), PID, ...more);
    return [draft.activity.kind, ...recordsOf(draft)];
  };
  assert.deepEqual(of("RDE^O11", "ORC|NW|RX1"), ["order", `generated ${own("MedicationRequest", "RX1")}`]);
  assert.deepEqual(of("RDS^O13", "ORC|RE|RX1|DI1", "RXD|1"), [
    "create",
    `generated ${own("MedicationDispense", "DI1")}`,
    `source ${own("MedicationRequest", "RX1")}`,
  ]);
  assert.deepEqual(of("VXU^V04", "ORC|RE||IZ1", "RXA|0|1|20310102", "ORC|RE||IZ2", `RXA|0|1${"|".repeat(19)}D`), [
    "create",
    `generated ${own("Immunization", "IZ1")}`,
    `invalidated ${own("Immunization", "IZ2")}`,
  ]);
  assert.deepEqual(of("SIU^S12", "SCH|P1|F1"), ["create", `generated ${own("Appointment", "F1")}`]);
  assert.deepEqual(of("SIU^S15", "SCH|P1|F1"), ["delete", `invalidated ${own("Appointment", "F1")}`]);
  assert.deepEqual(of("REF^I12", "RF1||||||REF1"), ["order", `generated ${own("ServiceRequest", "REF1")}`]);
  assert.deepEqual(of("DFT^P03", "FT1|1"), ["execute", "used person 0"]);
  assert.deepEqual(of("BAR^P01"), ["execute", "used person 0"]);
});

test("drugs to be given, blood products, studies, goals and problems have rows of their own", () => {
  const of = (type: string, ...more: string[]): [string, ...string[]] => {
    const draft = draftOf(msh(type), PID, ...more);
    return [draft.activity.kind, ...recordsOf(draft)];
  };
  assert.deepEqual(of("RGV^O15", "ORC|NW|RX1", "RXG|1|||A^Aspirin"), [
    "order",
    `generated ${own("MedicationRequest", "RX1")}`,
  ]);
  assert.deepEqual(of("BTS^O31", "ORC|RE|B1", "BTX|1|D1"), ["execute", `used ${own("ServiceRequest", "B1")}`]);
  assert.deepEqual(of("OPU^R25", "OBR|1||REP1"), ["create", `generated ${own("DiagnosticReport", "REP1")}`]);
  assert.deepEqual(of("CRM^C01", "CSR|STUDY1"), ["update", `used ${own("ResearchStudy", "STUDY1")}`]);
  assert.deepEqual(of("PPR^PC3", "PRB|DE|20310101|I10|P7"), ["delete", `invalidated ${own("Condition", "P7")}`]);
  assert.deepEqual(of("PGL^PC6", "GOL|AD|20310101|Walk|G1", "GOL|AD|20310101|Run|G2"), [
    "create",
    `generated ${own("Goal", "G1")}`,
    `generated ${own("Goal", "G2")}`,
  ]);
  assert.deepEqual(of("SRM^S01", "ARQ|P1"), ["order", `used ${own("Appointment", "P1")}`]);
});

test("an order is named by what was ordered, a drug by what is asked for until it is encoded", () => {
  const label = (...segments: string[]): unknown => Object.values(draftOf(...segments).sealed.labels ?? {})[0];
  assert.equal(label(msh("OMP^O09"), PID, "ORC|NW|RX1", "RXO|A^Aspirin"), "Aspirin");
  assert.equal(label(msh("RDE^O11"), PID, "ORC|NW|RX1", "RXO|A^Aspirin", "RXE||B^Aspirin 100 mg"), "Aspirin 100 mg");
});

test("Z segments are kept, sealed, as they came", () => {
  const draft = draftOf(msh("ADT^A08"), PID, "ZPI|1|Miller^Jane|a\\T\\b");
  assert.deepEqual(draft.sealed.text, ["ZPI|1|Miller^Jane|a\\T\\b"]);
  const long = draftOf(msh("ADT^A08"), PID, `ZZZ|${"x".repeat(9_999)}`, "ZPI|1");
  assert.equal(long.sealed.text?.join("").length, 2_000);
});

test("a query reads the patient it asks for", () => {
  const query = draftOf(msh("QRY^A19"), "QRD|20310102|R|I|Q1|||1^RD|4711^^^MPI|DEM");
  assert.equal(query.activity.kind, "read");
  assert.deepEqual(recordsOf(query), ["used person 0"]);
  const byIdentifier = draftOf(msh("QBP^Q23"), "QPD|IHE PIX Query|T1|4711^^^MPI");
  assert.equal(byIdentifier.persons[0]?.identifiers[0]?.value, "4711");
  assert.deepEqual(draftOf(msh("QBP^Q22"), "QPD|Find|T1|@PID.5.1^Miller").persons, []);
});

test("a query's response discloses each patient in it, a failed one discloses nobody", () => {
  const found = draftsOf(msh("RSP^K22"), "MSA|AA|Q1", PID, "PID|2||22^^^MPI");
  assert.deepEqual(
    found.map(({ activity, recipients }) => [activity.kind, ...recipients]),
    [
      ["disclose", "city-lab"],
      ["disclose", "city-lab"],
    ],
  );
  const failed = draftOf(msh("RSP^K22"), "MSA|AE|Q1", PID);
  assert.equal(failed.outcome, "serious-failure");
  assert.deepEqual(recordsOf(failed), ["associated person 0"]);
  assert.deepEqual(failed.recipients, []);
});

test("a message type that is not known is an exchange between MSH-4 and MSH-6", () => {
  const draft = draftOf(msh("ZZZ^Z01"), PID);
  assert.equal(draft.activity.kind, "disclose");
  assert.deepEqual(draft.recipients, ["city-lab"]);
  assert.ok(draft.agents.some(({ id, kind }) => id === "north-hospital" && kind === "institution"));
  for (const type of ["", "constructor^x", "__proto__"]) assert.equal(draftOf(msh(type)).activity.kind, "disclose");
});

test("more than the limit of records or patients is refused, not cut", () => {
  const tooLarge = (error: unknown): boolean => hasCode(error, "INPUT_TOO_LARGE");
  const reports = Array.from({ length: 501 }, (_, i) => `OBR|${i}||R${i}`);
  assert.throws(() => draftsOf(msh("ORU^R01"), PID, ...reports), tooLarge);
  const patients = Array.from({ length: 1_001 }, (_, i) => `PID|${i}||${i}`);
  assert.throws(() => draftsOf(msh("RSP^K22"), ...patients), tooLarge);
  assert.throws(() => draftsOf(msh("ADT^A24"), ...patients), tooLarge);
  const notes = Array.from({ length: 20_000 }, () => "NTE|1");
  assert.throws(() => draftsOf(msh("RSP^K22"), ...notes, ...patients.slice(0, 100)), tooLarge);
  assert.throws(() => draftsOf(msh("ORM^O01"), PID, `ORC|NW|${"9".repeat(257)}`), tooLarge);
});
