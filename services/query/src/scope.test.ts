import assert from "node:assert/strict";
import test from "node:test";
import { A, B, type Stack, SUPERVISOR, startStack } from "./testing/stack.ts";

const enc = encodeURIComponent;
const HIDDEN = { id: "hospital-a/DiagnosticReport/1", type: "DiagnosticReport", role: "used" } as const;
const AGENT = { id: "hospital-a/Practitioner/7", kind: "person", roles: [] } as const;

/** Every route that answers about someone's data, for a thing that hospital A alone may know, and for nothing. */
function routes(ids: { event: string; token: string; record: string; agent: string; patient: string }) {
  const { event, token, record, agent, patient } = ids;
  return [
    (stack: Stack, who = B) => stack.get(`/v1/events/${event}`, who),
    (stack: Stack, who = B) => stack.get(`/v1/events/${event}/evidence`, who),
    (stack: Stack, who = B) => stack.post("/v1/evidence", { events: [event] }, who),
    (stack: Stack, who = B) => stack.post("/v1/evidence", { record }, who),
    (stack: Stack, who = B) => stack.post("/v1/evidence", { subject: token }, who),
    (stack: Stack, who = B) => stack.post("/v1/evidence", { agent }, who),
    (stack: Stack, who = B) => stack.post("/v1/subjects/lookup", { system: "urn:card", value: patient }, who),
    (stack: Stack, who = B) => stack.get(`/v1/subjects/${token}/track`, who),
    (stack: Stack, who = B) => stack.get(`/v1/records/${enc(record)}/accesses`, who),
    (stack: Stack, who = B) => stack.get(`/v1/records/${enc(record)}/disclosures`, who),
    (stack: Stack, who = B) => stack.get(`/v1/records/${enc(record)}/lineage`, who),
    (stack: Stack, who = B) => stack.get(`/v1/records/${enc(record)}/lineage?format=prov-json`, who),
    (stack: Stack, who = B) => stack.get(`/v1/agents/${enc(agent)}/activity`, who),
    (stack: Stack, who = B) => stack.get(`/v1/paths?from=${enc(record)}&to=${enc(record)}`, who),
  ];
}

test("what another institution alone knows is answered, on every route, as what is not there", async () => {
  await using stack = await startStack();
  const identifier = { system: "urn:card", value: "C-1", scope: "shared" } as const;
  const [subject] = await stack.vault.identify([{ institution: "hospital-a", identifiers: [identifier] }]);
  const token = subject?.token ?? "";
  const [event = ""] = await stack.publish({ name: "one", records: [HIDDEN], agents: [AGENT], subjects: [token] });
  const hidden = routes({ event, token, record: HIDDEN.id, agent: AGENT.id, patient: "C-1" });
  const absent = routes({
    event: "0".repeat(64),
    token: "nobody",
    record: "hospital-a/DiagnosticReport/2",
    agent: "hospital-a/Practitioner/8",
    patient: "C-2",
  });
  for (const [i, route] of hidden.entries()) {
    const none = await absent[i]?.(stack);
    const other = await route(stack);
    assert.deepEqual([other.status, other.text], [404, none?.text], `route ${i}`);
    assert.equal(none?.status, 404);
    assert.equal((await route(stack, A)).status, 200, `route ${i} for its own institution`);
  }
  for (const [i, route] of hidden.entries()) {
    assert.equal((await route(stack, SUPERVISOR)).status, 200, `route ${i} for a supervisor`);
  }
});

test("a recipient sees the events that name it, and no others of the same record", async () => {
  await using stack = await startStack();
  const disclosure = { name: "to b", records: [HIDDEN], recipients: ["hospital-b"], kind: "disclose" as const };
  const [own = "", shared = ""] = await stack.publish({ name: "own", records: [HIDDEN] }, disclosure);
  const { body } = await stack.get(`/v1/records/${enc(HIDDEN.id)}/accesses`, B);
  assert.deepEqual(
    body.events.map((event: { id: string }) => event.id),
    [shared],
  );
  assert.equal((await stack.get(`/v1/events/${shared}`, B)).status, 200);
  assert.equal((await stack.get(`/v1/events/${own}`, B)).status, 404);
  assert.equal((await stack.post("/v1/evidence", { events: [shared, own] }, B)).status, 404);
});

test("an event that is not projected yet is known to its own institution alone", async () => {
  await using stack = await startStack();
  const [id = ""] = await stack.accept({ name: "one" });
  assert.equal((await stack.get(`/v1/events/${id}`, A)).body.state, "accepted");
  assert.equal((await stack.get(`/v1/events/${id}`, B)).status, 404);
});

test("what is cached for one scope is never given to another", async () => {
  await using stack = await startStack();
  await stack.publish({ name: "a", records: [HIDDEN] }, { name: "b", records: [HIDDEN], institution: "hospital-b" });
  const path = `/v1/records/${enc(HIDDEN.id)}/accesses`;
  const institutions = async (who = A) =>
    (await stack.get(path, who)).body.events.map((event: { institution: string }) => event.institution).sort();
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(await institutions(SUPERVISOR), ["hospital-a", "hospital-b"]);
    assert.deepEqual(await institutions(A), ["hospital-a"]);
    assert.deepEqual(await institutions(B), ["hospital-b"]);
  }
});
