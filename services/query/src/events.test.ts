import assert from "node:assert/strict";
import test from "node:test";
import { verifyEvidence } from "@medtrace/verifier/verify";
import { A, B, SUPERVISOR, startStack } from "./testing/stack.ts";

const UNKNOWN = "0".repeat(64);
const report = (role: "used" | "generated" = "used") =>
  ({ id: "hospital-a/DiagnosticReport/1", type: "DiagnosticReport", role }) as const;

test("an event is accepted, then anchored, then verified, and says where the ledger has it", async () => {
  await using stack = await startStack();
  await stack.publish({ name: "earlier" });
  const [id = ""] = await stack.accept({ name: "one", records: [report()] });
  const state = async () => (await stack.get(`/v1/events/${id}`)).body;

  assert.equal((await state()).state, "accepted");
  await stack.anchor();
  const anchored = await state();
  assert.equal(anchored.state, "anchored");
  assert.equal(anchored.event, undefined);
  assert.equal(anchored.anchor.sequence, 1);
  assert.equal(anchored.lag, 1);
  await stack.project();
  const verified = await state();
  assert.equal(verified.state, "verified");
  assert.deepEqual([verified.height, verified.ledgerHeight, verified.lag], [2, 2, 0]);
  assert.deepEqual(verified.event.records, [report()]);
  assert.equal(verified.event.sealed, undefined);
  assert.equal(verified.event.nonce, undefined);
  const { owner, stream, sequence, index, count, block, transaction } = verified.anchor;
  assert.deepEqual([owner, sequence, index, count, block], ["PlatformMSP", 1, 0, 1, 1]);
  assert.match(transaction, /^[0-9a-f]{64}$/);
  const batch = await stack.get(`/v1/batches/${owner}:${stream}:${sequence}`);
  assert.equal(batch.body.state, "verified");
  assert.equal(batch.body.batch.root, verified.anchor.root);
});

test("evidence of one event, of several, and of a record is proven offline", async () => {
  await using stack = await startStack();
  const first = await stack.publish({ name: "one", records: [report("generated")] }, { name: "two" });
  const second = await stack.publish({ name: "three", records: [report()], subjects: ["token-1"] });
  const trust = [await stack.ledger.trustAnchor()];
  const proven = async (text: string): Promise<string[]> => {
    const verdict = await verifyEvidence(text, { trust, requireTrust: true });
    assert.deepEqual([verdict.verdict, verdict.reasons], ["proven", []]);
    return verdict.events.map((event) => event.id);
  };
  const one = await stack.get(`/v1/events/${first[1]}/evidence`);
  assert.deepEqual(await proven(one.text), [first[1]]);
  const several = await stack.post("/v1/evidence", { events: [...second, ...first] });
  assert.deepEqual(await proven(several.text), [...second, ...first]);
  assert.equal(several.body.batches.length, 2);
  const ofRecord = await stack.post("/v1/evidence", { record: report().id });
  assert.deepEqual((await proven(ofRecord.text)).sort(), [first[0], second[0]].sort());
  const ofSubject = await stack.post("/v1/evidence", { subject: "token-1" });
  assert.deepEqual(await proven(ofSubject.text), second);
});

test("evidence is refused for nothing, for two selections at once, and above its limit", async () => {
  await using stack = await startStack({ env: { QUERY_EVIDENCE_EVENTS_MAX: "2" } });
  await stack.publish(...[1, 2, 3].map((i) => ({ name: `${i}`, records: [report()] })));
  const of = async (body: unknown) => {
    const { status, body: answer } = await stack.post("/v1/evidence", body);
    return [status, answer.code];
  };
  assert.deepEqual(await of({}), [422, "INPUT_INVALID"]);
  assert.deepEqual(await of({ record: "a", agent: "b" }), [422, "INPUT_INVALID"]);
  assert.deepEqual(await of({ record: report().id }), [413, "INPUT_TOO_LARGE"]);
  assert.deepEqual(await of({ record: "nobody/Has/this" }), [404, "NOT_FOUND"]);
  assert.deepEqual(await of({ events: [UNKNOWN] }), [404, "NOT_FOUND"]);
  assert.deepEqual(await of({ events: [] }), [400, "INPUT_MALFORMED"]);
});

test("the sealed part opens for its own institution with the scope, until its subject is erased", async () => {
  await using stack = await startStack();
  const [id = ""] = await stack.publish({
    name: "one",
    subjects: ["token-1"],
    secret: "a name",
    recipients: ["hospital-b"],
  });
  const scopes = ["trace/lineage.read", "trace/unseal"];
  const path = `/v1/events/${id}?unseal=true`;
  assert.deepEqual((await stack.get(path, { ...A, scopes })).body.sealed, {
    state: "open",
    content: { text: ["a name"] },
  });
  assert.equal((await stack.get(path, A)).status, 403);
  assert.equal((await stack.get(path, { ...B, scopes })).status, 403);
  assert.equal((await stack.get(path, { ...SUPERVISOR, scopes: [...scopes, "trace/supervise"] })).status, 403);
  await stack.vault.erase("hospital-a", "token-1");
  const erased = await stack.get(path, { ...A, scopes });
  assert.deepEqual([erased.body.state, erased.body.sealed], ["verified", { state: "erased" }]);
});

test("every error is a problem object, and none quotes what was sent", async () => {
  await using stack = await startStack();
  const bad = await stack.get("/v1/records/x/accesses?limit=many-secrets");
  assert.deepEqual([bad.status, bad.body.code], [400, "INPUT_MALFORMED"]);
  assert.equal(bad.text.includes("many-secrets"), false);
  const time = await stack.get("/v1/records/x/accesses?from=yesterday");
  assert.equal(time.status, 404);
  await stack.publish({ name: "one", records: [report()] });
  const path = `/v1/records/${encodeURIComponent(report().id)}/accesses`;
  assert.equal((await stack.get(`${path}?from=yesterday`)).body.at, "from");
  assert.equal((await stack.get(`${path}?cursor=AAAA`)).body.at, "cursor");
  assert.equal((await stack.get(`${path}?asOf=99`)).body.at, "asOf");
  assert.equal((await fetch(`${stack.url}${path}`)).status, 401);
  assert.equal((await stack.get(path, { ...A, scopes: ["trace/events.write"] })).status, 403);
});

test("the root says what this is, and names no route that is not there", async () => {
  await using stack = await startStack();
  const page = await (await fetch(stack.url)).text();
  for (const [, path] of page.matchAll(/href="([^"]+)"/g)) {
    assert.equal((await fetch(`${stack.url}${path}`)).status, 200);
  }
});
