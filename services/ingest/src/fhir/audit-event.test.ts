import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Draft } from "../normalise/draft.ts";
import { auditEvent, clearText, draftOf, refusalOf } from "./testing.ts";

const draft = (more: object = {}): Draft => draftOf(auditEvent(more));
const flags = (more: object): readonly string[] => draft(more).flags;
const rolesOf = (more: object): string[] =>
  draft(more).records.map(({ id, role }) => `${typeof id === "string" ? id : `person ${id.person}`} ${role}`);
const DCM = "http://dicom.nema.org/resources/ontology/DCM";
const PATIENT = { what: { reference: "Patient/4711" }, type: { code: "1" }, role: { code: "1" } };

test("an AuditEvent that says all it must is taken without flags", () => {
  const { raw: _raw, ...rest } = draft();
  assert.deepEqual(rest, {
    format: "fhir-r4",
    type: "AuditEvent",
    system: "hospital-a/Device/gateway",
    index: 0,
    flags: [],
    activity: {
      kind: "read",
      codes: [
        { system: "http://terminology.hl7.org/CodeSystem/audit-event-type", code: "rest" },
        { system: "http://hl7.org/fhir/restful-interaction", code: "read" },
      ],
    },
    outcome: "success",
    recorded: { given: "2026-01-02T03:04:05+01:00", utc: "2026-01-02T02:04:05.000Z" },
    purposes: [],
    breakGlass: false,
    consents: [],
    agents: [{ id: "hospital-a/Practitioner/p1", kind: "person", roles: [], requestor: true }],
    records: [{ id: "hospital-a/Observation/o1", type: "Observation", role: "used" }],
    recipients: [],
    persons: [],
    joins: [],
    sealed: {},
  });
});

test("the same resource has the same bytes, in whatever order its members came", () => {
  const [a, b] = [draftOf(auditEvent()), draftOf(Object.fromEntries(Object.entries(auditEvent()).reverse()))];
  assert.deepEqual(a.raw, b.raw);
  assert.notDeepEqual(a.raw, draft({ id: "another" }).raw);
});

describe("what was done", () => {
  test("is the action: C generated, R and E used, U revised, D invalidated", () => {
    for (const [action, kind, role] of [
      ["C", "create", "generated"],
      ["R", "read", "used"],
      ["U", "update", "revised"],
      ["D", "delete", "invalidated"],
      ["E", "execute", "used"],
    ]) {
      assert.deepEqual(
        [draft({ action }).activity.kind, rolesOf({ action })],
        [kind, [`hospital-a/Observation/o1 ${role}`]],
      );
    }
  });

  test("is the interaction where there is no action, which is flagged", () => {
    for (const [code, kind] of [
      ["create", "create"],
      ["vread", "read"],
      ["patch", "update"],
      ["delete", "delete"],
      ["search-type", "execute"],
    ] as const) {
      const { activity, flags: odd } = draft({ action: undefined, subtype: [{ code }] });
      assert.deepEqual([activity.kind, odd], [kind, ["fhir:missing-action"]]);
    }
    assert.deepEqual(flags({ action: "X" }), ["fhir:unknown-action"]);
  });

  test("is a disclosure where type or subtype says so, whatever the action", () => {
    assert.equal(draft({ type: { system: DCM, code: "110106" } }).activity.kind, "disclose");
    assert.equal(draft({ subtype: [{ code: "disclose" }], action: "C" }).activity.kind, "disclose");
    assert.deepEqual(rolesOf({ subtype: [{ code: "disclose" }], action: "C" }), ["hospital-a/Observation/o1 used"]);
  });
});

describe("the outcome", () => {
  test("is one of four; one that is missing or unknown counts as success and is flagged", () => {
    for (const [outcome, said] of [
      ["0", "success"],
      ["4", "minor-failure"],
      ["8", "serious-failure"],
      ["12", "major-failure"],
    ]) {
      assert.equal(draft({ outcome }).outcome, said);
    }
    assert.deepEqual(
      [draft({ outcome: undefined }).outcome, flags({ outcome: undefined })],
      ["success", ["fhir:missing-outcome"]],
    );
    assert.deepEqual([draft({ outcome: "1" }).outcome, flags({ outcome: "1" })], ["success", ["fhir:unknown-outcome"]]);
  });

  test("of a failure leaves every record named and untouched", () => {
    const entity = [PATIENT, { what: { reference: "Observation/1" } }, { what: { reference: "Consent/1" } }];
    for (const action of ["C", "R", "U", "D", "E"]) {
      assert.deepEqual(rolesOf({ outcome: "8", action, entity }), [
        "person 0 associated",
        "hospital-a/Observation/1 associated",
        "hospital-a/Consent/1 associated",
      ]);
    }
  });

  test("is described in the sealed part", () => {
    const denied = draft({ outcomeDesc: "Consent denied Erika Muster" });
    assert.deepEqual(denied.sealed.text, ["Consent denied Erika Muster"]);
    assert.doesNotMatch(clearText(denied), /Muster/);
  });
});

describe("why it was done", () => {
  const reason = (code: string, system = "http://terminology.hl7.org/CodeSystem/v3-ActReason"): object => ({
    coding: [{ system, code, display: "SECRET" }],
    text: "SECRET",
  });

  test("is said of the event and of its agents, each purpose once", () => {
    const agent = [
      { who: { reference: "Practitioner/1" }, requestor: true, purposeOfUse: [reason("TREAT"), reason("HPAYMT")] },
    ];
    const found = draft({ purposeOfEvent: [reason("TREAT")], agent });
    assert.deepEqual(
      found.purposes.map(({ code }) => code),
      ["TREAT", "HPAYMT"],
    );
    assert.doesNotMatch(clearText(found), /SECRET/);
  });

  test("may be to break the glass", () => {
    assert.equal(draft({ purposeOfEvent: [reason("BTG")] }).breakGlass, true);
    assert.equal(draft({ purposeOfEvent: [reason("TREAT")] }).breakGlass, false);
  });
});

describe("recipients of a disclosure", () => {
  const DISCLOSE = { subtype: [{ code: "disclose" }] };
  const to = (who: object, code = "110152", more: object = DISCLOSE): readonly string[] => {
    const receiver = { who, requestor: false, type: { coding: [{ system: DCM, code }] } };
    return draft({ ...more, agent: [{ who: { reference: "Practitioner/1" }, requestor: true }, receiver] }).recipients;
  };

  test("are institutions by the directory; an unknown partner is the name it came with", () => {
    assert.deepEqual(to({ reference: "Organization/HOSPITAL B" }), ["hospital-b"]);
    assert.deepEqual(to({ reference: "https://registry.example.org/fhir/Organization/17" }, "IRCP"), ["hospital-b"]);
    assert.deepEqual(to({ type: "Organization", identifier: { value: "LABC" } }), ["lab-c"]);
    assert.deepEqual(to({ display: "Hospital B" }), ["hospital-b"]);
    assert.deepEqual(to({ reference: "Organization/9" }), ["hospital-a/Organization/9"]);
    assert.deepEqual(to({ display: "registry.example.org" }), ["registry.example.org"]);
  });

  test("are none where it stays in the house, or is no disclosure", () => {
    assert.deepEqual(to({ reference: "Organization/HOSPA" }), []);
    assert.deepEqual(to({ reference: "Organization/hospital-b" }, "110152", {}), []);
    assert.deepEqual(to({ reference: "Organization/hospital-b" }, "110153"), []);
  });

  test("are never the patient, nor a person by name", () => {
    assert.deepEqual(to({ reference: "Patient/4711" }, "IRCP"), []);
    assert.deepEqual(to({ display: "Erika Muster" }, "IRCP"), []);
  });
});

describe("the system that recorded it", () => {
  const system = (observer: object): string => draft({ source: { observer } }).system;

  test("is its observer: device, institution, or what stands for them", () => {
    assert.equal(system({ reference: "Device/d1" }), "hospital-a/Device/d1");
    assert.equal(system({ reference: "Organization/LABC" }), "lab-c");
    assert.equal(system({ identifier: { value: "d1" } }), "hospital-a/Device/identifier%7Cd1");
    assert.equal(system({ display: "some app" }), "hospital-a/fhir");
  });

  test("is the institution's way in where it is the patient, or nobody, which is flagged", () => {
    const own = draft({ source: { observer: { reference: "Patient/4711" } } });
    assert.equal(own.system, "hospital-a/fhir");
    assert.doesNotMatch(clearText(own), /4711/);
    assert.deepEqual(flags({ source: undefined }), ["fhir:missing-observer"]);
    assert.deepEqual(flags({ source: {} }), ["fhir:missing-observer"]);
  });
});

test("network addresses are sealed", () => {
  const agent = [
    { who: { reference: "Practitioner/1" }, requestor: true, network: { address: "192.0.2.7", type: "2" } },
  ];
  assert.deepEqual(draft({ agent }).sealed.network, ["192.0.2.7"]);
  assert.doesNotMatch(clearText(draft({ agent })), /192\.0\.2\.7/);
});

describe("an AuditEvent that cannot be traced is refused at its place", () => {
  const cases: [string, object, string, string][] = [
    ["no type", { type: undefined }, "INPUT_INVALID", "AuditEvent.type"],
    ["a type without a code", { type: { display: "rest" } }, "INPUT_INVALID", "AuditEvent.type.code"],
    ["a type of another kind", { type: "rest" }, "INPUT_INVALID", "AuditEvent.type"],
    ["no agent", { agent: [] }, "INPUT_INVALID", "AuditEvent.agent"],
    ["one agent that is no list", { agent: {} }, "INPUT_INVALID", "AuditEvent.agent"],
    ["null for an agent", { agent: [null] }, "INPUT_INVALID", "AuditEvent.agent[0]"],
    ["a number for an action", { action: 1 }, "INPUT_INVALID", "AuditEvent.action"],
    ["a number for an outcome", { outcome: 0 }, "INPUT_INVALID", "AuditEvent.outcome"],
    ["a subtype that is no coding", { subtype: [{}, { code: {} }] }, "INPUT_INVALID", "AuditEvent.subtype[1].code"],
    [
      "a wrong purpose",
      { purposeOfEvent: [{ coding: [{ code: 1 }] }] },
      "INPUT_INVALID",
      "AuditEvent.purposeOfEvent[0].coding[0].code",
    ],
    ["a wrong role", { entity: [{ role: "1" }] }, "INPUT_INVALID", "AuditEvent.entity[0].role"],
    [
      "a wrong detail",
      { entity: [{ detail: [{ valueString: [] }] }] },
      "INPUT_INVALID",
      "AuditEvent.entity[0].detail[0].valueString",
    ],
    ["wrong contained resources", { contained: {} }, "INPUT_INVALID", "AuditEvent.contained"],
    ["too long a code", { type: { code: "x".repeat(513) } }, "INPUT_TOO_LARGE", "AuditEvent.type.code"],
    ["too many agents", { agent: Array(10_001).fill({}) }, "INPUT_TOO_LARGE", "AuditEvent.agent"],
  ];
  for (const [name, more, code, at] of cases) {
    test(name, () => {
      const error = refusalOf(JSON.parse(JSON.stringify(auditEvent(more))));
      assert.deepEqual([error.code, error.at], [code, at]);
      assert.ok(error.hint, "says what to do");
      assert.ok(error.message.startsWith(at.slice(at.lastIndexOf(".") + 1)), `names its subject: ${error.message}`);
    });
  }

  test("more receivers and records than can be looked up together", () => {
    const type = { coding: [{ code: "110152" }] };
    const agent = Array.from({ length: 300 }, (_, n) => ({
      type,
      who: { reference: `Organization/${n}` },
      requestor: false,
    }));
    const error = refusalOf(auditEvent({ agent, subtype: [{ code: "disclose" }] }));
    assert.deepEqual([error.code, error.at], ["INPUT_TOO_LARGE", "AuditEvent.agent"]);
  });

  test("a patient of more identifiers than anyone has", () => {
    const entity = Array.from({ length: 51 }, (_, n) => ({
      what: { reference: "Patient/1", identifier: { system: `urn:oid:2.999.${n}`, value: "1" } },
    }));
    const error = refusalOf(auditEvent({ entity }));
    assert.deepEqual([error.code, error.at], ["INPUT_TOO_LARGE", "AuditEvent.entity[49].what"]);
  });
});
