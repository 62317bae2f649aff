import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Draft } from "../normalise/draft.ts";
import { auditEvent, clearText, draftOf, refusalOf } from "./testing.ts";

const REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/** An AuditEvent as R5 has it: a practitioner read an observation of a patient. */
function auditEventR5(more: object = {}): object {
  return {
    resourceType: "AuditEvent",
    category: [{ coding: [{ system: "http://terminology.hl7.org/CodeSystem/audit-event-type", code: "rest" }] }],
    code: { coding: [{ system: "http://hl7.org/fhir/restful-interaction", code: "read" }] },
    action: "R",
    recorded: "2026-01-02T03:04:05+01:00",
    outcome: { code: { system: "http://terminology.hl7.org/CodeSystem/audit-event-outcome", code: "0" } },
    authorization: [{ coding: [{ system: REASONS, code: "TREAT" }] }],
    patient: { reference: "Patient/4711" },
    agent: [{ who: { reference: "Practitioner/p1" }, requestor: true }],
    source: { observer: { reference: "Device/gateway" } },
    entity: [{ what: { reference: "Observation/o1" }, role: { coding: [{ code: "4" }] } }],
    ...more,
  };
}

const draft = (more: object = {}): Draft => draftOf(auditEventR5(more));

describe("an AuditEvent of R5", () => {
  test("means what the one of R4 means that says the same", () => {
    const { raw: _five, format, ...five } = draft();
    const {
      raw: _four,
      format: other,
      ...four
    } = draftOf(
      auditEvent({
        purposeOfEvent: [{ coding: [{ system: REASONS, code: "TREAT" }] }],
        entity: [{ what: { reference: "Observation/o1" }, role: { code: "4" } }],
      }),
    );
    assert.deepEqual([format, other], ["fhir-r5", "fhir-r4"]);
    const person = { identifiers: [{ system: "Patient", value: "4711", scope: "local" }] };
    const sealed = { identifiers: [{ system: "Patient", value: "4711" }] };
    assert.deepEqual(five, { ...four, persons: [person], sealed });
  });

  test("has its outcome in words of R4's codes or of severities", () => {
    for (const [code, outcome] of [
      ["0", "success"],
      ["4", "minor-failure"],
      ["8", "serious-failure"],
      ["12", "major-failure"],
      ["success", "success"],
      ["warning", "minor-failure"],
      ["error", "serious-failure"],
      ["fatal", "major-failure"],
    ]) {
      assert.equal(draft({ outcome: { code: { code } } }).outcome, outcome);
    }
    const told = draft({ outcome: { code: { code: "8" }, detail: [{ text: "denied to Erika Muster" }] } });
    assert.deepEqual(told.sealed.text, ["denied to Erika Muster"]);
    assert.doesNotMatch(clearText(told), /Muster/);
    assert.deepEqual(draft({ outcome: undefined }).flags, ["fhir:missing-outcome"]);
    assert.deepEqual(draft({ outcome: { code: { code: "?" } } }).flags, ["fhir:unknown-outcome"]);
  });

  test("occurred in a period or at a moment", () => {
    const period = { start: "2026-01-01T00:00:00Z", end: "2026-01-01T00:00:09Z" };
    assert.equal(draft({ occurredPeriod: period }).occurred?.end.utc, "2026-01-01T00:00:09.000Z");
    const { occurred } = draft({ occurredDateTime: "2026-01-01T00:00:00Z" });
    assert.deepEqual(
      [occurred?.start.utc, occurred?.end.utc],
      ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"],
    );
  });

  test("is authorized as a whole and by agent", () => {
    const authorization = [{ coding: [{ system: REASONS, code: "BTG" }] }];
    const { purposes, breakGlass } = draft({
      agent: [{ who: { reference: "Practitioner/1" }, requestor: true, authorization }],
    });
    assert.deepEqual([purposes.map(({ code }) => code), breakGlass], [["TREAT", "BTG"], true]);
  });

  test("names the orders it was based on, and does not touch them", () => {
    const basedOn = [{ reference: "ServiceRequest/s1/_history/2" }, { display: "by word of mouth" }];
    assert.deepEqual(draft({ basedOn }).records.at(-1), {
      id: "hospital-a/ServiceRequest/s1",
      type: "ServiceRequest",
      version: "2",
      role: "associated",
    });
    assert.equal(draft({ basedOn }).records.length, 2);
  });

  test("knows the patient by the entity's role too, and keeps networks sealed", () => {
    const role = { coding: [{ code: "1" }] };
    const found = draft({ entity: [{ what: { identifier: { value: "E-77" } }, role }] });
    assert.equal(found.persons.length, 2);
    for (const network of [
      { networkString: "192.0.2.7" },
      { networkUri: "mailto:192.0.2.7" },
      { networkReference: { reference: "Endpoint/192.0.2.7" } },
    ]) {
      const sent = draft({ agent: [{ who: { reference: "Practitioner/1" }, requestor: true, ...network }] });
      assert.equal(sent.sealed.network?.length, 1);
      assert.doesNotMatch(clearText(sent), /192\.0\.2\.7|E-77/);
    }
  });

  test("is refused at the places that R5 has", () => {
    for (const [more, at] of [
      [{ code: undefined }, "AuditEvent.code"],
      [{ code: { text: "read" } }, "AuditEvent.code"],
      [{ outcome: "0" }, "AuditEvent.outcome"],
      [{ outcome: { code: "0" } }, "AuditEvent.outcome.code"],
      [{ category: [{ coding: [{ code: 1 }] }] }, "AuditEvent.category[0].coding[0].code"],
      [{ patient: "Patient/1" }, "AuditEvent.patient"],
      [{ authorization: {} }, "AuditEvent.authorization"],
      [{ entity: [{ role: [{ code: "1" }] }] }, "AuditEvent.entity[0].role"],
      [{ basedOn: [{ reference: 1 }] }, "AuditEvent.basedOn[0].reference"],
    ] as const) {
      const error = refusalOf(JSON.parse(JSON.stringify(auditEventR5(more))));
      assert.deepEqual([error.code, error.at], ["INPUT_INVALID", at]);
    }
  });
});

test("an AuditEvent of a release before R4 or after R5 is refused, not misread", () => {
  for (const [more, at] of [
    [{ agent: [{ reference: { reference: "Practitioner/1" }, requestor: true }] }, "AuditEvent.agent[0].reference"],
    [{ agent: [{ userId: { value: "95" }, requestor: true }] }, "AuditEvent.agent[0].userId"],
    [{ entity: [{ reference: { reference: "Observation/1" } }] }, "AuditEvent.entity[0].reference"],
    [{ entity: [{ identifier: { value: "4711" } }] }, "AuditEvent.entity[0].identifier"],
    [{ type: { coding: [{ code: "rest" }] } }, "AuditEvent.type.coding"],
  ] as const) {
    const error = refusalOf(auditEvent(more));
    assert.deepEqual([error.code, error.at], ["INPUT_UNSUPPORTED", at]);
    assert.ok(error.hint);
  }
});

test("an AuditEvent that mixes releases is refused at what does not belong", () => {
  assert.equal(refusalOf(auditEvent({ outcome: { code: { code: "0" } } })).at, "AuditEvent.outcome");
  assert.equal(refusalOf(auditEventR5({ outcome: "0" })).at, "AuditEvent.outcome");
});
