import assert from "node:assert/strict";
import test from "node:test";
import { type Batch, batchHash, NO_BATCH } from "@medtrace/shared/model/batch";
import { fromUtf8, hex, utf8 } from "@medtrace/shared/model/bytes";
import { canonicalText, type Json } from "@medtrace/shared/model/canonical";
import { inclusionPath, leafHash, merkleLevels, merkleRoot } from "@medtrace/shared/model/merkle";
import fc from "fast-check";
import { anchorBatch, listStreams, readBatch, readHead, verifyInclusion } from "./contract.ts";
import { WorldState } from "./testing/world-state.ts";

const OWNER = "HospitalAMSP";

function batchAfter(head: Batch | undefined, over: Partial<Batch> = {}): Batch {
  const first = head?.end ?? 0;
  return {
    format: 1,
    stream: "log-0",
    sequence: head === undefined ? 0 : head.sequence + 1,
    first,
    end: first + 10,
    count: 10,
    root: hex(leafHash(utf8(`${first}`))),
    previous: head === undefined ? NO_BATCH : batchHash(head),
    ...over,
  };
}

async function chain(state: WorldState, owner: string, length: number, stream = "log-0"): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (let i = 0; i < length; i++) {
    const batch = batchAfter(batches.at(-1), { stream });
    await state.submit(owner, (context) => anchorBatch(context, batch));
    batches.push(batch);
  }
  return batches;
}

function refusal(pattern: RegExp): (error: unknown) => boolean {
  return (error) => (error as { code?: string }).code === "LEDGER_REFUSED" && pattern.test((error as Error).message);
}

test("a stream's first batch may start anywhere in the log, at sequence 0", async () => {
  const state = new WorldState();
  const batch = batchAfter(undefined, { first: 700, end: 720 });
  const entry = await state.submit(OWNER, (context) => anchorBatch(context, batch));
  assert.deepEqual(entry, { batch, transaction: "0".repeat(64) });
  assert.deepEqual(await readHead(state, OWNER, "log-0"), entry);
});

test("an anchored batch is two entries of canonical JSON and one event", async () => {
  const state = new WorldState();
  const [first] = await chain(state, OWNER, 1);
  assert.deepEqual([...state.entries.keys()].sort(), [`batch/${OWNER}/log-0/0`, `head/${OWNER}/log-0`]);
  for (const value of state.entries.values()) {
    const expected = { batch: first, transaction: "0".repeat(64) };
    assert.equal(fromUtf8(value), canonicalText(expected as unknown as Json));
  }
  assert.deepEqual(state.events, [{ name: "BatchAnchored", owner: OWNER, batch: first }]);
});

test("the bytes written do not depend on the order of the batch's members", async () => {
  const [one, other] = [new WorldState(), new WorldState()];
  const batch = batchAfter(undefined);
  await one.submit(OWNER, (context) => anchorBatch(context, batch));
  const turned = Object.fromEntries(Object.entries(batch).reverse()) as unknown as Batch;
  await other.submit(OWNER, (context) => anchorBatch(context, turned));
  assert.deepEqual([...one.entries], [...other.entries]);
});

test("the same batch again gives its first transaction and writes nothing, at the head and far below it", async () => {
  const state = new WorldState();
  const batches = await chain(state, OWNER, 5);
  const before = new Map(state.entries);
  for (const [i, batch] of batches.entries()) {
    const entry = await state.submit(OWNER, (context) => anchorBatch(context, { ...batch }));
    assert.equal(entry.transaction, i.toString(16).padStart(64, "0"));
  }
  assert.deepEqual(state.entries, before);
  assert.equal(state.events.length, 5);
});

test("a gap, an overlap, a fork and a skipped sequence are refused with the head named", async () => {
  const state = new WorldState();
  const batches = await chain(state, OWNER, 3);
  const head = batches[2] as Batch;
  const named = new RegExp(`head is batch 2, ending at 30, hash ${batchHash(head)}`);
  const next = batchAfter(head);
  const wrong: Batch[] = [
    { ...next, first: 31, end: 41 },
    { ...next, first: 29, end: 41 },
    { ...next, sequence: 4 },
    { ...next, previous: batchHash(batches[1] as Batch) },
    { ...next, sequence: 0, previous: NO_BATCH },
    { ...head, root: "f".repeat(64) },
    { ...(batches[1] as Batch), end: 19, count: 9 },
    { ...(batches[0] as Batch), count: 9 },
  ];
  const before = new Map(state.entries);
  for (const batch of wrong) {
    await assert.rejects(
      state.submit(OWNER, (context) => anchorBatch(context, batch)),
      refusal(named),
      canonicalText(batch as unknown as Json),
    );
  }
  assert.deepEqual(state.entries, before);
});

test("a stream without a head refuses any sequence but 0", async () => {
  const batch = batchAfter(undefined, { sequence: 1, previous: "a".repeat(64) });
  await assert.rejects(
    new WorldState().submit(OWNER, (context) => anchorBatch(context, batch)),
    refusal(/no head yet/),
  );
});

test("what is not a batch is refused in words and writes nothing", async () => {
  const good = batchAfter(undefined);
  const odd: unknown[] = [
    null,
    "batch",
    [],
    {},
    { ...good, count: 0 },
    { ...good, count: 11 },
    { ...good, end: 0.5 },
    { ...good, end: 2 ** 53 },
    { ...good, first: -1 },
    { ...good, root: good.root.toUpperCase() },
    { ...good, stream: "a/b" },
    { ...good, stream: "" },
    { ...good, stream: "x".repeat(65) },
    { ...good, format: 2 },
    { ...good, extra: 1 },
    JSON.parse(`{"__proto__":{},${JSON.stringify(good).slice(1)}`),
  ];
  const state = new WorldState();
  for (const batch of odd) {
    await assert.rejects(
      state.submit(OWNER, (context) => anchorBatch(context, batch as Batch)),
      refusal(/^not a batch: ./),
    );
  }
  assert.equal(state.entries.size, 0);
});

test("a submitter whose name could reach into another's keys is refused", async () => {
  for (const owner of ["", "A/log-0", "a".repeat(65), "A B", "Ä"]) {
    const state = new WorldState();
    await assert.rejects(
      state.submit(owner, (context) => anchorBatch(context, batchAfter(undefined))),
      refusal(/cannot own/),
    );
  }
});

test("two owners may each have a stream of one name, and neither moves the other's head", async () => {
  const state = new WorldState();
  const [a] = await chain(state, "A", 1);
  const b = await chain(state, "B", 3);
  assert.deepEqual((await readHead(state, "A", "log-0"))?.batch, a);
  assert.deepEqual((await readHead(state, "B", "log-0"))?.batch, b[2]);
});

test("streams are listed by owner, then stream, whatever the order of their keys", async () => {
  const state = new WorldState();
  for (const owner of ["A.B", "A", "B", "A-B"]) {
    for (const stream of ["log-2", "log-10", "log"]) await chain(state, owner, 1, stream);
  }
  const names = (await listStreams(state)).map(({ owner, batch }) => `${owner} ${batch.stream}`);
  assert.deepEqual(
    names,
    ["A", "A-B", "A.B", "B"].flatMap((owner) => ["log", "log-10", "log-2"].map((stream) => `${owner} ${stream}`)),
  );
});

test("reading what is not there, or what no name can be, gives nothing", async () => {
  const state = new WorldState();
  await chain(state, OWNER, 1);
  assert.equal(await readHead(state, OWNER, "log-1"), undefined);
  assert.equal(await readHead(state, `${OWNER}/log-0`, "0"), undefined);
  for (const sequence of [1, -1, 0.5, Number.NaN]) {
    assert.equal(await readBatch(state, { owner: OWNER, stream: "log-0", sequence }), undefined);
  }
});

test("an entry that no rule could have written is an integrity error, not an answer", async () => {
  for (const text of ["", "{}", '{"batch":{},"transaction":""}', " ", "\u0000"]) {
    const state = new WorldState();
    const [batch] = await chain(state, OWNER, 1);
    state.entries.set(`head/${OWNER}/log-0`, utf8(text));
    await assert.rejects(readHead(state, OWNER, "log-0"), { code: "INTEGRITY" });
    await assert.rejects(
      state.submit(OWNER, (context) => anchorBatch(context, batchAfter(batch))),
      { code: "INTEGRITY" },
    );
  }
});

test("the ledger itself says whether a leaf is in an anchored batch", async () => {
  const state = new WorldState();
  const leaves = Array.from({ length: 10 }, (_, i) => leafHash(utf8(`event ${i}`)));
  const batch = batchAfter(undefined, { root: hex(merkleRoot(leaves)) });
  await state.submit(OWNER, (context) => anchorBatch(context, batch));
  const path = inclusionPath(merkleLevels(leaves), 7).map(hex);
  const claim = { owner: OWNER, stream: "log-0", sequence: 0, leaf: hex(leaves[7] as Uint8Array), index: 7, path };
  assert.equal(await verifyInclusion(state, claim), true);
  for (const wrong of [
    { index: 6 },
    { sequence: 1 },
    { owner: "B" },
    { leaf: hex(leaves[6] as Uint8Array) },
    { path: path.slice(1) },
    { path: [...path, path[0] as string] },
    { path: Array.from({ length: 54 }, () => path[0] as string) },
    { leaf: "zz" },
  ]) {
    assert.equal(await verifyInclusion(state, { ...claim, ...wrong }), false);
  }
});

/** One call out of a small world, so that calls often meet on one stream, one sequence, one offset. */
const call = fc.record({
  owner: fc.constantFrom("A", "B"),
  stream: fc.constantFrom("s", "t"),
  sequence: fc.nat({ max: 4 }),
  first: fc.nat({ max: 6 }),
  length: fc.integer({ min: 1, max: 3 }),
  root: fc.constantFrom("1".repeat(64), "2".repeat(64)),
  previous: fc.constantFrom("none", "head", "older", "random"),
  /** Which members are as the stream's next batch would have them; one call in eight has all. */
  right: fc.subarray(["sequence", "first", "previous"]),
});

function callToBatch(of: typeof call extends fc.Arbitrary<infer T> ? T : never, anchored: readonly Batch[]): Batch {
  const head = anchored.at(-1);
  const isRight = (member: string): boolean => of.right.includes(member);
  const sequence = isRight("sequence") ? anchored.length : of.sequence;
  const first = isRight("first") && head !== undefined ? head.end : of.first;
  const named = isRight("previous") || of.previous === "head" ? head : anchored.at(-2);
  const random = !isRight("previous") && of.previous === "random";
  const none = !isRight("previous") && of.previous === "none";
  const previous = random ? "3".repeat(64) : none || named === undefined ? NO_BATCH : batchHash(named);
  const { stream, length, root } = of;
  return { format: 1, stream, sequence, first, end: first + length, count: length, root, previous };
}

test("whatever is called in whatever order, each stream is one chain without gap, overlap or fork", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 60 }), async (calls) => {
      const state = new WorldState();
      const model = new Map<string, Batch[]>();
      for (const one of calls) {
        const key = `${one.owner}/${one.stream}`;
        const anchored = model.get(key) ?? [];
        const batch = callToBatch(one, anchored);
        const before = canonicalText([...state.entries.keys()]);
        const done = await state
          .submit(one.owner, (context) => anchorBatch(context, batch))
          .then(
            () => true,
            () => false,
          );
        const again = anchored.some((known) => batchHash(known) === batchHash(batch));
        const head = anchored.at(-1);
        const next =
          batch.sequence === anchored.length &&
          (head === undefined || batch.first === head.end) &&
          batch.previous === (head === undefined ? NO_BATCH : batchHash(head));
        assert.equal(done, again || next, "taken exactly when it is the next batch or one that stands already");
        if (next && !again) model.set(key, [...anchored, batch]);
        else assert.equal(canonicalText([...state.entries.keys()]), before);
      }
      for (const [key, batches] of model) {
        const [owner, stream] = key.split("/") as [string, string];
        for (const [sequence, batch] of batches.entries()) {
          assert.deepEqual((await readBatch(state, { owner, stream, sequence }))?.batch, batch);
        }
        assert.deepEqual((await readHead(state, owner, stream))?.batch, batches.at(-1));
      }
      const written = [...model.values()].reduce((sum, batches) => sum + batches.length + 1, 0);
      assert.equal(state.entries.size, written, "one entry a batch and one a head, and nothing else");
    }),
    { numRuns: 300 },
  );
});

test("writers that each build on the head they read anchor every sequence once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 40 }), async (turns) => {
      const state = new WorldState();
      const seen: (Batch | undefined)[] = [undefined, undefined, undefined];
      let taken = 0;
      for (const writer of turns) {
        const batch = batchAfter(seen[writer], { root: `${writer}`.repeat(64) });
        try {
          await state.submit(OWNER, (context) => anchorBatch(context, batch));
          seen[writer] = batch;
          taken += 1;
        } catch {
          seen[writer] = (await readHead(state, OWNER, "log-0"))?.batch;
        }
      }
      const head = (await readHead(state, OWNER, "log-0"))?.batch;
      assert.equal(head?.sequence, taken - 1);
      assert.equal(head?.end, taken * 10);
      assert.equal(state.events.length, taken);
    }),
    { numRuns: 200 },
  );
});
