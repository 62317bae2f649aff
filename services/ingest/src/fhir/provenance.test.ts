import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Draft } from "../normalise/draft.ts";
import { clearText, draftOf, provenance, refusalOf } from "./testing.ts";

const draft = (more: object = {}): Draft => draftOf(provenance(more));
const flags = (more: object): readonly string[] => draft(more).flags;
const rolesOf = (more: object): string[] =>
  draft(more).records.map(({ id, role }) => `${typeof id === "string" ? id : `person ${id.person}`} ${role}`);
const REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

test("a Provenance that says all it must is taken without flags", () => {
  const { raw: _raw, ...rest } = draft();
  assert.deepEqual(rest, {
    format: "fhir-r4",
    type: "Provenance",
    system: "hospital-a/fhir",
    index: 0,
    flags: [],
    activity: { kind: "create", codes: [] },
    outcome: "success",
    recorded: { given: "2026-01-02T03:04:05+01:00", utc: "2026-01-02T02:04:05.000Z" },
    purposes: [],
    breakGlass: false,
    consents: [],
    agents: [{ id: "hospital-a/Practitioner/p1", kind: "person", roles: [] }],
    records: [{ id: "hospital-a/DiagnosticReport/r1", type: "DiagnosticReport", role: "generated" }],
    recipients: [],
    persons: [],
    joins: [],
    sealed: {},
  });
});

describe("what it says of records", () => {
  test("targets were generated, each in the version that it names", () => {
    const target = [{ reference: "Observation/1/_history/2" }, { reference: "urn:oid:2.999.4", type: "Media" }];
    assert.deepEqual(draft({ target }).records, [
      { id: "hospital-a/Observation/1", type: "Observation", version: "2", role: "generated" },
      { id: "urn:oid:2.999.4", type: "Media", role: "generated" },
    ]);
  });

  test("entities were what their role says", () => {
    for (const [role, said] of [
      ["source", "source"],
      ["derivation", "source"],
      ["revision", "revision"],
      ["quotation", "quotation"],
      ["removal", "invalidated"],
      ["instantiates", "used"],
    ]) {
      const entity = [{ role, what: { reference: "Observation/1" } }];
      assert.deepEqual(rolesOf({ entity }), [
        "hospital-a/DiagnosticReport/r1 generated",
        `hospital-a/Observation/1 ${said}`,
      ]);
      assert.deepEqual(flags({ entity }), []);
    }
  });

  test("an entity of an unknown role was used, and is flagged", () => {
    for (const role of [undefined, "inspiration"]) {
      const entity = [{ role, what: { reference: "Observation/1" } }];
      assert.deepEqual(rolesOf({ entity }).at(-1), "hospital-a/Observation/1 used");
      assert.deepEqual(flags({ entity }), ["fhir:unknown-entity-role"]);
    }
  });

  test("what was deleted was invalidated; of an update the target is what came of it", () => {
    const activity = (code: string): object => ({
      coding: [{ system: "http://terminology.hl7.org/CodeSystem/v3-DataOperation", code }],
    });
    for (const [code, kind, role] of [
      ["CREATE", "create", "generated"],
      ["UPDATE", "update", "generated"],
      ["APPEND", "update", "generated"],
      ["DELETE", "delete", "invalidated"],
      ["AU", "create", "generated"],
    ] as const) {
      const found = draft({ activity: activity(code) });
      assert.deepEqual([found.activity.kind, found.records[0]?.role], [kind, role], code);
      assert.deepEqual(
        found.activity.codes.map((one) => one.code),
        [code],
      );
    }
  });

  test("a patient is a person of the event, whether made or used", () => {
    const patient = { reference: "Patient/4711", display: "Erika Muster" };
    const found = draft({ target: [patient], entity: [{ role: "revision", what: patient }] });
    assert.deepEqual(found.records, [
      { id: { person: 0 }, type: "Patient", role: "generated" },
      { id: { person: 0 }, type: "Patient", role: "revision" },
    ]);
    assert.equal(found.persons.length, 1);
    assert.doesNotMatch(clearText(found), /4711|Muster/);
  });

  test("what has only an identifier is known by it, what has none is no record", () => {
    const what = { identifier: { system: "urn:oid:2.999.9", value: "7" } };
    assert.equal(
      rolesOf({ entity: [{ role: "source", what }] }).at(-1),
      "hospital-a/Resource/urn%3Aoid%3A2.999.9%7C7 source",
    );
    for (const entity of [{ role: "source" }, { role: "source", what: { display: "SECRET" } }]) {
      assert.deepEqual(flags({ entity: [entity] }), ["fhir:entity-without-reference"]);
      assert.doesNotMatch(clearText(draft({ entity: [entity] })), /SECRET/);
    }
    const search = { role: "source", what: { reference: "Observation?patient=4711" } };
    assert.deepEqual(flags({ entity: [search] }), ["fhir:search-as-reference"]);
    assert.doesNotMatch(clearText(draft({ entity: [search] })), /4711/);
  });

  test("an Organization is a record like any other where it is what was made", () => {
    assert.deepEqual(rolesOf({ target: [{ reference: "Organization/hospital-b" }] }), [
      "hospital-a/Organization/hospital-b generated",
    ]);
  });
});

test("it occurred at a moment, in a period, or on a day", () => {
  const moment = "2026-01-01T00:00:00.000Z";
  assert.deepEqual(draft({ occurredDateTime: moment }).occurred?.end.utc, moment);
  assert.deepEqual(draft({ occurredPeriod: { start: moment } }).occurred?.start.utc, moment);
  const { occurred, flags: odd } = draft({ occurredPeriod: { start: "2017-06-06" } });
  assert.deepEqual([occurred?.start.utc, occurred?.end.utc], ["2017-06-05T23:00:00.000Z", "2017-06-06T22:59:59.999Z"]);
  assert.deepEqual(odd, ["fhir:assumed-offset", "fhir:time-precision-day"]);
  assert.deepEqual(flags({ occurredDateTime: "soon" }), ["fhir:unreadable-period"]);
});

test("reasons are purposes, and may be to break the glass", () => {
  const reason = [{ coding: [{ system: REASONS, code: "BTG", display: "SECRET" }], text: "SECRET" }];
  const found = draft({ reason });
  assert.deepEqual([found.purposes, found.breakGlass], [[{ system: REASONS, code: "BTG" }], true]);
  assert.doesNotMatch(clearText(found), /SECRET/);
});

describe("a Provenance of R5", () => {
  test("names patient and orders beside what was done", () => {
    const found = draft({ patient: { reference: "Patient/4711" }, basedOn: [{ reference: "ServiceRequest/1" }] });
    assert.equal(found.format, "fhir-r5");
    assert.deepEqual(found.persons, [{ identifiers: [{ system: "Patient", value: "4711", scope: "local" }] }]);
    assert.deepEqual(
      found.records.map(({ id, role }) => [id, role]),
      [
        ["hospital-a/DiagnosticReport/r1", "generated"],
        ["hospital-a/ServiceRequest/1", "associated"],
      ],
    );
  });

  test("is authorized by purposes and consents", () => {
    const authorization = [
      { concept: { coding: [{ system: REASONS, code: "TREAT" }] } },
      { reference: { reference: "Consent/c1" } },
      { reference: { reference: "Contract/1" } },
    ];
    const found = draft({ authorization });
    assert.deepEqual(
      [found.purposes, found.consents],
      [[{ system: REASONS, code: "TREAT" }], ["hospital-a/Consent/c1"]],
    );
  });
});

describe("a Provenance that cannot be traced is refused at its place", () => {
  const cases: [string, object, string, string][] = [
    ["no target", { target: [] }, "INPUT_INVALID", "Provenance.target"],
    ["a target that is no reference", { target: ["Observation/1"] }, "INPUT_INVALID", "Provenance.target[0]"],
    ["no recorded time", { recorded: undefined }, "INPUT_INVALID", "Provenance.recorded"],
    ["a recorded day", { recorded: "2026-01-01" }, "INPUT_INVALID", "Provenance.recorded"],
    ["no agent", { agent: undefined }, "INPUT_INVALID", "Provenance.agent"],
    ["a wrong role", { entity: [{ role: {} }] }, "INPUT_INVALID", "Provenance.entity[0].role"],
    ["a wrong thing", { entity: [{}, { what: 1 }] }, "INPUT_INVALID", "Provenance.entity[1].what"],
    ["a wrong activity", { activity: [{}] }, "INPUT_INVALID", "Provenance.activity"],
    ["a wrong reason", { reason: {} }, "INPUT_INVALID", "Provenance.reason"],
    ["STU3's entity", { entity: [{ whatUri: "urn:x" }] }, "INPUT_UNSUPPORTED", "Provenance.entity[0].whatUri"],
    ["STU3's agent", { agent: [{ whoReference: {} }] }, "INPUT_UNSUPPORTED", "Provenance.agent[0].whoReference"],
  ];
  for (const [name, more, code, at] of cases) {
    test(name, () => {
      const error = refusalOf(JSON.parse(JSON.stringify(provenance(more))));
      assert.deepEqual([error.code, error.at], [code, at]);
      assert.ok(error.hint && error.message.startsWith(at.slice(at.lastIndexOf(".") + 1)), error.message);
    });
  }

  test("more sources and targets than can be derived from one another", () => {
    const target = Array.from({ length: 300 }, (_, n) => ({ reference: `Observation/t${n}` }));
    const entity = Array.from({ length: 300 }, (_, n) => ({
      role: "source",
      what: { reference: `Observation/s${n}` },
    }));
    const error = refusalOf(provenance({ target, entity }));
    assert.deepEqual([error.code, error.at], ["INPUT_TOO_LARGE", "Provenance.entity"]);
  });
});
