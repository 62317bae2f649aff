import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Draft } from "../normalise/draft.ts";
import { auditEvent, clearText, draftOf } from "./testing.ts";

const draft = (more: object = {}): Draft => draftOf(auditEvent(more));
const flags = (more: object): readonly string[] => draft(more).flags;
const rolesOf = (more: object): string[] =>
  draft(more).records.map(({ id, role }) => `${typeof id === "string" ? id : `person ${id.person}`} ${role}`);
const PATIENT = { what: { reference: "Patient/4711" }, type: { code: "1" }, role: { code: "1" } };

describe("entities", () => {
  test("name the patient beside the record that is about them", () => {
    const entity = [{ what: { reference: "Observation/1/_history/3" } }, PATIENT];
    assert.deepEqual(draft({ entity, action: "U" }).records, [
      { id: "hospital-a/Observation/1", type: "Observation", version: "3", role: "revised" },
      { id: { person: 0 }, type: "Patient", role: "associated" },
    ]);
  });

  test("that are the patient alone are the Patient resource that was touched", () => {
    assert.deepEqual(rolesOf({ entity: [PATIENT], action: "U" }), ["person 0 revised"]);
    const query = { role: { code: "24" }, query: "R0VUIC9QYXRpZW50", description: "GET /Patient?name=Muster" };
    assert.deepEqual(rolesOf({ entity: [PATIENT, query], action: "E" }), ["person 0 used"]);
  });

  test("name the patient by role where the reference is no more than an identifier", () => {
    const what = { identifier: { value: "e3cdfc81a0d24bd^^^&2.16.840.1.113883.4.2&ISO" }, display: "Erika Muster" };
    for (const entity of [
      { what, type: { code: "1" }, role: { code: "1" } },
      { what, role: { code: "1" } },
      { what, type: { code: "1" } },
    ]) {
      const found = draft({ entity: [entity] });
      assert.deepEqual(found.persons.length, 1);
      assert.doesNotMatch(clearText(found), /e3cdfc|Muster/);
      assert.deepEqual(found.sealed.identifiers, [{ system: "identifier", value: what.identifier.value }]);
    }
  });

  test("that are people who pay are sealed, and no records", () => {
    for (const code of ["9", "10"]) {
      const entity = {
        what: { identifier: { value: "P-77" }, display: "Otto Muster" },
        type: { code: "1" },
        role: { code },
      };
      const found = draft({ entity: [entity] });
      assert.deepEqual([found.records, found.sealed.text, found.sealed.names], [[], ["P-77"], ["Otto Muster"]]);
      assert.doesNotMatch(clearText(found), /P-77|Muster/);
    }
  });

  test("that are consents are what the use relied on, and used", () => {
    const consent = { type: { system: "http://hl7.org/fhir/resource-types", code: "Consent" } };
    const entity = [
      { what: { reference: "Observation/1" } },
      { what: { reference: "Consent/c1" } },
      { ...consent, what: { identifier: { value: "urn:uuid:a4b1d27e-5493-11ec-bf63-0242ac130002" } } },
    ];
    const found = draft({ entity, action: "D" });
    const logical = "urn:uuid:a4b1d27e-5493-11ec-bf63-0242ac130002";
    assert.deepEqual(found.consents, ["hospital-a/Consent/c1", logical]);
    assert.deepEqual(rolesOf({ entity, action: "D" }), [
      "hospital-a/Observation/1 invalidated",
      "hospital-a/Consent/c1 used",
      `${logical} used`,
    ]);
  });

  test("that only carry the id of the request correlate, and are no records", () => {
    const system = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";
    for (const [code, value] of [
      ["XrequestId", "76d148b6-586d-11ec-bf63-0242ac130002"],
      ["Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"],
    ]) {
      const carrier = { type: { system, code }, what: { identifier: { value } } };
      const found = draft({ entity: [{ what: { reference: "Observation/1" } }, carrier] });
      assert.equal(found.correlation, value);
      assert.deepEqual(
        found.records.map(({ id }) => id),
        ["hospital-a/Observation/1"],
      );
      assert.deepEqual(found.flags, []);
      assert.equal(draft({ entity: [carrier] }).records.length, 0);
    }
  });

  test("whose id of the request is missing, or too long to be one, correlate nothing and are no records", () => {
    const carrier = (what: object): object => ({ type: { code: "XrequestId" }, what });
    assert.equal(draft({ entity: [carrier({ display: "none" })] }).correlation, undefined);
    const long = draft({ entity: [carrier({ identifier: { value: `${"x".repeat(255)}🜁` } })] });
    assert.deepEqual([long.correlation, long.records, long.flags], [undefined, [], ["fhir:long-request-id"]]);
    const odd = draft({ entity: [carrier({ reference: "Patient/4711", identifier: { value: "4711" } })] });
    assert.deepEqual([odd.correlation, odd.records, odd.flags], [undefined, [], ["fhir:odd-request-id"]]);
  });

  test("without a reference are no records; only a query, or the patient, needs none", () => {
    const named = { name: "Report of Erika Muster" };
    assert.deepEqual(flags({ entity: [named] }), ["fhir:entity-without-reference"]);
    assert.deepEqual(flags({ entity: [{ ...named, role: { code: "24" } }] }), []);
    assert.deepEqual(flags({ entity: [{ ...named, role: { code: "1" } }] }), []);
    assert.doesNotMatch(clearText(draft({ entity: [named] })), /Muster/);
  });

  test("by a search are no records, are flagged, and what was asked is sealed", () => {
    const found = draft({ entity: [{ what: { reference: "Observation?patient=4711" } }] });
    assert.deepEqual([found.records, found.flags], [[], ["fhir:search-as-reference"]]);
    assert.deepEqual(found.sealed.text, ["Observation?patient=4711"]);
  });

  test("keep their words sealed: name, description, query, details, display", () => {
    const entity = {
      what: { reference: "Observation/1", display: "SECRET display" },
      name: "SECRET name",
      description: "SECRET description",
      query: "SECRETquery",
      detail: [
        { type: "SECRET type", valueString: "SECRET detail" },
        { type: "t", valueBase64Binary: "SECRETbase64" },
      ],
    };
    const found = draft({ entity: [entity] });
    assert.doesNotMatch(clearText(found), /SECRET/);
    assert.deepEqual(found.sealed.text, ["SECRET description", "SECRETquery", "SECRET detail", "SECRETbase64"]);
    assert.deepEqual(found.sealed.labels, { "hospital-a/Observation/1": "SECRET display" });
  });
});
