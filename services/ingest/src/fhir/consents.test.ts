import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MedtraceError } from "@medtrace/shared/errors";
import type { Draft } from "../normalise/draft.ts";
import { draftsOfBundle } from "./bundle.ts";
import { auditEvent, CONTEXT, draftOf, provenance } from "./testing.ts";

const consent = (more: object = {}): object => ({ resourceType: "Consent", id: "c1", status: "active", ...more });
const using = (reference: string, more: object = {}): Record<string, unknown> =>
  auditEvent({ entity: [{ what: { reference: "Observation/1" } }, { what: { reference } }], ...more });

async function inBundle(resource: object, ...entries: object[]): Promise<Draft> {
  const naming = { idOf: () => "0".repeat(64), named: (draft: Draft) => draft };
  const entry = [{ resource }, ...entries];
  const bundle = JSON.parse(JSON.stringify({ resourceType: "Bundle", type: "collection", entry }));
  const [first] = (await draftsOfBundle(bundle, CONTEXT, naming)).entries;
  assert.ok(first !== undefined && !(first instanceof MedtraceError));
  return first;
}

describe("a consent that a use names", () => {
  test("is a record of its own, with the version that the use names", () => {
    const { consents, records, consentStates } = draftOf(using("Consent/c1/_history/4"));
    assert.deepEqual(consents, ["hospital-a/Consent/c1"]);
    assert.deepEqual(records[1], { id: "hospital-a/Consent/c1", type: "Consent", version: "4", role: "used" });
    assert.equal(consentStates, undefined, "nothing is known of it");
  });

  test("says whether it stood, where it is contained", () => {
    const inner = {
      ...consent({ meta: { versionId: "4" }, identifier: [{ system: "urn:ietf:rfc:3986", value: "urn:oid:2.999.7" }] }),
      provision: { period: { start: "2026-01-01T00:00:00Z", end: "2026-12-31T23:59:59Z" } },
    };
    const { consents, consentStates } = draftOf(using("#c1", { contained: [inner] }));
    assert.deepEqual(consents, ["urn:oid:2.999.7"]);
    assert.deepEqual(consentStates, [
      {
        id: "urn:oid:2.999.7",
        version: "4",
        status: "active",
        from: "2026-01-01T00:00:00.000Z",
        to: "2026-12-31T23:59:59.000Z",
      },
    ]);
  });

  test("says whether it stood, where it came in the same Bundle", async () => {
    const fullUrl = "urn:uuid:0b5d3f0e-6f2c-4c53-8a7a-1f8c2b9d6a10";
    const entry = { fullUrl, resource: consent({ status: "inactive" }) };
    for (const reference of ["Consent/c1", fullUrl]) {
      const { consentStates } = await inBundle(using(reference), entry);
      assert.deepEqual(consentStates, [{ id: "hospital-a/Consent/c1", status: "not-active" }], reference);
    }
    const made = await inBundle(provenance({ target: [{ reference: "Consent/c1/_history/2" }] }), entry);
    assert.equal(made.consentStates, undefined, "a version that is not the one in the Bundle");
    const first = await inBundle(provenance({ target: [{ reference: "Consent/c1" }] }), entry);
    assert.deepEqual(first.consentStates, [{ id: "hospital-a/Consent/c1", status: "not-active" }]);
  });

  test("may be allowed by in R5's words, for as long as R5's period says", async () => {
    const period = { start: "2026-02", end: "2026-03-31" };
    const allowed = provenance({ authorization: [{ reference: { reference: "Consent/c1" } }] });
    const { consents, consentStates } = await inBundle(allowed, { resource: consent({ period }) });
    assert.deepEqual(consents, ["hospital-a/Consent/c1"]);
    assert.deepEqual(consentStates, [
      {
        id: "hospital-a/Consent/c1",
        status: "active",
        from: "2026-01-31T23:00:00.000Z",
        to: "2026-03-31T22:59:59.999Z",
      },
    ]);
  });

  test("whose text cannot be read does not refuse the event, and does not count as standing", async () => {
    for (const odd of [
      { status: 7 },
      { status: {} },
      { status: "ACTIVE" },
      { period: [], provision: 1, meta: "x", status: "draft" },
    ]) {
      const { consentStates } = await inBundle(using("Consent/c1"), { resource: consent(odd) });
      assert.deepEqual(consentStates, [{ id: "hospital-a/Consent/c1", status: "not-active" }]);
    }
  });
});

test("the encounter and request of an R5 event are read", () => {
  const { type: _, subtype: __, outcome: ___, ...rest } = auditEvent();
  const { records, correlation } = draftOf({
    ...rest,
    code: { coding: [{ code: "read" }] },
    encounter: { reference: "Encounter/e1" },
    entity: [
      { what: { reference: "Observation/o1" } },
      { role: { coding: [{ code: "XrequestId" }] }, what: { identifier: { value: "req-1" } } },
    ],
  });
  assert.deepEqual(
    records.map(({ id, role }) => [id, role]),
    [
      ["hospital-a/Observation/o1", "used"],
      ["hospital-a/Encounter/e1", "associated"],
    ],
  );
  assert.equal(correlation, "req-1");
});
