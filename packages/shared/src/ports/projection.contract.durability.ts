/** Contract of Projection: reopening, several openers at once, and the death of the process in the middle. */
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { it } from "node:test";
import {
  contentOf,
  type ProjectionHarness,
  type ProjectionStorage,
  withProjection,
} from "./projection.contract.kit.ts";
import { BUSY_BLOCK_EVENTS, busyBlock } from "./projection.fixtures.ts";
import type { Projection } from "./projection.ts";

const KILLS = 6;
const BLOCKS_MAX = 100_000;

export function durabilityContract(harness: ProjectionHarness): void {
  it("is what it was when it is opened again", async () => {
    await using storage = await harness.create();
    let content: string[];
    {
      await using projection = await storage.open();
      for (const number of [0, 1, 2]) await projection.apply(busyBlock(number));
      content = await contentOf(projection);
    }
    await using again = await storage.open();
    assert.deepEqual(await contentOf(again), content);
    await again.apply(busyBlock(3));
    assert.equal((await again.checkpoint())?.block, 3);
  });

  it("lets two openers apply in turn, and gives what one would have given", () =>
    withProjection(harness, async (single) => {
      await using storage = await harness.create();
      await using one = await storage.open();
      await using two = await storage.open();
      for (let number = 0; number < 8; number++) {
        await single.apply(busyBlock(number));
        const [first, second] = number % 3 === 0 ? [one, two] : [two, one];
        await first.apply(busyBlock(number));
        if (number % 2 === 0) await second.apply(busyBlock(number));
      }
      assert.deepEqual(await contentOf(one), await contentOf(single));
      await two.reset();
      for (const number of [0, 1]) await one.apply(busyBlock(number));
      await single.reset();
      for (const number of [0, 1]) await single.apply(busyBlock(number));
      assert.deepEqual(await contentOf(two), await contentOf(single));
    }));

  it("holds whole blocks only after kill -9 in the middle, read all the while, and goes on from there", async () => {
    await using storage = await harness.create();
    await using reader = await storage.open();
    for (let kill = 0; kill < KILLS; kill++) {
      const applied = await applyUntilKilled(harness, storage, reader, 3 + 7 * kill);
      const block = (await reader.checkpoint())?.block ?? -1;
      assert.ok(block >= applied, `block ${applied} was applied, and ${block} is the last`);
    }
    const last = (await reader.checkpoint())?.block ?? -1;
    await using storageOfOther = await harness.create();
    await using other = await storageOfOther.open();
    for (let number = 0; number <= last; number++) await other.apply(busyBlock(number));
    assert.deepEqual(await contentOf(reader), await contentOf(other));
    await reader.apply(busyBlock(last + 1));
  });
}

/** Has a child apply blocks, kills it after some; resolves with the last that it said was applied. */
async function applyUntilKilled(
  harness: ProjectionHarness,
  storage: ProjectionStorage,
  reader: Projection,
  blocks: number,
): Promise<number> {
  const script = new URL("./projection.contract.child.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, harness.module.href, storage.url, String(BLOCKS_MAX)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  let applied = -1;
  let reports = 0;
  try {
    for await (const chunk of child.stdout.setEncoding("utf8")) {
      const numbers = (chunk as string).split("\n").filter((text) => text !== "");
      reports += numbers.length;
      applied = Math.max(applied, ...numbers.map(Number));
      await assertWholeBlocks(reader);
      if (reports >= blocks) child.kill("SIGKILL");
    }
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
  assert.ok(applied >= 0, "the child never applied a block");
  return applied;
}

async function assertWholeBlocks(reader: Projection): Promise<void> {
  const { leaves, batches, events, duplicates } = await reader.counts();
  assert.equal(batches % 2, 0);
  assert.equal(leaves, (batches / 2) * BUSY_BLOCK_EVENTS);
  assert.equal(events + duplicates, leaves);
}
