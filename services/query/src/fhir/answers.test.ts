import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventId } from "@medtrace/shared/model/trace-event";
import fc from "fast-check";
import { A, type Stack, startStack, type Who } from "../testing/stack.ts";
import { PARAMETERS } from "./parameters.ts";

const TOKEN = "token-7";
const PATIENT = { id: `urn:medtrace:subject:${TOKEN}`, type: "Patient", role: "associated" } as const;
const REST = { system: "http://terminology.hl7.org/CodeSystem/audit-event-type", code: "rest" };
const READ = { system: "http://hl7.org/fhir/restful-interaction", code: "read" };

let stack: Stack;
let id = "";
before(async () => {
  stack = await startStack();
  [id = ""] = await stack.publish({
    name: "whole",
    kind: "disclose",
    when: "2026-03-01T08:00:00Z",
    codes: [REST, READ],
    subjects: [TOKEN],
    recipients: ["hospital-b"],
    records: [
      { id: "hospital-a/Observation/o1", type: "Observation", role: "used", version: "2" },
      { id: "https://other.example.org/fhir/Condition/c", type: "Condition", role: "source" },
      PATIENT,
    ],
    agents: [
      { id: "hospital-a/Practitioner/d1", kind: "person", roles: ["IRCP"], requestor: true, onBehalfOf: "lab-c" },
      { id: "hospital-b/Practitioner/d9", kind: "person", roles: [] },
      { id: "hospital-a/Agent/urn%3Ax%7C7", kind: "unknown", roles: [] },
    ],
    purposes: [{ code: "TREAT" }],
    correlation: "req-9",
    source: {
      format: "fhir-r4",
      type: "AuditEvent",
      system: "hospital-a/Device/ehr",
      digest: "hmac-sha256:00",
      index: 0,
      flags: ["fhir:missing-action"],
      patterns: ["PatientRead"],
    },
  });
});
after(() => stack[Symbol.asyncDispose]());

const asked = async (path: string, accept: string, who: Who = A): Promise<Response> =>
  await fetch(`${stack.url}${path}`, { headers: { accept, authorization: `Bearer ${await stack.token(who)}` } });
// biome-ignore lint/suspicious/noExplicitAny: tests look into resources of many shapes
const json = async (path: string, accept = "*/*"): Promise<any> => await (await asked(path, accept)).json();

describe("an AuditEvent that is answered", () => {
  test("has the elements of R4", async () => {
    const { extension, ...resource } = await json(`/fhir/AuditEvent/${id}`);
    assert.deepEqual(resource, {
      resourceType: "AuditEvent",
      id,
      meta: { lastUpdated: "2026-03-01T08:00:00.000Z" },
      type: REST,
      subtype: [READ],
      action: "R",
      outcome: "0",
      purposeOfEvent: [{ coding: [{ code: "TREAT" }] }],
      period: { start: "2026-03-01T08:00:00Z", end: "2026-03-01T08:00:00Z" },
      recorded: "2026-03-01T08:00:00Z",
      agent: [
        {
          extension: [
            {
              url: "urn:medtrace:on-behalf-of",
              valueReference: {
                type: "Organization",
                identifier: { system: "urn:medtrace:institution", value: "lab-c" },
              },
            },
          ],
          role: [{ coding: [{ code: "IRCP" }] }],
          who: {
            reference: "Practitioner/d1",
            type: "Practitioner",
            identifier: { system: "urn:medtrace:id", value: "hospital-a/Practitioner/d1" },
          },
          requestor: true,
        },
        {
          who: {
            type: "Practitioner",
            identifier: { system: "urn:medtrace:id", value: "hospital-b/Practitioner/d9" },
          },
          requestor: false,
        },
        { who: { identifier: { system: "urn:x", value: "7" } }, requestor: false },
        {
          role: [{ coding: [{ system: "http://dicom.nema.org/resources/ontology/DCM", code: "110152" }] }],
          who: { type: "Organization", identifier: { system: "urn:medtrace:institution", value: "hospital-b" } },
          requestor: false,
        },
      ],
      source: {
        site: "hospital-a",
        observer: {
          reference: "Device/ehr",
          type: "Device",
          identifier: { system: "urn:medtrace:id", value: "hospital-a/Device/ehr" },
        },
      },
      entity: resource.entity,
    });
    assert.deepEqual(
      resource.entity.map(({ what, type, role }: Record<string, Record<string, unknown>>) => [
        what?.["reference"] ?? what?.["identifier"],
        type?.["code"],
        role?.["code"],
      ]),
      [
        ["Observation/o1/_history/2", "2", "4"],
        ["https://other.example.org/fhir/Condition/c", "2", "4"],
        [`urn:medtrace:subject:${TOKEN}`, "1", "1"],
        [{ value: "req-9" }, "XrequestId", undefined],
      ],
    );
    assert.deepEqual(extension, [
      { url: "urn:medtrace:activity", valueCode: "disclose" },
      { url: "urn:medtrace:pattern", valueString: "PatientRead" },
      { url: "urn:medtrace:flag", valueString: "fhir:missing-action" },
    ]);
  });

  test("has the elements of R5 where that is accepted", async () => {
    const resource = await json(`/fhir/AuditEvent/${id}`, "application/fhir+json; fhirVersion=5.0");
    assert.deepEqual(
      [resource.category, resource.code, resource.outcome, resource.authorization, resource.patient],
      [
        [{ coding: [REST] }],
        { coding: [READ] },
        { code: { system: "http://hl7.org/fhir/issue-severity", code: "information" } },
        [{ coding: [{ code: "TREAT" }] }],
        { reference: `urn:medtrace:subject:${TOKEN}`, type: "Patient" },
      ],
    );
    assert.deepEqual(resource.occurredPeriod, { start: "2026-03-01T08:00:00Z", end: "2026-03-01T08:00:00Z" });
    for (const name of ["type", "subtype", "period", "purposeOfEvent"]) assert.equal(name in resource, false, name);
    const bundle = await json(
      `/fhir/AuditEvent?_id=${id}&_format=${encodeURIComponent("application/fhir+json; fhirVersion=5.0")}`,
    );
    assert.deepEqual(bundle.entry[0].resource, resource);
  });

  test("is not given in another form", async () => {
    for (const accept of ["application/fhir+xml", "text/html", "application/fhir+json; fhirVersion=1.0"]) {
      assert.equal((await asked(`/fhir/AuditEvent/${id}`, accept)).status, 406, accept);
    }
  });

  test("says how much of the ledger it is true for, and where it is", async () => {
    const bundle = await json("/fhir/AuditEvent");
    const { height } = await json("/v1/integrity");
    assert.deepEqual(bundle.meta.extension, [
      { url: "urn:medtrace:height", valueInteger: height },
      { url: "urn:medtrace:lag", valueInteger: 0 },
    ]);
    assert.equal(bundle.entry[0].fullUrl, `${stack.url}/fhir/AuditEvent/${id}`);
    assert.equal((await asked(new URL(bundle.entry[0].fullUrl).pathname, "*/*")).status, 200);
  });
});

describe("the CapabilityStatement", () => {
  test("tells of what the routes do, and every search parameter that it names is answered", async () => {
    const { rest, fhirVersion } = await json("/fhir/metadata");
    assert.equal(fhirVersion, "4.0.1");
    const [{ resource, interaction, operation }] = rest;
    assert.deepEqual([interaction, operation], [undefined, undefined]);
    assert.deepEqual(
      resource.map(({ type, interaction: own }: { type: string; interaction: { code: string }[] }) => [
        type,
        own.map(({ code }) => code),
      ]),
      [["AuditEvent", ["read", "search-type"]]],
    );
    const values = { token: "urn:x|1", reference: "Practitioner/1", string: "x", date: "2026" } as const;
    const unseals: Who = { institution: "hospital-a", scopes: ["trace/lineage.read", "trace/unseal"] };
    for (const { name, type } of resource[0].searchParam as { name: string; type: keyof typeof values }[]) {
      const path = `/fhir/AuditEvent?${name}=${encodeURIComponent(values[type])}`;
      assert.equal((await asked(path, "*/*", unseals)).status, 200, name);
    }
    assert.equal(resource[0].searchParam.length, Object.values(PARAMETERS).filter(({ alias }) => !alias).length);
  });
});

test("a search of anything is answered or refused, and never fails", async () => {
  const name = fc.oneof(
    fc.constantFrom(
      ...Object.keys(PARAMETERS),
      "_count",
      "_sort",
      "_page",
      "_summary",
      "_format",
      "__proto__",
      "constructor",
    ),
    fc.string(),
  );
  const modifier = fc.constantFrom("", ":not", ":exact", ":identifier", ":Patient", ":missing", ":", ":toString");
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "ge2026",
      "ne0000",
      "ap9999-12-31",
      "2026-02-30",
      "|",
      "a|b|c",
      "\\",
      "\\,",
      ",,,",
      "Patient/1",
      "Patient/",
      "%",
      "\ud800",
      "urn:medtrace:subject:x",
      "http://[/Patient/1",
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, modifier, value), { maxLength: 4 }), async (parameters) => {
      const query = parameters.map(
        ([n, m, v]) => `${encodeURIComponent(n.toWellFormed())}${m}=${encodeURIComponent(v.toWellFormed())}`,
      );
      const answer = await asked(`/fhir/AuditEvent?${query.join("&")}`, "application/fhir+json");
      const { resourceType } = (await answer.json()) as { resourceType: string };
      assert.ok([200, 403, 406, 413, 422].includes(answer.status), `${answer.status} of ${query.join("&")}`);
      assert.equal(resourceType, answer.status === 200 ? "Bundle" : "OperationOutcome");
    }),
    { numRuns: 150 },
  );
});

test("an id in the form of an event's that nobody published is not found", async () => {
  assert.equal((await asked(`/fhir/AuditEvent/${eventId("hospital-a", "ehr", "never", 0)}`, "*/*")).status, 404);
});
