/** Contract of EventLog: waiting for records. */
import { strict as assert } from "node:assert";
import { getEventListeners } from "node:events";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { HANGS_MS, settles } from "./contract.child-process.ts";
import { type EventLogHarness, endOf, keyOfEachPartition, withLog } from "./event-log.contract.kit.ts";
import type { EventLog } from "./event-log.ts";

/** Longer than any test takes. */
const ENDLESS_MS = 20 * HANGS_MS;

export function waitContract(harness: EventLogHarness): void {
  it("does not wait for what is there already", () =>
    withLog(harness, async (log) => {
      const { partition, end } = await appended(log);
      for (const offset of [0, end - 1, -1]) {
        await settles("a wait for what is there", log.waitPast(partition, offset, ENDLESS_MS, live()));
      }
    }));

  it("wakes when the partition's end gets past the offset, in the same instance and in another", async () => {
    await using storage = await harness.create();
    await using log = await storage.open();
    await using other = await storage.open();
    for (const waiting of [log, other]) {
      const { partition, end } = await appended(log);
      const woken = settles("the wait", waiting.waitPast(partition, end, ENDLESS_MS, live()));
      await sleep(30);
      await appended(log);
      await woken;
      assert.ok((await endOf(waiting, partition)) > end);
    }
  });

  it("wakes everyone who waits, and only where there is something", () =>
    withLog(harness, async (log) => {
      const [here = "", there = ""] = await keyOfEachPartition(log);
      const ends = (await log.ranges()).map(({ end }) => end);
      const done = new Set<string>();
      const abort = new AbortController();
      const wait = async (name: string, partition: number, past: number): Promise<void> => {
        await log.waitPast(partition, past, ENDLESS_MS, abort.signal);
        done.add(name);
      };
      const [end = 0, otherEnd = 0] = ends;
      const first = [wait("a", 0, end), wait("b", 0, end), wait("c", 0, end - 1)];
      const rest = [wait("two further", 0, end + 1), wait("elsewhere", 1, otherEnd)];
      await log.append([{ key: here, value: new Uint8Array(1) }]);
      await settles("those who wait for one record", Promise.all(first));
      await sleep(60);
      assert.deepEqual([...done].sort(), ["a", "b", "c"]);
      await log.append([here, there].map((key) => ({ key, value: new Uint8Array(1) })));
      await settles("those who wait for more", Promise.all(rest));
    }));

  it("gives up without an error when its time is over", () =>
    withLog(harness, async (log) => {
      const { partition, end } = await appended(log);
      for (const timeout_ms of [0, 1, 60]) {
        await settles("a wait with a timeout", log.waitPast(partition, end, timeout_ms, live()));
      }
      assert.equal(await endOf(log, partition), end);
    }));

  it("gives up without an error when the signal aborts, before or during", () =>
    withLog(harness, async (log) => {
      const { partition, end } = await appended(log);
      await settles("an aborted wait", log.waitPast(partition, end, ENDLESS_MS, AbortSignal.abort()));
      const abort = new AbortController();
      const waits = Promise.all([1, 2, 3].map((more) => log.waitPast(partition, end + more, ENDLESS_MS, abort.signal)));
      await sleep(30);
      abort.abort();
      await settles("a wait that is aborted", waits);
    }));

  it("leaves no listener on the signal behind, however often it was waited", () =>
    withLog(harness, async (log) => {
      const { partition, end } = await appended(log);
      const warnings: Error[] = [];
      const note = (warning: Error): unknown => warnings.push(warning);
      process.on("warning", note);
      try {
        const { signal } = new AbortController();
        for (let round = 0; round < 5; round++) {
          await Promise.all(Array.from({ length: 40 }, () => log.waitPast(partition, end, 1, signal)));
          await log.waitPast(partition, 0, ENDLESS_MS, signal);
        }
        assert.equal(getEventListeners(signal, "abort").length, 0);
        await sleep(1);
        assert.deepEqual(warnings, []);
      } finally {
        process.off("warning", note);
      }
    }));

  it("refuses a partition that is not there", () =>
    withLog(harness, async (log) => {
      for (const partition of [-1, log.partitions, Number.NaN]) {
        await assert.rejects(log.waitPast(partition, 0, 1, live()), (error) => error instanceof RangeError);
      }
    }));

  it("never leaves anyone waiting on a log that was closed", async () => {
    await using storage = await harness.create();
    const log = await storage.open();
    const { partition, end } = await appended(log);
    const waiting = log.waitPast(partition, end, ENDLESS_MS, live());
    await sleep(30);
    await log[Symbol.asyncDispose]();
    await settles("a wait on a closed log", waiting);
  });
}

/** Appends one record under one key; where it went, and where the partition ends then. */
async function appended(log: EventLog): Promise<{ readonly partition: number; readonly end: number }> {
  const [at] = await log.append([{ key: "key", value: Buffer.from("value") }]);
  assert.ok(at);
  return { partition: at.partition, end: at.offset + 1 };
}

/** A signal that nobody aborts. */
function live(): AbortSignal {
  return new AbortController().signal;
}
