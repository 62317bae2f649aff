import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GatheredRun } from "./gathered-run.ts";

/** A run that doubles numbers, each time only once it is let go on. */
function doubling(itemsMax: number): { run: GatheredRun<number, number>; runs: number[][]; goOn: () => void } {
  const runs: number[][] = [];
  const gates: (() => void)[] = [];
  const run = new GatheredRun<number, number>(itemsMax, async (items) => {
    runs.push([...items]);
    await new Promise<void>((resolve) => gates.push(resolve));
    if (items.includes(13)) throw new Error("thirteen");
    return items.map((item) => item * 2);
  });
  return { run, runs, goOn: () => gates.shift()?.() };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe("gathered runs", () => {
  it("serve the calls of one turn together, and those that come meanwhile by the next run", async () => {
    const { run, runs, goOn } = doubling(100);
    const first = [run.submit([1, 2]), run.submit([3])];
    await turn();
    const later = [run.submit([4]), run.submit([]), run.submit([5, 6])];
    await turn();
    assert.deepEqual(runs, [[1, 2, 3]]);
    goOn();
    assert.deepEqual(await Promise.all(first), [[2, 4], [6]]);
    await turn();
    assert.deepEqual(runs, [
      [1, 2, 3],
      [4, 5, 6],
    ]);
    goOn();
    assert.deepEqual(await Promise.all(later), [[8], [], [10, 12]]);
  });

  it("fail every call that shared a run, and no other", async () => {
    const { run, goOn } = doubling(2);
    const calls = [run.submit([1]), run.submit([13]), run.submit([2])];
    const settled = Promise.allSettled(calls);
    await turn();
    goOn();
    await turn();
    goOn();
    assert.deepEqual(
      (await settled).map(({ status }) => status),
      ["rejected", "rejected", "fulfilled"],
    );
  });

  it("hold no more items than they may, but for a call that has more itself", async () => {
    const { run, runs, goOn } = doubling(3);
    const calls = [[1, 2], [3, 4], [5, 6, 7, 8], [9]].map((items) => run.submit(items));
    for (let i = 0; i < 4; i++) {
      await turn();
      goOn();
    }
    await Promise.all(calls);
    await run.settled();
    assert.deepEqual(runs, [[1, 2], [3, 4], [5, 6, 7, 8], [9]]);
  });
});
