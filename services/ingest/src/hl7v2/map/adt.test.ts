import assert from "node:assert/strict";
import test from "node:test";
import { draftOf, draftsOf, msh, recordsOf } from "../testing.ts";

const PID = "PID|1||4711^^^MPI^MR";
const VISIT = `PV1|1|I${"|".repeat(17)}V100`;
const visit = "north-hospital/Encounter/V100";

const adt = (event: string, ...more: string[]): string[] => [msh(`ADT^${event}`), `EVN|${event}`, ...more];

test("an admission makes the patient's record and the visit", () => {
  for (const event of ["A01", "A04", "A05"]) {
    const draft = draftOf(...adt(event, PID, VISIT));
    assert.equal(draft.activity.kind, "create");
    assert.deepEqual(draft.activity.codes, [{ system: "http://terminology.hl7.org/CodeSystem/v2-0003", code: event }]);
    assert.deepEqual(recordsOf(draft), ["generated person 0", `generated ${visit}`]);
  }
  assert.deepEqual(recordsOf(draftOf(...adt("A28", PID, VISIT))), ["generated person 0"]);
});

test("updates revise, and cancelling an admission invalidates the visit and not the patient", () => {
  for (const event of ["A02", "A03", "A08", "A13", "A62"]) {
    const draft = draftOf(...adt(event, PID, VISIT));
    assert.equal(draft.activity.kind, "update");
    assert.deepEqual(recordsOf(draft), ["revised person 0", `revised ${visit}`]);
  }
  for (const event of ["A11", "A23", "A27", "A38"]) {
    const draft = draftOf(...adt(event, PID, VISIT));
    assert.equal(draft.activity.kind, "delete");
    assert.deepEqual(recordsOf(draft), ["used person 0", `invalidated ${visit}`]);
  }
  assert.deepEqual(recordsOf(draftOf(...adt("A29", PID))), ["invalidated person 0"]);
});

test("a merge invalidates the prior patient, derives from it, and joins the two", () => {
  for (const event of ["A18", "A34", "A40"]) {
    const draft = draftOf(...adt(event, PID, "MRG|0815^^^MPI^MR|||E9^^^MPI^PI"));
    assert.equal(draft.activity.kind, "merge");
    assert.deepEqual(recordsOf(draft), ["revised person 0", "source person 1", "invalidated person 1"]);
    assert.deepEqual(draft.joins, [[0, 1]]);
    assert.deepEqual(
      draft.persons.map(({ identifiers }) => identifiers.map(({ value }) => value)),
      [["4711"], ["0815", "E9"]],
    );
  }
});

test("each merged pair of a message is an event of its own", () => {
  const repeated = draftsOf(...adt("A40", PID, "MRG|1^^^MPI", "PID|2||22^^^MPI", "MRG|2^^^MPI"));
  assert.deepEqual(
    repeated.map(({ index, persons }) => [index, ...persons.map(({ identifiers }) => identifiers[0]?.value)]),
    [
      [0, "4711", "1"],
      [1, "22", "2"],
    ],
  );
  const severalPrior = draftsOf(...adt("A40", PID, "MRG|1^^^MPI", "MRG|2^^^MPI"));
  assert.deepEqual(
    severalPrior.map(({ persons }) => persons.map(({ identifiers }) => identifiers[0]?.value)),
    [
      ["4711", "1"],
      ["4711", "2"],
    ],
  );
});

test("the prior number that a merge lists under the survivor stays the prior patient's", () => {
  const draft = draftOf(...adt("A40", "PID|1||4711^^^MPI~0815^^^MPI", "MRG|0815^^^MPI"));
  assert.deepEqual(
    draft.persons.map(({ identifiers }) => identifiers.map(({ value }) => value)),
    [["4711"], ["0815"]],
  );
});

test("a merge of a patient with itself, or with nobody, invalidates no one", () => {
  const itself = draftOf(...adt("A40", PID, "MRG|4711^^^MPI^MR"));
  assert.deepEqual(recordsOf(itself), ["revised person 0"]);
  assert.deepEqual(itself.joins, []);
  assert.ok(itself.flags.includes("hl7:same-prior-patient"));
  const nobody = draftOf(...adt("A40", PID));
  assert.deepEqual(recordsOf(nobody), ["revised person 0"]);
  assert.ok(nobody.flags.includes("hl7:no-prior-patient"));
});

test("a merge of visits or accounts leaves the patient one", () => {
  const visits = draftOf(...adt("A42", PID, "MRG|4711^^^MPI^MR||||V99", VISIT));
  assert.deepEqual(recordsOf(visits), [
    "used person 0",
    `revised ${visit}`,
    "source north-hospital/Encounter/V99",
    "invalidated north-hospital/Encounter/V99",
  ]);
  const accounts = draftOf(...adt("A41", `${PID}${"|".repeat(15)}ACC1`, "MRG|4711^^^MPI||ACC2"));
  assert.deepEqual(recordsOf(accounts).slice(1), [
    "revised north-hospital/Account/ACC1",
    "source north-hospital/Account/ACC2",
    "invalidated north-hospital/Account/ACC2",
  ]);
});

test("a merge of patients with their accounts merges both", () => {
  const draft = draftOf(...adt("A36", `${PID}${"|".repeat(15)}ACC1`, "MRG|0815^^^MPI^MR||ACC2"));
  assert.deepEqual(draft.joins, [[0, 1]]);
  assert.deepEqual(recordsOf(draft).slice(3), [
    "revised north-hospital/Account/ACC1",
    "source north-hospital/Account/ACC2",
    "invalidated north-hospital/Account/ACC2",
  ]);
});

test("a link joins two patients, an unlink and a bed swap do not", () => {
  const pair = [PID, "PV1|1|I", "PID|2||22^^^MPI^MR", "PV1|2|I"];
  const link = draftOf(...adt("A24", ...pair));
  assert.equal(link.activity.kind, "link");
  assert.deepEqual(link.joins, [[0, 1]]);
  assert.deepEqual(recordsOf(link), ["revised person 0", "revised person 1"]);
  for (const event of ["A17", "A37"]) assert.deepEqual(draftOf(...adt(event, ...pair)).joins, []);
});

test("a bed swap revises both visits", () => {
  const other = `PV1|1|I${"|".repeat(17)}V200`;
  assert.deepEqual(recordsOf(draftOf(...adt("A17", PID, VISIT, "PID|2||22^^^MPI^MR", other))), [
    "revised person 0",
    "revised person 1",
    `revised ${visit}`,
    "revised north-hospital/Encounter/V200",
  ]);
});

test("a move goes from one patient to another, who stay two", () => {
  const draft = draftOf(...adt("A45", PID, "MRG|0815^^^MPI^MR||||V100", VISIT));
  assert.equal(draft.activity.kind, "move");
  assert.deepEqual(draft.joins, []);
  assert.deepEqual(recordsOf(draft), ["revised person 0", "revised person 1", `revised ${visit}`]);
});

test("a number that moves between two persons is neither's, so that it does not join them", () => {
  const draft = draftOf(...adt("A43", "PID|1|E1^^^EPI|77^^^MPI", "MRG|77^^^MPI|||E2^^^EPI"));
  assert.deepEqual(
    draft.persons.map(({ identifiers }) => identifiers.map(({ value }) => value)),
    [["E1"], ["E2"]],
  );
});

test("a visit numbered as its patient is left out, since it would show the number", () => {
  const draft = draftOf(...adt("A01", PID, `PV1|1|I${"|".repeat(17)}4711`));
  assert.deepEqual(recordsOf(draft), ["generated person 0"]);
  assert.ok(draft.flags.includes("hl7:visit-numbered-as-patient"));
});

test("a visit numbered by another institution is that institution's record", () => {
  const draft = draftOf(...adt("A08", PID, `PV1|1|I${"|".repeat(17)}V7^5^M11^CITYLAB^VN`));
  assert.deepEqual(recordsOf(draft), ["revised person 0", "revised city-lab/Encounter/V7"]);
});

test("an event about nobody is still an event", () => {
  const draft = draftOf(...adt("A20", "NPU|W1^101|U"));
  assert.deepEqual(draft.persons, []);
  assert.deepEqual(draft.records, []);
  assert.ok(draft.flags.includes("hl7:no-patient-identifier"));
});

test("an unknown event of a known type is an exchange, not a guess", () => {
  const draft = draftOf(...adt("Z77", PID, VISIT));
  assert.equal(draft.activity.kind, "disclose");
  assert.deepEqual(recordsOf(draft), ["used person 0", `used ${visit}`]);
  assert.deepEqual(draft.recipients, ["city-lab"]);
  assert.ok(draft.flags.includes("hl7:unknown-message-type"));
});

test("the event is EVN-1's where MSH-9 does not say, and a contradiction is flagged", () => {
  const draft = draftOf(msh("ADT"), "EVN|A08", PID);
  assert.equal(draft.type, "ADT^A08");
  assert.equal(draft.activity.kind, "update");
  assert.ok(draftOf(msh("ADT^A08"), "EVN|A01", PID).flags.includes("hl7:event-mismatch"));
});
