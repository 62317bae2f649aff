/** Contract of Projection: applying blocks. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import {
  contentOf,
  idsOf,
  integrity,
  invalid,
  type ProjectionHarness,
  withProjection,
} from "./projection.contract.kit.ts";
import { blockOf, busyBlock, OWNER, refutedBatch, sampleBatch, sampleId } from "./projection.fixtures.ts";
import type { BlockUpdate, ProjectedBatch, ProjectedEvent } from "./projection.ts";

const NOTHING = { events: 0, batches: 0, leaves: 0, duplicates: 0, incidents: 0 };
/** Few enough for one page of their events. */
const READ_BLOCKS = 15;
const RECORD = { kind: "record", value: "hospital-a/Observation/1" } as const;

export function applyContract(harness: ProjectionHarness): void {
  it("starts with nothing applied", () =>
    withProjection(harness, async (projection) => {
      assert.equal(await projection.checkpoint(), undefined);
      assert.deepEqual({ ...(await projection.counts()) }, NOTHING);
      assert.deepEqual(await idsOf(projection), []);
      assert.equal(await projection.event(sampleId("one")), undefined);
      assert.equal((await contentOf(projection)).length, 1);
    }));

  it("gives back what a block held, byte for byte", () =>
    withProjection(harness, async (projection) => {
      const batch = sampleBatch("log-0", 0, [{ name: "one", facets: [RECORD] }, { name: "two" }]);
      const update = blockOf(0, batch);
      await projection.apply(update);
      assert.deepEqual({ ...(await projection.checkpoint()) }, { block: 0, hash: update.hash });
      assert.deepEqual({ ...(await projection.counts()) }, { ...NOTHING, events: 2, batches: 1, leaves: 2 });
      const ref = { owner: OWNER, stream: "log-0", sequence: 0 };
      const [one, two] = batch.events as [ProjectedEvent, ProjectedEvent];
      for (const [seq, event] of [one, two].entries()) {
        const stored = await projection.event(event.id);
        assert.ok(stored);
        const { bytes, ...rest } = stored;
        assert.deepEqual(rest, { seq, id: event.id, ref, index: seq, offset: event.offset, at: event.at });
        assert.equal(Buffer.compare(bytes, event.bytes), 0);
      }
      const { owner, transaction } = batch;
      const stored = { owner, batch: batch.batch, transaction, block: 0, verified: true, duplicates: 0 };
      assert.deepEqual(await projection.batch(ref), stored);
      assert.equal(Buffer.compare((await projection.tree(ref)) ?? Buffer.alloc(0), batch.tree), 0);
      assert.equal(await projection.batch({ ...ref, sequence: 1 }), undefined);
      assert.equal(await projection.tree({ ...ref, owner: "OtherMSP" }), undefined);
    }));

  it("looks up several events at once and leaves out those that are not there", () =>
    withProjection(harness, async (projection) => {
      await projection.apply(blockOf(0, sampleBatch("log-0", 0, [{ name: "one" }, { name: "two" }])));
      const ids = [sampleId("two"), sampleId("unknown"), sampleId("one"), "no id at all", sampleId("two")];
      const found = (await projection.events(ids)).map((event) => event.id).sort();
      assert.deepEqual(found, [sampleId("one"), sampleId("two")].sort());
    }));

  it("refuses a block that is not the next, and stays as it was", () =>
    withProjection(harness, async (projection) => {
      await assert.rejects(projection.apply(busyBlock(1)), integrity);
      await projection.apply(busyBlock(0));
      const before = await contentOf(projection);
      await assert.rejects(projection.apply(busyBlock(2)), integrity);
      assert.deepEqual(await contentOf(projection), before);
    }));

  it("takes a block at or below the checkpoint as applied", () =>
    withProjection(harness, async (projection) => {
      await projection.apply(busyBlock(0));
      await projection.apply(busyBlock(1));
      const before = await contentOf(projection);
      await projection.apply(busyBlock(1));
      await projection.apply(busyBlock(0));
      await projection.apply(blockOf(1, sampleBatch("log-0", 7, [{ name: "another" }])));
      assert.deepEqual(await contentOf(projection), before);
    }));

  it("moves its checkpoint over a block without batches", () =>
    withProjection(harness, async (projection) => {
      await projection.apply(blockOf(0));
      await projection.apply(blockOf(1, sampleBatch("log-0", 0, [{ name: "one" }])));
      await projection.apply(blockOf(2));
      assert.equal((await projection.checkpoint())?.block, 2);
      assert.deepEqual(await idsOf(projection), [sampleId("one")]);
    }));

  it("refuses a batch that is already there", () =>
    withProjection(harness, async (projection) => {
      await projection.apply(blockOf(0, sampleBatch("log-0", 0, [{ name: "one" }])));
      const again = blockOf(
        1,
        sampleBatch("log-1", 0, [{ name: "two" }]),
        sampleBatch("log-0", 0, [{ name: "three" }]),
      );
      await assert.rejects(projection.apply(again), integrity);
      assert.deepEqual(await idsOf(projection), [sampleId("one")]);
      assert.equal((await projection.checkpoint())?.block, 0);
    }));

  for (const [what, spoil] of spoilings) {
    it(`applies nothing of a block with ${what}, and goes on as if it had never come`, () =>
      withProjection(harness, async (projection) => {
        await using untouched = await harness.create();
        await using other = await untouched.open();
        await projection.apply(busyBlock(0));
        await assert.rejects(projection.apply(spoil(busyBlock(1))), invalid);
        await projection.apply(busyBlock(1));
        for (const number of [0, 1]) await other.apply(busyBlock(number));
        assert.deepEqual(await contentOf(projection), await contentOf(other));
      }));
  }

  it("keeps the first event of an id and counts the others", () =>
    withProjection(harness, async (projection) => {
      const facets = [{ kind: "agent", value: "hospital-a/Practitioner/1" }] as const;
      await projection.apply(blockOf(0, sampleBatch("log-0", 0, [{ name: "one" }, { name: "two" }, { name: "one" }])));
      await projection.apply(blockOf(1, sampleBatch("log-1", 0, [{ name: "two", facets }, { name: "three" }])));
      assert.deepEqual(
        { ...(await projection.counts()) },
        { events: 3, batches: 2, leaves: 5, duplicates: 2, incidents: 0 },
      );
      assert.equal((await projection.batch({ owner: OWNER, stream: "log-0", sequence: 0 }))?.duplicates, 1);
      assert.equal((await projection.batch({ owner: OWNER, stream: "log-1", sequence: 0 }))?.duplicates, 1);
      const [one, two] = [await projection.event(sampleId("one")), await projection.event(sampleId("two"))];
      assert.deepEqual([one?.index, two?.index, two?.ref.stream], [0, 1, "log-0"]);
      assert.deepEqual((await projection.find({ facets, order: "oldest-first", limit: 9 })).events, []);
    }));

  it("records a conflict where an event of a taken id has another source digest", () =>
    withProjection(harness, async (projection) => {
      await projection.apply(blockOf(0, sampleBatch("log-0", 0, [{ name: "one", digest: "hmac-sha256:aa" }])));
      const changed = { name: "one", digest: "hmac-sha256:bb" };
      const resent = { name: "one", digest: "hmac-sha256:aa" };
      await projection.apply(blockOf(1, sampleBatch("log-0", 1, [resent, changed])));
      const [incident, ...others] = await projection.incidents(10);
      assert.deepEqual(others, []);
      assert.equal(incident?.kind, "conflict");
      assert.equal(incident?.block, 1);
      assert.deepEqual(incident?.batch, { owner: OWNER, stream: "log-0", sequence: 1 });
      assert.match(incident?.detail ?? "", new RegExp(sampleId("one")));
      assert.equal((await projection.counts()).duplicates, 2);
      assert.match(Buffer.from((await projection.event(sampleId("one")))?.bytes ?? []).toString(), /hmac-sha256:aa/);
    }));

  it("keeps a batch that could not be verified, with its incident and without events", () =>
    withProjection(harness, async (projection) => {
      await projection.apply(blockOf(0, refutedBatch("log-0", 0, "the first"), refutedBatch("log-1", 0, "the second")));
      await projection.apply(blockOf(1, refutedBatch("log-0", 1, "the third")));
      assert.equal((await projection.batch({ owner: OWNER, stream: "log-1", sequence: 0 }))?.verified, false);
      assert.equal((await projection.tree({ owner: OWNER, stream: "log-1", sequence: 0 }))?.length, 0);
      assert.deepEqual(
        (await projection.incidents(2)).map(({ detail, block }) => [detail, block]),
        [
          ["the third", 1],
          ["the second", 0],
        ],
      );
      assert.deepEqual(
        { ...(await projection.counts()) },
        { events: 0, batches: 3, leaves: 3, duplicates: 0, incidents: 3 },
      );
    }));

  it("keeps places that need more than 32 bits", () =>
    withProjection(harness, async (projection) => {
      const sequence = 4_294_967_296;
      const batch = sampleBatch("log-0", sequence, [{ name: "one", facets: [RECORD] }]);
      await projection.apply(blockOf(0, batch));
      const ref = { owner: OWNER, stream: "log-0", sequence };
      assert.deepEqual((await projection.batch(ref))?.batch, batch.batch);
      const stored = await projection.event(sampleId("one"));
      assert.deepEqual([stored?.offset, stored?.ref.sequence], [sequence * 1_000, sequence]);
      assert.deepEqual(
        (await projection.batches(OWNER, "log-0", 5)).map((found) => found.batch.first),
        [sequence * 1_000],
      );
    }));

  it("takes an event of a mebibyte, with as many facets, viewers and derivations as one may have", () =>
    withProjection(harness, async (projection) => {
      const name = (what: string, i: number): string => `${what}/${"x".repeat(200)}/${i}`;
      const list = (what: string): string[] => Array.from({ length: 250 }, (_, i) => name(what, i));
      const recipients = list("recipient");
      const facets = list("record").map((value) => ({ kind: "record", value }) as const);
      const derivations = list("source").flatMap((from) =>
        list("target").map((to) => ({ from, to, relation: "wasDerivedFrom" }) as const),
      );
      const digest = "d".repeat(1_000_000);
      await projection.apply(
        blockOf(
          0,
          sampleBatch("log-0", 0, [{ name: "one", digest, recipients, facets, derivations }, { name: "two" }]),
        ),
      );
      const filter = {
        facets: facets.slice(249),
        viewer: name("recipient", 249),
        order: "oldest-first",
        limit: 2,
      } as const;
      assert.deepEqual(
        (await projection.find(filter)).events.map(({ id }) => id),
        [sampleId("one")],
      );
      assert.equal((await projection.derivations([name("source", 7)], "down", 10_000)).length, 250);
      assert.equal((await projection.derivations(list("target"), "up", 10_000)).length, 10_000);
    }));

  it("shows a reader nothing of a block before all of it is there", () =>
    withProjection(harness, async (projection) => {
      await using storage = await harness.create();
      await using beside = await storage.open();
      await using writer = await storage.open();
      const wholes = new Set([0]);
      for (let number = 0; number < READ_BLOCKS; number++) {
        await projection.apply(busyBlock(number));
        wholes.add((await projection.counts()).events);
      }
      let applied = false;
      const applying = (async () => {
        for (let number = 0; number < READ_BLOCKS; number++) await writer.apply(busyBlock(number));
        applied = true;
      })();
      while (!applied) {
        const all = { facets: [], order: "newest-first", limit: 1_000 } as const;
        for (const events of [(await beside.find(all)).events, await beside.applied(0, 1_000)]) {
          assert.ok(wholes.has(events.length), `${events.length} events are no whole blocks`);
        }
        assert.ok(wholes.has(await beside.count({ facets: [] }, 1_000)));
      }
      await applying;
    }));

  it("lists the batches of one stream, newest first", () =>
    withProjection(harness, async (projection) => {
      for (const number of [0, 1, 2, 3]) await projection.apply(busyBlock(number));
      const sequences = async (limit: number, before?: number): Promise<number[]> =>
        (await projection.batches(OWNER, "log-0", limit, before)).map(({ batch }) => batch.sequence);
      assert.deepEqual(await sequences(10), [3, 2, 1, 0]);
      assert.deepEqual(await sequences(2), [3, 2]);
      assert.deepEqual(await sequences(2, 2), [1, 0]);
      assert.deepEqual(await projection.batches("OtherMSP", "log-0", 10), []);
    }));
}

const spoilings: readonly (readonly [string, (update: BlockUpdate) => BlockUpdate])[] = [
  ["an id that is none", (update) => spoilLast(update, { id: "F".repeat(64) })],
  ["a time that is none", (update) => spoilLast(update, { at: "2026-02-30T00:00:00.000Z" })],
  ["a time in another form", (update) => spoilLast(update, { at: "2026-01-01T00:00:00Z" })],
];

/** The block with its very last event changed: everything before it is sound. */
function spoilLast(update: BlockUpdate, change: Partial<ProjectedEvent>): BlockUpdate {
  const batches = [...update.batches];
  const last = batches.pop() as ProjectedBatch;
  const events = [...last.events];
  const event = { ...(events.pop() as ProjectedEvent), id: sampleId("never seen before"), ...change };
  return { ...update, batches: [...batches, { ...last, events: [...events, event] }] };
}
