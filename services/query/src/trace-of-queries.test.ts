import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { A, type Stack, startStack } from "./testing/stack.ts";

const enc = encodeURIComponent;
const RECORD = { id: "hospital-a/DiagnosticReport/1", type: "DiagnosticReport", role: "used" } as const;

interface Resource {
  readonly outcome: string;
  readonly recorded: string;
  readonly agent: readonly { who: { reference?: string; identifier?: { value: string } } }[];
  readonly entity: readonly { description?: string; what?: { reference: string } }[];
}

/** Reports so far, once `count` of them are there: who asked, which route, about what, with which outcome. */
async function reports(stack: Stack, count: number): Promise<unknown[]> {
  while (stack.reports.length < count) await sleep(20);
  return stack.reports.map(({ institution, resource }) => {
    const { agent, entity, outcome } = resource as unknown as Resource;
    const about = entity.flatMap(({ what }) => what?.reference ?? []);
    return [institution, agent[0]?.who.identifier?.value, entity[0]?.description, about, outcome];
  });
}

test("every query about someone's data is reported: who asked, for whom, about what; never a clear patient id", async () => {
  await using stack = await startStack();
  const identifiers = [{ system: "Patient", value: "1234567", scope: "local" as const }];
  const [subject] = await stack.vault.identify([{ institution: "hospital-a", identifiers }]);
  const token = subject?.token ?? "";
  const patient = { id: `urn:medtrace:subject:${token}`, type: "Patient", role: "used" } as const;
  const [id] = await stack.publish({ name: "one", records: [RECORD, patient], subjects: [token] });
  await stack.get(`/v1/records/${enc(RECORD.id)}/accesses`);
  await stack.get(`/v1/events/${id}`);
  await stack.post("/v1/subjects/lookup", { reference: "Patient/1234567" });
  await stack.get(`/v1/records/${enc("hospital-a/Patient/1234567")}/lineage`);
  await stack.get(`/v1/records/${enc("hospital-a/Patient/7654321")}/accesses`);
  await stack.get("/v1/streams");
  await stack.get("/v1/integrity");
  const found = (await reports(stack, 5)) as [string, string, string, string[], string][];
  const trace = "urn:medtrace:trace:";
  const ofSubject = `${trace}urn:medtrace:subject:${token}`;
  assert.deepEqual(found.slice(0, 4), [
    ["hospital-a", "dr-x", "GET /v1/records/:id/accesses", [`${trace}${RECORD.id}`], "0"],
    ["hospital-a", "dr-x", "GET /v1/events/:id", [`${trace}urn:medtrace:event:${id}`, ofSubject], "0"],
    ["hospital-a", "dr-x", "POST /v1/subjects/lookup", [ofSubject], "0"],
    ["hospital-a", "dr-x", "GET /v1/records/:id/lineage", [ofSubject], "0"],
  ]);
  const [, , route, about, outcome] = found[4] ?? [];
  assert.deepEqual([route, outcome, about?.length], ["GET /v1/records/:id/accesses", "4", 1]);
  assert.match(about?.[0] ?? "", /^urn:medtrace:trace:hospital-a\/Unknown\/veiled-[0-9a-f]{64}$/);
  await sleep(300);
  assert.equal(stack.reports.length, 5);
  const written = JSON.stringify(stack.reports) + stack.logged.join("");
  for (const secret of ["1234567", "7654321"]) assert.equal(written.includes(secret), false);
});

test("who asks about a trace leaves a trace there, not on a trace of the trace", async () => {
  await using stack = await startStack();
  const trace = { ...RECORD, id: `urn:medtrace:trace:${RECORD.id}` };
  await stack.publish({ name: "one", records: [trace] });
  assert.equal((await stack.get(`/v1/records/${enc(trace.id)}/accesses`)).status, 200);
  const [[, , , about]] = (await reports(stack, 1)) as [[string, string, string, string[]]];
  assert.deepEqual(about, [trace.id]);
});

test("a query that cannot be noted is not answered", async () => {
  await using stack = await startStack({
    env: { QUERY_AUDIT_BYTES_MAX: "65536" },
    deliver: () => Promise.reject(new Error("ingest is away")),
  });
  await stack.publish({ name: "one", records: [RECORD] });
  const path = `/v1/records/${enc(RECORD.id)}/accesses`;
  let status = 200;
  for (let i = 0; i < 200 && status === 200; i++) status = (await stack.get(path)).status;
  const refused = await stack.get(path);
  assert.deepEqual([refused.status, refused.body.code], [503, "BUSY"]);
  assert.equal((await stack.get("/v1/integrity")).status, 200);
});

test("what callers ask for stands in no log line, whatever it is and however it fails", async () => {
  await using stack = await startStack();
  await stack.publish({ name: "one", records: [RECORD] });
  const secret = "MRN-4711-SMITH";
  await stack.get(`/v1/records/${enc(`hospital-a/Patient/${secret}`)}/accesses`);
  await stack.get(`/v1/records/${enc(secret)}/lineage?depth=${secret}`);
  await stack.get(`/${secret}`);
  await stack.post("/v1/subjects/lookup", { system: secret, value: secret });
  await stack.post("/v1/subjects/lookup", `not ${secret}`);
  await stack.get(`/v1/agents/${enc(secret)}/activity?cursor=${secret}`, A);
  assert.ok(stack.logged.length >= 6);
  assert.equal(stack.logged.join("").includes(secret), false);
});
