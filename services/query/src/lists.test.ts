import assert from "node:assert/strict";
import test from "node:test";
import { A, type Answered, B, type Sample, type Stack, SUPERVISOR, startStack } from "./testing/stack.ts";

const RECORD = "hospital-a/DiagnosticReport/1";
const record = (role: "used" | "generated" = "used", id = RECORD) => ({ id, type: "DiagnosticReport", role }) as const;
const at = (minute: number): string => new Date(Date.UTC(2026, 2, 1, 8, minute)).toISOString();
const enc = encodeURIComponent;
const idsOf = ({ body }: Answered): string[] => body.events.map((event: { id: string }) => event.id);

async function allPages(stack: Stack, path: string, limit: number): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined; ) {
    const page = await stack.get(`${path}?limit=${limit}${cursor === "" ? "" : `&cursor=${cursor}`}`);
    assert.equal(page.status, 200);
    ids.push(...idsOf(page));
    cursor = page.body.nextCursor;
  }
  return ids;
}

test("accesses come newest first, and a period and an order can be asked for", async () => {
  await using stack = await startStack();
  const ids = await stack.publish(...[0, 1, 2, 3].map((i) => ({ name: `e${i}`, when: at(i), records: [record()] })));
  const path = `/v1/records/${enc(RECORD)}/accesses`;
  assert.deepEqual(idsOf(await stack.get(path)), ids.toReversed());
  assert.deepEqual(idsOf(await stack.get(`${path}?order=oldest-first`)), ids);
  assert.deepEqual(idsOf(await stack.get(`${path}?from=${enc("2026-03-01T09:01:00+01:00")}&to=${at(3)}`)), [
    ids[2],
    ids[1],
  ]);
});

test("pages give every event once, whatever is projected meanwhile, for every size of page", async () => {
  await using stack = await startStack();
  const sample = (i: number): Sample => ({ name: `e${i}`, when: at(i % 4), records: [record()] });
  const ids = await stack.publish(...Array.from({ length: 13 }, (_, i) => sample(i)));
  const path = `/v1/records/${enc(RECORD)}/accesses`;
  for (const limit of [1, 4, 13, 50]) {
    const first = await stack.get(`${path}?limit=${limit}`);
    await stack.publish(sample(1000 + limit));
    const rest: string[] = [];
    for (let cursor = first.body.nextCursor; cursor !== undefined; ) {
      const page = await stack.get(`${path}?limit=${limit}&cursor=${cursor}`);
      assert.equal(page.body.height, first.body.height);
      rest.push(...idsOf(page));
      cursor = page.body.nextCursor;
    }
    const seen = [...idsOf(first), ...rest];
    assert.equal(new Set(seen).size, seen.length);
    assert.deepEqual(
      ids.filter((id) => !seen.includes(id)),
      [],
    );
    assert.equal(seen.length, first.body.height + 12);
  }
});

test("a cursor is refused for another list, another caller, another order, and when it was changed", async () => {
  await using stack = await startStack();
  await stack.publish(...[0, 1, 2].map((i) => ({ name: `e${i}`, recipients: ["hospital-b"], records: [record()] })));
  const path = `/v1/records/${enc(RECORD)}/accesses`;
  const { nextCursor } = (await stack.get(`${path}?limit=1`)).body;
  const changed = `${nextCursor.slice(0, 30)}${nextCursor[30] === "A" ? "B" : "A"}${nextCursor.slice(31)}`;
  const status = async (query: string, who = A): Promise<number> => (await stack.get(query, who)).status;
  assert.equal(await status(`${path}?cursor=${nextCursor}`), 200);
  assert.equal(await status(`${path}?cursor=${changed}`), 422);
  assert.equal(await status(`${path}?cursor=${nextCursor}`, B), 422);
  assert.equal(await status(`${path}?cursor=${nextCursor}&order=oldest-first`), 422);
  assert.equal(await status(`/v1/records/${enc(RECORD)}/disclosures?cursor=${nextCursor}`), 422);
});

test("disclosures are the events that gave a record to others, found past many that did not", async () => {
  await using stack = await startStack();
  const reads = Array.from({ length: 30 }, (_, i) => ({ name: `read ${i}`, when: at(i), records: [record()] }));
  const [first, second] = await stack.publish(
    { name: "to b", when: at(0), kind: "disclose" as const, recipients: ["hospital-b"], records: [record()] },
    { name: "to someone", when: at(20), kind: "disclose" as const, records: [record()] },
    ...reads,
  );
  const path = `/v1/records/${enc(RECORD)}/disclosures`;
  assert.deepEqual(idsOf(await stack.get(path)), [second, first]);
  assert.deepEqual(await allPages(stack, path, 1), [second, first]);
});

test("an agent's activity holds what it did and what was done on its behalf", async () => {
  await using stack = await startStack();
  const [own, behalf] = await stack.publish(
    { name: "own", when: at(1), agents: [{ id: "hospital-a/Practitioner/7", kind: "person", roles: [] }] },
    {
      name: "behalf",
      when: at(2),
      agents: [{ id: "hospital-a/Device/1", kind: "device", roles: [], onBehalfOf: "hospital-a/Practitioner/7" }],
    },
    { name: "other", agents: [{ id: "hospital-a/Practitioner/8", kind: "person", roles: [] }] },
  );
  assert.deepEqual(idsOf(await stack.get(`/v1/agents/${enc("hospital-a/Practitioner/7")}/activity`)), [behalf, own]);
});

test("an answer as of an earlier height is what was answered then", async () => {
  await using stack = await startStack();
  await stack.publish({ name: "one", records: [record()] });
  const path = `/v1/records/${enc(RECORD)}/accesses`;
  const then = await stack.get(path);
  await stack.publish({ name: "two", records: [record()] });
  const now = await stack.get(path);
  assert.equal(idsOf(now).length, 2);
  const again = await stack.get(`${path}?asOf=${then.body.height}`);
  assert.deepEqual([again.body.events, again.body.height], [then.body.events, then.body.height]);
});

test("a patient is looked up in the body, tracked over joined tokens, and known by Patient references", async () => {
  await using stack = await startStack();
  const [mrn] = await stack.vault.identify([
    { institution: "hospital-a", identifiers: [{ system: "Patient", value: "123", scope: "local" }] },
  ]);
  const [card] = await stack.vault.identify([
    { institution: "hospital-a", identifiers: [{ system: "urn:card", value: "C-9", scope: "shared" }] },
  ]);
  const [a = "", b = ""] = [mrn?.token, card?.token];
  const record = { id: `urn:medtrace:subject:${a}`, type: "Patient", role: "used" } as const;
  const [first, join, second] = await stack.publish(
    { name: "first", when: at(1), subjects: [a], records: [record] },
    { name: "join", when: at(2), subjects: [a, b], joins: [[a, b]] },
    { name: "second", when: at(3), subjects: [b] },
  );
  const lookup = async (body: object, who = A) => (await stack.post("/v1/subjects/lookup", body, who)).body;
  const told = await lookup({ reference: "Patient/123" });
  assert.deepEqual([told.token, told.record, told.joined], [a, record.id, [b]]);
  assert.equal((await lookup({ reference: "hospital-a/Patient/123" })).token, a);
  assert.equal((await lookup({ system: "urn:card", value: "C-9" })).token, b);
  assert.equal((await lookup({ system: "urn:card", value: "C-8" })).code, "NOT_FOUND");
  assert.equal((await lookup({ system: "urn:card" })).code, "INPUT_INVALID");
  assert.equal((await lookup({ reference: "Observation/1" })).code, "INPUT_INVALID");
  for (const token of [a, b]) {
    assert.deepEqual(idsOf(await stack.get(`/v1/subjects/${token}/track`)), [second, join, first]);
  }
  assert.deepEqual(idsOf(await stack.get(`/v1/records/${enc("hospital-a/Patient/123")}/accesses`)), [first]);
  // The card is shared, but hospital B sees no event about its holder.
  assert.equal((await lookup({ system: "urn:card", value: "C-9" }, B)).code, "NOT_FOUND");
  assert.equal((await lookup({ reference: "hospital-a/Patient/123" }, B)).code, "NOT_FOUND");
  const supervisor = await lookup({ reference: "hospital-a/Patient/123" }, SUPERVISOR);
  assert.equal(supervisor.token, a);
});

test("how much is hidden is told only where policy says so", async () => {
  const samples: Sample[] = [
    { name: "own", institution: "hospital-b", records: [record()] },
    { name: "other", records: [record()] },
  ];
  const path = `/v1/records/${enc(RECORD)}/accesses`;
  await using silent = await startStack();
  await silent.publish(...samples);
  assert.equal((await silent.get(path, B)).body.hiddenCount, undefined);
  await using open = await startStack({ env: { QUERY_HIDDEN_COUNT: "count" } });
  await open.publish(...samples);
  assert.equal((await open.get(path, B)).body.hiddenCount, 1);
  assert.equal((await open.get(path, SUPERVISOR)).body.hiddenCount, undefined);
  const stranger = { institution: "lab-c" };
  const [told, untold] = [await open.get(path, stranger), await silent.get(path, stranger)];
  assert.deepEqual([told.status, untold.status], [404, 404]);
  assert.match(told.body.hint, /2 events/);
  assert.doesNotMatch(untold.text, /\d events/);
});
