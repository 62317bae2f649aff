import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { MedtraceError } from "@medtrace/shared/errors";
import { type FeedStatement, OTHER_SYSTEMS, sumOfFeed } from "@medtrace/shared/model/feed-statement";
import type { TraceEvent } from "@medtrace/shared/model/trace-event";
import type { Draft, Intake } from "../normalise/draft.ts";
import { draft, NOW_MS, startPipeline, type TestPipeline } from "../pipeline/testing.ts";
import type { ExpectedFeed } from "./feed.ts";
import { FEEDS_LIMITS, Feeds } from "./feeds.ts";

const SYSTEM = "EHR|NORTH";
const message = (number: number, more: Partial<Draft> = {}): Draft =>
  draft(`message ${number}`, { system: SYSTEM, number, ...more });

interface Stand extends AsyncDisposable {
  readonly feeds: Feeds;
  readonly intake: Intake;
  /** Drafts of one institution by one entry. */
  send(...drafts: readonly Draft[]): Promise<void>;
  /** Waits until so many statements are in the log; gives them in order of their period. */
  statements(count: number): Promise<(TraceEvent & { feed: FeedStatement })[]>;
}

interface Options {
  readonly statement_ms?: number;
  readonly expected?: readonly ExpectedFeed[];
  readonly now_ms?: () => number;
  readonly through?: (intake: Intake) => Intake;
}

async function stand(options: Options = {}): Promise<Stand> {
  const pipeline: TestPipeline = await startPipeline();
  const { statement_ms = 3_600_000, expected = [], now_ms = () => NOW_MS, through = (intake) => intake } = options;
  const log = { warn: () => undefined };
  const feeds = new Feeds({ intake: through(pipeline.intake), expected, statement_ms, now_ms, log });
  feeds.start();
  const intake = feeds.watch(pipeline.intake, "mllp");
  return {
    feeds,
    intake,
    async send(...drafts) {
      await intake.accept("hospital-a", drafts);
    },
    async statements(count) {
      for (;;) {
        const found = (await pipeline.events()).filter((event) => event.feed !== undefined);
        if (found.length >= count) {
          const inOrder = found.sort((a, b) => (a.feed?.place ?? 0) - (b.feed?.place ?? 0));
          return inOrder as (TraceEvent & { feed: FeedStatement })[];
        }
        await sleep(10);
      }
    },
    async [Symbol.asyncDispose]() {
      await feeds[Symbol.asyncDispose]();
      await pipeline[Symbol.asyncDispose]();
    },
  };
}

const EXPECTED = [{ institution: "hospital-a", entry: "mllp", system: SYSTEM, silence_s_max: 60 }] as const;

test("a statement says how many messages a feed sent in a period, which numbers they had, and names no record", async () => {
  await using at = await stand({ expected: EXPECTED });
  await at.send(message(1), message(2));
  await at.send(message(4), message(2), message(4, { index: 1 }));
  await at.feeds[Symbol.asyncDispose]();
  const [event] = await at.statements(1);
  assert.ok(event);
  const { process, ...feed } = event.feed;
  assert.match(process, /^[0-9a-f]{16}$/);
  assert.deepEqual(feed, {
    entry: "mllp",
    system: SYSTEM,
    place: 0,
    messages: 3,
    repeated: 1,
    lastMessage: new Date(NOW_MS).toISOString(),
    numbers: {
      taken: [
        [1, 2],
        [4, 4],
      ],
      restarted: false,
      cut: false,
    },
    silence_s_max: 60,
  });
  assert.deepEqual([event.records, event.subjects, event.recipients], [[], [], []]);
  assert.equal(event.institution, "hospital-a");
  assert.deepEqual([event.source.format, event.source.type], ["medtrace", "FeedStatement"]);
  assert.ok(event.occurred);
});

test("statements follow one another without a hole, also where nothing comes", async () => {
  await using at = await stand({ statement_ms: 100, now_ms: Date.now });
  await at.send(message(1));
  const events = await at.statements(4);
  const [first, second, third] = events;
  assert.equal(first?.feed.messages, 1);
  assert.deepEqual([second?.feed.messages, third?.feed.messages], [0, 0]);
  assert.equal(third?.feed.lastMessage, first?.feed.lastMessage);
  for (const [i, { occurred, feed }] of events.entries()) {
    assert.equal(feed.place, i);
    if (i > 0) assert.equal(occurred?.start.utc, events[i - 1]?.occurred?.end.utc);
  }
});

test("a feed that is expected is stated before it ever sent anything", async () => {
  await using at = await stand({ statement_ms: 100, now_ms: Date.now, expected: EXPECTED });
  const [event] = await at.statements(1);
  assert.equal(event?.feed.messages, 0);
  assert.equal(event?.feed.lastMessage, undefined);
  assert.equal(event?.feed.silence_s_max, 60);
});

test("a jump back ends a statement: numbers of two beginnings are never in one", async () => {
  await using at = await stand({ expected: EXPECTED });
  await at.send(message(100), message(101), message(1), message(2));
  await at.feeds[Symbol.asyncDispose]();
  const [before, after] = await at.statements(2);
  assert.deepEqual(before?.feed.numbers, { taken: [[100, 101]], restarted: false, cut: false });
  assert.deepEqual(after?.feed.numbers, { taken: [[1, 2]], restarted: true, cut: false });
});

test("a gap is stated soon, and once for many", async () => {
  let now = NOW_MS;
  await using at = await stand({ now_ms: () => now });
  await at.send(message(1), message(3), message(5));
  now += 61_000;
  const [event] = await at.statements(1);
  assert.deepEqual(event?.feed.numbers?.taken, [
    [1, 1],
    [3, 3],
    [5, 5],
  ]);
  const [feed] = at.feeds.all();
  assert.equal(feed?.totals.steps.gap, 2);
  assert.equal(feed?.missedCount, 2);
});

test("while storage takes no statements they wait, and none is lost or doubled", async () => {
  let fails = true;
  const through = (intake: Intake): Intake => ({
    accept(institution, drafts, more) {
      if (fails) throw new MedtraceError("STORAGE_FAILED", "no room");
      return intake.accept(institution, drafts, more);
    },
  });
  await using at = await stand({ statement_ms: 50, now_ms: Date.now, through });
  await at.send(message(1));
  await sleep(300);
  assert.equal(at.feeds.stated, 0);
  fails = false;
  const events = await at.statements(3);
  assert.deepEqual(
    events.map(({ feed }) => feed.place),
    events.map((_, i) => i),
  );
  assert.equal(
    events.reduce((sum, { feed }) => sum + feed.messages, 0),
    1,
  );
});

test("what was not taken is not counted", async () => {
  await using at = await stand();
  await at.send(message(1, { agents: [{ id: "", kind: "person", roles: [] }] }));
  assert.deepEqual([...at.feeds.all()], []);
  await at.send(message(2));
  await at.send(message(2, { raw: Buffer.from("other bytes") }));
  const [feed] = at.feeds.all();
  assert.deepEqual([feed?.totals.messages, feed?.totals.repeated], [1, 0]);
});

test("systems beyond the limit are one feed together, without numbers", async () => {
  await using at = await stand();
  const many = Array.from({ length: FEEDS_LIMITS.systemsMax + 20 }, (_, i) => message(i + 1, { system: `S${i}` }));
  await at.send(...many);
  const feeds = [...at.feeds.all()];
  assert.equal(feeds.length, FEEDS_LIMITS.systemsMax + 1);
  const others = feeds.find(({ name }) => name.system === OTHER_SYSTEMS);
  assert.deepEqual([others?.totals.messages, others?.totals.steps.next], [20, 0]);
});

test("a system that is named by its patient's number, or by a text of any length, is told by neither", async () => {
  await using at = await stand();
  await at.send(message(1, { system: "47110815" }), message(2, { system: "x".repeat(2_000) }));
  assert.deepEqual(
    [...at.feeds.all()].map(({ name }) => name.system),
    [OTHER_SYSTEMS],
  );
});

test("two processes that take one feed together say together what is missing", async () => {
  await using pipeline = await startPipeline();
  const log = { warn: () => undefined };
  const parts = { intake: pipeline.intake, expected: EXPECTED, statement_ms: 3_600_000, now_ms: () => NOW_MS, log };
  const processes = [new Feeds(parts), new Feeds(parts)];
  for (let number = 1; number <= 40; number++) {
    // Balanced by no rule; one message reaches nobody, and one comes late, to the other process.
    if (number === 13 || number === 20) continue;
    const feeds = processes[(number * number) % 3 === 0 ? 0 : 1];
    await feeds?.watch(pipeline.intake, "mllp").accept("hospital-a", [message(number)]);
  }
  await processes[1]?.watch(pipeline.intake, "mllp").accept("hospital-a", [message(20), message(1)]);
  for (const feeds of processes) await feeds[Symbol.asyncDispose]();
  const stated = (await pipeline.events()).flatMap(({ feed, occurred }) =>
    feed === undefined || occurred === undefined
      ? []
      : [{ statement: feed, from: occurred.start.utc, to: occurred.end.utc }],
  );
  const { messages, repeated, runs } = sumOfFeed(stated);
  assert.deepEqual([stated.length, messages, repeated], [2, 39, 1]);
  assert.deepEqual(runs, [{ first: 1, last: 40, missing: [[13, 13]], missingCount: 1, cut: false }]);
});

test("at the end what is odd is stated, and what is expected; of another feed its next process says more", async () => {
  await using at = await stand({ expected: EXPECTED });
  await at.send(message(1, { system: "calm" }), message(1, { system: "odd" }), message(3, { system: "odd" }));
  await at.feeds[Symbol.asyncDispose]();
  const systems = (await at.statements(2)).map(({ feed }) => feed.system);
  assert.deepEqual(systems.sort(), [SYSTEM, "odd"]);
});

test("without an interval feeds are counted and never stated", async () => {
  await using at = await stand({ statement_ms: 0 });
  await at.send(message(5), message(1));
  await at.feeds[Symbol.asyncDispose]();
  assert.equal(at.feeds.stated, 0);
  assert.equal([...at.feeds.all()][0]?.totals.steps.restart, 1);
});
