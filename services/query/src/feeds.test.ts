import assert from "node:assert/strict";
import test from "node:test";
import type { FeedStatement } from "@medtrace/shared/model/feed-statement";
import { A, B, type Sample, SUPERVISOR, startStack } from "./testing/stack.ts";

const at = (minute: number): string => new Date(Date.UTC(2026, 2, 1, 2, minute)).toISOString();
const time = (minute: number): { given: string; utc: string } => ({ given: at(minute), utc: at(minute) });

interface Said extends Partial<FeedStatement> {
  readonly institution?: string;
}

/** A statement of one process about a period in minutes. */
function statement(process: string, place: number, [from, to]: readonly [number, number], said: Said = {}): Sample {
  const { institution = "hospital-a", ...more } = said;
  const feed = { entry: "mllp", system: "EHR|A", process, place, messages: 0, repeated: 0, ...more } as const;
  const occurred = { start: time(from), end: time(to) };
  return { name: `${institution} ${process} ${feed.system} ${place}`, institution, kind: "execute", occurred, feed };
}

const numbers = (...taken: readonly (readonly [number, number])[]) => ({ taken, restarted: false, cut: false });

test("statements of all processes are added up, feed by feed", async () => {
  await using stack = await startStack();
  const ids = await stack.publish(
    statement("p", 0, [0, 15], {
      messages: 3,
      numbers: numbers([1, 1], [3, 4]),
      lastMessage: at(9),
      silence_s_max: 900,
    }),
    statement("q", 0, [5, 20], { messages: 1, numbers: numbers([6, 6]), lastMessage: at(10), silence_s_max: 900 }),
    statement("p", 1, [15, 30], { silence_s_max: 900, lastMessage: at(9) }),
    statement("p", 0, [0, 15], { system: "LAB|A", messages: 2, lastMessage: at(3) }),
  );
  const { status, body } = await stack.get("/v1/feeds");
  assert.equal(status, 200);
  assert.deepEqual(
    body.feeds.map(({ feed, messages, runs }: never) => ({ feed, messages, runs })),
    [
      {
        feed: "hospital-a/Feed/mllp/EHR%7CA",
        messages: 4,
        runs: [
          {
            first: 1,
            last: 6,
            missing: [
              [2, 2],
              [5, 5],
            ],
            missingCount: 2,
            cut: false,
          },
        ],
      },
      { feed: "hospital-a/Feed/mllp/LAB%7CA", messages: 2, runs: [] },
    ],
  );
  const [ehr, lab] = body.feeds;
  assert.deepEqual([ehr.covered, ehr.uncovered, ehr.lastMessage], [[[at(0), at(30)]], [], at(10)]);
  assert.deepEqual([ehr.isSilent, lab.isSilent], [true, undefined]);
  assert.deepEqual([...ehr.statements].sort(), ids.slice(0, 3).sort());
  assert.deepEqual([body.truncated, body.integrityFailures], [false, 0]);
});

test("a period is answered by the statements that reach into it, and tells where nobody was there", async () => {
  await using stack = await startStack();
  await stack.publish(
    statement("p", 0, [0, 15], { messages: 1 }),
    statement("p", 1, [15, 30], { messages: 2 }),
    statement("p", 2, [30, 45], { messages: 4 }),
    statement("q", 0, [50, 59], { messages: 8 }),
  );
  const told = async (query: string): Promise<unknown[]> =>
    (await stack.get(`/v1/feeds?${query}`)).body.feeds.map(({ messages, uncovered }: never) => [messages, uncovered]);
  assert.deepEqual(await told(`from=${at(20)}&to=${at(25)}`), [[2, []]]);
  assert.deepEqual(await told(`from=${at(20)}&to=${at(31)}`), [[6, []]]);
  assert.deepEqual(await told(`from=${at(30)}`), [[12, [[at(45), at(50)]]]]);
  assert.deepEqual(await told(`to=${at(15)}`), [[1, []]]);
  assert.equal((await stack.get("/v1/feeds?from=yesterday")).status, 422);
});

test("what was stated of a feed has evidence, for any time between", async () => {
  await using stack = await startStack();
  const ids = await stack.publish(...[0, 1, 2, 3].map((i) => statement("p", i, [i * 15, i * 15 + 15])));
  const feed = "hospital-a/Feed/mllp/EHR%7CA";
  const proven = async (body: object): Promise<[number, string[]]> => {
    const { status, body: file } = await stack.post("/v1/evidence", { feed, ...body });
    const events = (file.events ?? []) as { event: string }[];
    return [status, events.map(({ event }) => JSON.parse(event).id)];
  };
  assert.deepEqual(await proven({}), [200, ids]);
  assert.deepEqual(await proven({ from: at(20), to: at(40) }), [200, [ids[1], ids[2]]]);
  assert.deepEqual(await proven({ from: at(60) }), [404, []]);
  assert.equal((await stack.post("/v1/evidence", { feed, record: "x" })).status, 422);
  assert.equal((await stack.post("/v1/evidence", { feed }, B)).status, 404);
});

test("an institution sees its own feeds and nobody else's, a supervisor all", async () => {
  await using stack = await startStack();
  await stack.publish(statement("p", 0, [0, 15]), statement("p", 0, [0, 15], { institution: "hospital-b" }));
  const institutions = async (who: typeof A): Promise<string[]> =>
    (await stack.get("/v1/feeds", who)).body.feeds.map(({ institution }: never) => institution);
  assert.deepEqual(await institutions(A), ["hospital-a"]);
  assert.deepEqual(await institutions(B), ["hospital-b"]);
  assert.deepEqual(await institutions(SUPERVISOR), ["hospital-a", "hospital-b"]);
  assert.deepEqual(
    (await stack.get(`/v1/feeds?feed=${encodeURIComponent("hospital-b/Feed/mllp/EHR%7CA")}`, A)).body.feeds,
    [],
  );
});

test("one feed can be asked for, and no more statements are added up than asked for", async () => {
  await using stack = await startStack();
  const many = Array.from({ length: 12 }, (_, i) => statement("p", i, [i, i + 1], { messages: 1 }));
  await stack.publish(...many, statement("p", 0, [0, 15], { system: "LAB|A" }));
  const feed = encodeURIComponent("hospital-a/Feed/mllp/EHR%7CA");
  const { body } = await stack.get(`/v1/feeds?feed=${feed}&limit=5`);
  assert.deepEqual([body.feeds.length, body.feeds[0].messages, body.truncated], [1, 5, true]);
  assert.equal((await stack.get(`/v1/feeds?feed=${feed}&limit=12`)).body.truncated, false);
});

test("a statement is an event with evidence, and no access to any record or AuditEvent", async () => {
  await using stack = await startStack();
  const record = { id: "hospital-a/Observation/1", type: "Observation", role: "used" } as const;
  const [id] = await stack.publish(statement("p", 0, [0, 15]), { name: "read", records: [record] });
  const event = await stack.get(`/v1/events/${id}`);
  assert.equal(event.body.event.feed.messages, 0);
  const evidence = await stack.post("/v1/evidence", { events: [id] });
  assert.equal(evidence.status, 200);
  const accesses = await stack.get(`/v1/records/${encodeURIComponent(record.id)}/accesses`);
  assert.equal(accesses.body.events.length, 1);
  assert.ok(!JSON.stringify(accesses.body).includes(id ?? ""));
  const search = await stack.get("/fhir/AuditEvent?date=ge2026-01-01");
  assert.equal(search.status, 200, search.text);
  assert.ok(!search.text.includes(id ?? ""));
});

test("a statement that is none of format version 1 is no event", async () => {
  await using stack = await startStack();
  for (const feed of [
    { place: -1 },
    { messages: 1.5 },
    { entry: "fax" },
    { numbers: numbers([3, 1]) },
    { lastMessage: "now" },
  ]) {
    await stack.publish({ ...statement("p", 0, [0, 15], feed as never), name: JSON.stringify(feed) });
  }
  const { body } = await stack.get("/v1/integrity", SUPERVISOR);
  assert.equal(body.counts.events, 0);
  assert.deepEqual((await stack.get("/v1/feeds")).body.feeds, []);
});
