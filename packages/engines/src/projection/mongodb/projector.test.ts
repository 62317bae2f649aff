/** One projector at a time over MongoDB, and blocks that are larger than one transaction. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "@medtrace/shared/errors";
import type { Projection } from "@medtrace/shared/ports/projection";
import { busyBlock, sampleId } from "@medtrace/shared/ports/projection.fixtures";
import { MongoClient } from "mongodb";
import { LARGE_EVENTS, largeBlock } from "../../testing/large-block.ts";
import { temporaryDatabase } from "../../testing/mongodb.ts";
import { realEngine } from "../../testing/real-engines.ts";
import { lockProjection, openProjection } from "../open.ts";

const POLL_MS = 20;
const OPEN = new URL("../open.ts", import.meta.url).href;
const LARGE_BLOCK = new URL("../../testing/large-block.ts", import.meta.url).href;
/** Holds the lock until it is killed. */
const HOLDER = `
  const { lockProjection } = await import(process.argv[1]);
  await lockProjection(process.argv[2]);
  console.log("held");
  setInterval(() => {}, 1_000);`;
const APPLIER = `
  const [{ openProjection }, { largeBlock }] = await Promise.all([process.argv[1], process.argv[3]].map((at) => import(at)));
  await (await openProjection(process.argv[2])).apply(largeBlock(1));`;
const server = realEngine("projection");
if (server !== undefined) {
  describe("MongoDB projection: its projector", () => {
    it("gives the lock to one at a time, and under a higher term once it is given back", () =>
      withStorage(server, async (url) => {
        let first: number;
        {
          await using lock = await lockProjection(url);
          first = lock.term;
          await assert.rejects(lockProjection(url), (error) => hasCode(error, "LOCKED"));
        }
        await using again = await lockProjection(url);
        assert.ok(again.term > first);
      }));

    it("gives the lock to exactly one of many that ask at once", () =>
      withStorage(server, async (url) => {
        const asked = await Promise.allSettled(Array.from({ length: 8 }, () => lockProjection(url)));
        const given = asked.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
        for (const lock of given) await lock[Symbol.asyncDispose]();
        assert.equal(given.length, 1);
      }));

    it("takes over from a projector that was killed, and keeps it while its holder lives", () =>
      withStorage(server, async (url) => {
        const stdio = ["ignore", "pipe", "inherit"] as const;
        const child = spawn(process.execPath, ["--input-type=module", "-e", HOLDER, OPEN, url], { stdio: [...stdio] });
        const exited = once(child, "exit");
        try {
          await once(child.stdout, "data");
          // Longer than a lease that nobody renews.
          for (let waited = 0; waited < 7_500; waited += 500) {
            await assert.rejects(lockProjection(url), (error) => hasCode(error, "LOCKED"));
            await sleep(500);
          }
        } finally {
          child.kill("SIGKILL");
          await exited;
        }
        await using lock = await lockWithin(url, 20_000);
        assert.equal(lock.term, 2);
      }));

    it("refuses the blocks of a projector that was replaced, whatever it believes", () =>
      withStorage(server, async (url) => {
        await using slow = await lockProjection(url);
        await using replaced = await openProjection(url, slow);
        await replaced.apply(busyBlock(0));
        await expire(url);
        await using lock = await lockProjection(url);
        await assert.rejects(replaced.apply(busyBlock(1)), (error) => hasCode(error, "LOCKED"));
        await using projection = await openProjection(url, lock);
        assert.equal((await projection.checkpoint())?.block, 0);
        await projection.apply(busyBlock(1));
        await assert.rejects(replaced.apply(busyBlock(2)), (error) => hasCode(error, "LOCKED"));
        assert.equal((await replaced.checkpoint())?.block, 1);
      }));
  });

  describe("MongoDB projection: a block larger than one transaction", () => {
    it("shows nothing of it before all of it is there", () =>
      withStorage(server, async (url) => {
        await using projection = await openProjection(url);
        await using beside = await openProjection(url);
        await projection.apply(busyBlock(0));
        const before = await seen(beside);
        let applied = false;
        const applying = projection.apply(largeBlock(1)).then(() => {
          applied = true;
        });
        const looks: Seen[] = [];
        while (!applied) looks.push(await seen(beside));
        await applying;
        const after = await seen(beside);
        assert.equal(after["counted"], (before["counted"] ?? 0) + LARGE_EVENTS);
        assert.ok(looks.length > 3);
        for (const look of looks) {
          for (const [what, value] of Object.entries(look)) {
            assert.notEqual(before[what], after[what], what);
            assert.ok(value === before[what] || value === after[what], `${what}: ${value}`);
          }
        }
      }));

    it("is taken away where its projector was killed in the middle, and then applied as if it never was", () =>
      withStorage(server, async (url) => {
        await using projection = await openProjection(url);
        await projection.apply(busyBlock(0));
        const before = await contentOf(projection);
        await killWhileStaging(url);
        assert.deepEqual(await contentOf(projection), before);
        // Another block than the one that was begun, as a later version might make of the same ledger.
        await projection.apply(busyBlock(1));
        await withStorage(server, async (otherUrl) => {
          await using other = await openProjection(otherUrl);
          for (const number of [0, 1]) await other.apply(busyBlock(number));
          assert.deepEqual(await contentOf(projection), await contentOf(other));
        });
      }));
  });
}

async function withStorage(engine: string, use: (url: string) => Promise<void>): Promise<void> {
  const storage = temporaryDatabase(engine);
  try {
    await use(storage.url);
  } finally {
    await storage.drop();
  }
}

async function lockWithin(url: string, wait_ms: number): ReturnType<typeof lockProjection> {
  const until = Date.now() + wait_ms;
  for (;;) {
    try {
      return await lockProjection(url);
    } catch (error) {
      if (!hasCode(error, "LOCKED") || Date.now() > until) throw error;
      await sleep(POLL_MS);
    }
  }
}

/** What the holder's death, or a pause longer than its lease, does. */
async function expire(url: string): Promise<void> {
  await using client = new MongoClient(url);
  await client
    .db()
    .collection("leases")
    .updateOne({}, { $set: { expires: new Date(0) } });
}

type Seen = Readonly<Record<string, number>>;

/** What every way of reading shows of the large block and those before. */
async function seen(projection: Projection): Promise<Seen> {
  const facets = [{ kind: "record", value: "record 1 1" }] as const;
  const first = await projection.event(sampleId("large 0"));
  return {
    events: await projection.count({ facets: [] }, 10_000),
    counted: (await projection.counts()).events,
    found: (await projection.find({ facets, viewer: "partner 7", order: "oldest-first", limit: 100 })).events.length,
    here: first === undefined ? 0 : 1,
    batches: (await projection.batches("PlatformMSP", "large", 10)).length,
    trees: (await projection.tree({ owner: "PlatformMSP", stream: "large", sequence: 0 }))?.length ?? 0,
    closure: (await projection.subjectClosure("token 0")).length > 1 ? 1 : 0,
    joins: (await projection.joins("token 1")).length,
    derivations: (await projection.derivations(["one"], "down", 10_000)).length,
    applied: (await projection.applied(40, 1_000)).length > 20 ? 1 : 0,
  };
}

async function contentOf(projection: Projection): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of projection.content()) lines.push(line);
  return lines;
}

/** Has a child apply the large block, and kills it as soon as some of it, and not all, is there. */
async function killWhileStaging(url: string): Promise<void> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", APPLIER, OPEN, url, LARGE_BLOCK], {
    stdio: "inherit",
  });
  const exited = once(child, "exit");
  try {
    await using client = new MongoClient(url);
    const state = client.db().collection("state");
    for (let tries = 0; (await state.findOne({ staged: { $exists: true } })) === null; tries++) {
      assert.ok(tries < 2_000, "nothing was staged");
      await sleep(POLL_MS / 4);
    }
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
}
