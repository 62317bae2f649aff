import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { requireBearer } from "@medtrace/service-kit/bearer";
import { openIssuer } from "@medtrace/service-kit/issuer";
import { createLogger } from "@medtrace/service-kit/log";
import { createMetrics } from "@medtrace/service-kit/metrics";
import { createServer, listen } from "@medtrace/service-kit/server";
import { createTokenVerifier } from "@medtrace/service-kit/token";
import { authSettings } from "@medtrace/shared/config";
import { provDocument } from "@medtrace/shared/model/prov/from-events";
import { provJson } from "@medtrace/shared/model/prov/json";
import type { TraceEvent } from "@medtrace/shared/model/trace-event";
import { story } from "@medtrace/shared/testing/story";
import { DIRECTORY } from "../fhir/testing.ts";
import { startPipeline, type TestPipeline } from "../pipeline/testing.ts";
import { addProvRoutes, STATEMENTS_MAX } from "./routes.ts";

let url: string;
let token: string;
let pipeline: TestPipeline;
const refused: string[] = [];
const closing: (() => Promise<unknown>)[] = [];

before(async () => {
  const data = await mkdtemp(join(tmpdir(), "medtrace-prov-in-"));
  const auth = authSettings({ MEDTRACE_DATA: data });
  const issuer = await openIssuer({ data, ...auth });
  const scopes = ["trace/events.write"];
  token = await issuer.issueToken({ institution: "hospital-a", scopes, subject: "ehr", expires_s: 600 });
  pipeline = await startPipeline();
  const log = createLogger({ name: "test", level: "silent" });
  const app = await createServer({ name: "test", log, metrics: createMetrics(), ready: async () => [] });
  requireBearer(app, createTokenVerifier(auth));
  addProvRoutes(app, {
    intake: pipeline.intake,
    context: (institution) => ({ institution, zone: "+01:00", directory: DIRECTORY }),
    bodyBytesMax: 8_388_608,
    now_ms: () => Date.parse("2026-03-05T08:00:00Z"),
    onRefused: (institution, code) => refused.push(`${institution} ${code}`),
  });
  url = await listen(app, { host: "127.0.0.1", port: 0 });
  closing.push(
    () => app.close(),
    async () => pipeline[Symbol.asyncDispose](),
    () => rm(data, { recursive: true, force: true }),
  );
});
after(async () => {
  for (const close of closing) await close();
});

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into
async function post(body: unknown): Promise<{ status: number; text: string; body: any }> {
  const answer = await fetch(`${url}/prov`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/prov+json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, text, body: text.startsWith("{") ? JSON.parse(text) : undefined };
}

async function taken(body: object): Promise<TraceEvent[]> {
  const answer = await post(body);
  assert.equal(answer.status, 200, answer.text);
  const ids: string[] = answer.body.events.map(({ id }: { id: string }) => id);
  const events = await pipeline.events();
  return ids.map((id) => events.find((event) => event.id === id) as TraceEvent);
}

const prefix = { ex: "https://lab.example/", prov: "http://www.w3.org/ns/prov#" };
const roles = ({ records }: TraceEvent): string[] => records.map(({ id, role }) => `${role} ${id}`).sort();
const name = ($: string): object => ({ $, type: "prov:QUALIFIED_NAME" });

test("an activity is an event: what it used and made, of what, by whom and on whose behalf", async () => {
  const [event] = await taken({
    prefix,
    entity: { "ex:report/1": { "prov:type": name("ex:DiagnosticReport"), "prov:label": "Report of a person" } },
    activity: {
      "ex:reporting": { "prov:startTime": "2026-03-01T08:00:00+01:00", "prov:endTime": "2026-03-01T09:00:00+01:00" },
    },
    agent: {
      "ex:analyst": { "prov:type": name("prov:Person") },
      "ex:tool": { "prov:type": name("prov:SoftwareAgent") },
    },
    used: { "_:1": { "prov:activity": "ex:reporting", "prov:entity": "ex:image/1" } },
    wasGeneratedBy: { "_:2": { "prov:entity": "ex:report/1", "prov:activity": "ex:reporting" } },
    wasDerivedFrom: { "_:3": { "prov:generatedEntity": "ex:report/1", "prov:usedEntity": "ex:blood/1" } },
    wasAssociatedWith: {
      "_:4": { "prov:activity": "ex:reporting", "prov:agent": "ex:analyst", "prov:role": "author" },
      "_:5": { "prov:activity": "ex:reporting", "prov:agent": "ex:tool" },
    },
    actedOnBehalfOf: { "_:6": { "prov:delegate": "ex:tool", "prov:responsible": "ex:analyst" } },
  });
  assert.ok(event);
  assert.deepEqual(roles(event), [
    "generated https://lab.example/report/1",
    "source https://lab.example/blood/1",
    "used https://lab.example/image/1",
  ]);
  assert.deepEqual(event.agents, [
    { id: "https://lab.example/analyst", kind: "person", roles: ["author"] },
    { id: "https://lab.example/tool", kind: "software", roles: [], onBehalfOf: "https://lab.example/analyst" },
  ]);
  assert.deepEqual(
    [event.activity.kind, event.source.format, event.institution],
    ["create", "prov-json", "hospital-a"],
  );
  assert.equal(event.occurred?.start.given, "2026-03-01T08:00:00+01:00");
  assert.equal(event.records.find(({ role }) => role === "generated")?.type, "DiagnosticReport");
  assert.ok(!JSON.stringify(event).includes("Report of a person"));
});

test("what was made of different sources by one activity is not said to be made of all", async () => {
  const events = await taken({
    prefix,
    wasDerivedFrom: {
      "_:1": { "prov:generatedEntity": "ex:m1", "prov:usedEntity": "ex:s1", "prov:activity": "ex:mixed" },
      "_:2": { "prov:generatedEntity": "ex:m2", "prov:usedEntity": "ex:s2", "prov:activity": "ex:mixed" },
      "_:3": { "prov:generatedEntity": "ex:m3", "prov:usedEntity": "ex:s2", "prov:activity": "ex:mixed" },
    },
  });
  assert.deepEqual(events.map(roles), [
    ["generated https://lab.example/m1", "source https://lab.example/s1"],
    ["generated https://lab.example/m2", "generated https://lab.example/m3", "source https://lab.example/s2"],
  ]);
  assert.deepEqual([...(events[0]?.source.flags ?? [])], ["prov:no-time"]);
});

test("a patient is a subject, and no reference to one is clear", async () => {
  const [event] = await taken({
    prefix: { ...prefix, fhir: "https://a.example/fhir/" },
    used: { "_:1": { "prov:activity": "ex:reading", "prov:entity": "fhir:Patient/4711-secret" } },
    wasAssociatedWith: { "_:2": { "prov:activity": "ex:reading", "prov:agent": "fhir:Patient/4711-secret" } },
  });
  assert.equal(event?.subjects.length, 1);
  assert.equal(event?.agents[0]?.kind, "subject");
  assert.match(event?.records[0]?.id ?? "", /^urn:medtrace:subject:/);
  assert.ok(!JSON.stringify(event).includes("4711-secret"));
});

test("a document of this platform is taken with its kinds, roles, purposes, consents and recipients", async () => {
  const events = await taken(provJson(provDocument(story())));
  const refer = events.find(({ purposes, activity }) => purposes.length > 0 && activity.kind === "create");
  assert.ok(refer);
  assert.deepEqual(
    roles(refer).filter((one) => !one.startsWith("associated")),
    ["generated hospital-a/Letter/1", "quotation hospital-a/DiagnosticReport/1"],
  );
  assert.deepEqual([refer.consents, refer.recipients], [["hospital-a/Consent/1"], ["hospital-b"]]);
  assert.deepEqual(refer.purposes[0]?.code, "TREAT");
  assert.equal(events.filter(({ breakGlass }) => breakGlass).length, 1);
  assert.deepEqual(
    events.map(({ activity }) => activity.kind).sort(),
    story()
      .map(({ event }) => event.activity.kind)
      .sort(),
  );
});

test("a document that comes again is a duplicate; an activity told otherwise is a conflict", async () => {
  const use = (entity: string): object => ({
    prefix,
    used: { "_:1": { "prov:activity": "ex:again", "prov:entity": entity } },
  });
  const status = async (body: object): Promise<string> => (await post(body)).body.events[0].status;
  assert.equal(await status(use("ex:one")), "accepted");
  assert.equal(await status(use("ex:one")), "duplicate");
  const conflict = await post(use("ex:two"));
  assert.deepEqual([conflict.status, conflict.body.events[0].error.code], [409, "EVENT_CONFLICT"]);
  assert.ok(refused.includes("hospital-a EVENT_CONFLICT"));
});

test("what has no place in an event, and what breaks the constraints, is told", async () => {
  const { body } = await post({
    prefix,
    entity: { "ex:a": {}, "ex:b": {} },
    wasDerivedFrom: {
      "_:1": { "prov:generatedEntity": "ex:a", "prov:usedEntity": "ex:b" },
      "_:2": { "prov:generatedEntity": "ex:b", "prov:usedEntity": "ex:a" },
    },
    alternateOf: { "_:3": { "prov:alternate1": "ex:a", "prov:alternate2": "ex:b" } },
  });
  assert.deepEqual(body.left, { alternateOf: 1 });
  assert.deepEqual([body.constraints.valid, body.constraints.violations[0].constraint], [false, "strict-order-cycle"]);
  assert.deepEqual(
    body.events.map(({ status }: { status: string }) => status),
    ["accepted", "accepted"],
  );
});

test("a body that is no PROV-JSON, or too much of it, is refused at its place and not repeated", async () => {
  const before = (await pipeline.events()).length;
  const bad = await post({ prefix, entity: { "unknown:anna-muster": {} } });
  assert.deepEqual([bad.status, bad.body.at], [422, "entity[0]"]);
  assert.ok(!bad.text.includes("anna-muster"));
  assert.equal((await post("{")).status, 400);
  assert.equal((await post(`${"[".repeat(50_000)}`)).status, 400);
  const many = Object.fromEntries(Array.from({ length: STATEMENTS_MAX + 1 }, (_, i) => [`ex:${i}`, {}]));
  assert.equal((await post({ prefix, entity: many })).status, 413);
  assert.equal((await pipeline.events()).length, before);
});

test("an activity whose events would repeat its agents beyond measure is refused", async () => {
  const relations = (count: number, of: (i: number) => object): object =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`_:${i}`, of(i)]));
  const answer = await post({
    prefix,
    wasDerivedFrom: relations(4_000, (i) => ({
      "prov:generatedEntity": `ex:m${i}`,
      "prov:usedEntity": `ex:s${i}`,
      "prov:activity": "ex:huge",
    })),
    wasAssociatedWith: relations(4_000, (i) => ({ "prov:activity": "ex:huge", "prov:agent": `ex:a${i}` })),
  });
  assert.equal(answer.status, 413);
});
