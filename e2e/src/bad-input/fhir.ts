/** Hostile and mistaken FHIR over HTTP: each gets a clear error, and nothing of it reaches the log. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { auditEvent, BODY_BYTES_MAX, refusal, send, type Target, withoutTrace } from "../testing/hostile.ts";

const NDJSON = "application/fhir+ndjson";

let target: Target;

interface Refused {
  readonly name: string;
  readonly path?: string;
  readonly body: string | Uint8Array | object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly place: string | RegExp;
}

const text = JSON.stringify(auditEvent("x"));
const nested = (depth: number, open: string, close: string): string => `${open.repeat(depth)}1${close.repeat(depth)}`;

const REFUSED: readonly Refused[] = [
  { name: "broken JSON", body: text.replace(',"action"', ',action"'), status: 400, place: /^line 1, column \d+$/ },
  { name: "JSON that breaks off", body: text.slice(0, -1), status: 400, place: `line 1, column ${text.length}` },
  { name: "JSON with more after it", body: `${text}{}`, status: 400, place: `line 1, column ${text.length + 1}` },
  { name: "NaN", body: text.replace('"R"', "NaN"), status: 400, place: /^line 1, column \d+$/ },
  { name: "no body", body: "", status: 400, place: "line 1, column 1" },
  {
    name: "bytes that are not UTF-8",
    body: Buffer.from(text.replace("rest", "r\xe9st").replace("o", "\xe9"), "latin1"),
    status: 400,
    place: /^byte \d+$/,
  },
  {
    name: "half a surrogate pair",
    body: auditEvent("\ud800"),
    status: 422,
    place: "AuditEvent.agent[0].who.reference",
  },
  { name: "a member named __proto__", body: text.replace('"action"', '"__proto__"'), status: 400, place: "__proto__" },
  {
    name: "a member named __proto__ deep down, escaped",
    body: text.replace('"what"', '"\\u005f_proto__"'),
    status: 400,
    place: "__proto__",
  },
  { name: "arrays nested 100,000 deep", body: nested(100_000, "[", "]"), status: 400, place: "byte 100" },
  { name: "objects nested 100,000 deep", body: nested(100_000, '{"a":', "}"), status: 400, place: "byte 500" },
  { name: "an array instead of a resource", body: `[${text}]`, status: 422, place: "AuditEvent" },
  { name: "no resource type", body: {}, status: 422, place: "resourceType" },
  { name: "a resource of another type", body: { resourceType: "Patient" }, status: 422, place: "resourceType" },
  {
    name: "a Provenance in the place of an AuditEvent",
    body: { resourceType: "Provenance" },
    status: 422,
    place: "resourceType",
  },
  {
    name: "a Bundle in the place of an AuditEvent",
    body: { resourceType: "Bundle", type: "batch" },
    status: 422,
    place: "resourceType",
  },
  {
    name: "an AuditEvent without type",
    body: auditEvent("x", { type: undefined }),
    status: 422,
    place: "AuditEvent.type",
  },
  {
    name: "an AuditEvent without time",
    body: auditEvent("x", { recorded: undefined }),
    status: 422,
    place: "AuditEvent.recorded",
  },
  {
    name: "an AuditEvent of no time that there is",
    body: auditEvent("x", { recorded: "2026-02-30T00:00:00Z" }),
    status: 422,
    place: "AuditEvent.recorded",
  },
  {
    name: "an AuditEvent without agents",
    body: auditEvent("x", { agent: [] }),
    status: 422,
    place: "AuditEvent.agent",
  },
  {
    name: "an element of another JSON type",
    body: auditEvent("x", { entity: [{}, { what: "Observation/1" }] }),
    status: 422,
    place: "AuditEvent.entity[1].what",
  },
  {
    name: "a Provenance without target",
    path: "/fhir/Provenance",
    body: { resourceType: "Provenance" },
    status: 422,
    place: "Provenance.target",
  },
  {
    name: "a Bundle of a type that is not taken",
    path: "/fhir",
    body: { resourceType: "Bundle", type: "document" },
    status: 422,
    place: "Bundle.type",
  },
  { name: "a resource in the place of a Bundle", path: "/fhir", body: text, status: 422, place: "resourceType" },
  { name: "a body over the limit", body: `"${"x".repeat(BODY_BYTES_MAX)}"`, status: 413, place: "body" },
  {
    name: "a media type that is not taken",
    body: text,
    headers: { "content-type": "text/plain" },
    status: 415,
    place: "Content-Type",
  },
  {
    name: "a media type that is none",
    body: text,
    headers: { "content-type": ";;;" },
    status: 415,
    place: "Content-Type",
  },
  { name: "no media type", body: text, headers: { "content-type": "" }, status: 415, place: "Content-Type" },
  {
    name: "NDJSON in the place of a resource",
    body: text,
    headers: { "content-type": NDJSON },
    status: 415,
    place: "Content-Type",
  },
  { name: "a resource in the place of NDJSON", path: "/fhir/$ingest", body: text, status: 415, place: "Content-Type" },
  {
    name: "a body that is no gzip, and says it is",
    body: text,
    headers: { "content-encoding": "gzip" },
    status: 400,
    place: "body",
  },
  {
    name: "a compressed body that would be gigabytes",
    body: gzipSync(Buffer.alloc(50_000_000)),
    headers: { "content-encoding": "gzip" },
    status: 413,
    place: "body",
  },
  {
    name: "a body that would be gigabytes",
    path: "/fhir/$ingest",
    body: gzipSync(Buffer.alloc(50_000_000)),
    headers: { "content-type": NDJSON, "content-encoding": "gzip, gzip" },
    status: 415,
    place: "Content-Encoding",
  },
  {
    name: "a content coding that nobody knows",
    body: text,
    headers: { "content-encoding": "secret" },
    status: 415,
    place: "Content-Encoding",
  },
  {
    name: "a resource type that is not taken, in the path",
    path: "/fhir/Patient",
    body: { resourceType: "Patient" },
    status: 404,
    place: "path",
  },
];

/** Registers the tests of single resources. */
export function badFhir(given: () => Target): void {
  before(() => {
    target = given();
  });

  describe("FHIR that is refused", () => {
    for (const { name, path = "/fhir/AuditEvent", body, headers = {}, status, place } of REFUSED) {
      test(`${name}: ${status}, with place and advice, and nothing is taken`, async () => {
        const answer = await withoutTrace(target.running, () => target.post(path, body, headers));
        const { diagnostics } = refusal(answer, status, place);
        assert.doesNotMatch(diagnostics, /Practitioner\/p/, "repeats what was sent");
      });
    }

    test("other methods of a path that takes POST alone: 405, with Allow", async () => {
      const { ingest } = target.running.places;
      for (const method of ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]) {
        for (const path of ["/fhir", "/fhir/AuditEvent", "/fhir/$ingest?x=1"]) {
          const answer = await send(`${ingest}${path}`, { method, headers: { authorization: "Bearer x" } });
          assert.deepEqual([answer.status, answer.headers.allow], [405, "POST"], `${method} ${path}`);
          if (method !== "HEAD") refusal(answer, 405, "method");
        }
      }
    });

    test("paths that lead elsewhere lead nowhere", async () => {
      const paths = [
        "/fhir/../fhir/AuditEvent",
        "/fhir/AuditEvent/../../..",
        "/fhir//AuditEvent",
        "/fhir/%2e%2e/livez",
      ];
      for (const path of paths) refusal(await target.post(path, auditEvent("x")), 404, "path");
      refusal(await target.post("/fhir/%zz", auditEvent("x")), 400, "path");
    });
  });

  describe("FHIR that is odd, yet can be read", () => {
    test("an AuditEvent that breaks its profile is taken and flagged", async () => {
      const odd = { resourceType: "AuditEvent", type: { code: "odd" }, recorded: "2026-01-01T00:00:00Z", agent: [{}] };
      const answer = await target.post("/fhir/AuditEvent", odd);
      assert.equal(answer.status, 201, answer.text);
      const { issue } = JSON.parse(answer.text) as { issue: { severity: string; diagnostics: string }[] };
      const flags = issue.filter(({ severity }) => severity === "warning").map(({ diagnostics }) => diagnostics);
      assert.ok(flags.includes("fhir:unidentified-agent") && flags.includes("fhir:missing-action"), `${flags}`);
    });
  });
}
