/** Contract of EventLog: reopening, and the death of a process in the middle. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import { hex } from "../model/bytes.ts";
import { linesOfChild } from "./contract.child-process.ts";
import {
  assertHeld,
  content,
  type EventLogHarness,
  type EventLogStorage,
  placeOf,
  readAll,
  records,
  valueUnder,
} from "./event-log.contract.kit.ts";
import type { EventLog, LogPosition } from "./event-log.ts";

const KILLS = 5;
const CALLS_MAX = 100_000;

export function durabilityContract(harness: EventLogHarness): void {
  it("is what it was when it is opened again, and goes on from there", async () => {
    await using storage = await harness.create();
    const appended = records(200, (i) => `key-${i}`);
    let before: unknown;
    let positions: readonly LogPosition[];
    {
      await using log = await storage.open();
      positions = await log.append(appended);
      before = [log.name, log.partitions, await log.ranges(), await content(log)];
    }
    await using again = await storage.open();
    assert.deepEqual([again.name, again.partitions, await again.ranges(), await content(again)], before);
    const more = await again.append(appended);
    await assertHeld(again, [...appended, ...appended], [...positions, ...more]);
    assert.equal(new Set([...positions, ...more].map(placeOf)).size, 2 * appended.length);
  });

  it("either finishes or refuses what it was asked before it was closed", async () => {
    await using storage = await harness.create();
    const log = await storage.open();
    const calls = Array.from({ length: 30 }, (_, call) => records(4, (i) => `key-${call}-${i}`));
    const appending = Promise.allSettled(calls.map((call) => log.append(call)));
    await log[Symbol.asyncDispose]();
    const results = await appending;
    await using again = await storage.open();
    const taken = calls.filter((_, i) => results[i]?.status === "fulfilled").flat();
    const given = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
    await assertHeld(again, taken, given);
  });

  it("takes what processes append that open an empty log at the same time", async () => {
    await using storage = await harness.create();
    const acknowledged = new Map<string, string>();
    const said = await Promise.all([0, 1, 2].map((run) => appendByChild(harness, storage, run, 60)));
    for (const [place, id] of said.flatMap((one) => [...one])) {
      assert.ok(!acknowledged.has(place), `${place} was given twice`);
      acknowledged.set(place, id);
    }
    await using log = await storage.open();
    await assertAllThere(log, acknowledged);
    assert.equal((await content(log)).size, acknowledged.size);
  });

  it("keeps every acknowledged record through kill -9 in the middle, again and again", async () => {
    await using storage = await harness.create();
    await using reader = await storage.open();
    const acknowledged = new Map<string, string>();
    for (let kill = 0; kill < KILLS; kill++) {
      for (const [place, id] of await appendByChild(harness, storage, kill, CALLS_MAX, 1 + 150 * kill)) {
        assert.ok(!acknowledged.has(place), `${place} was given twice`);
        acknowledged.set(place, id);
      }
      await assertAllThere(reader, acknowledged);
    }
    for await (const fault of reader.check(new AbortController().signal)) assert.fail(fault);
    const appended = records(20, (i) => `key-${i}`);
    await assertHeld(reader, appended, await reader.append(appended));
  });
}

/** The ids that a child process had acknowledged, by place. */
async function appendByChild(
  harness: EventLogHarness,
  storage: EventLogStorage,
  run: number,
  callsMax: number,
  killAfter?: number,
): Promise<Map<string, string>> {
  const script = new URL("./event-log.contract.child.ts", import.meta.url);
  const lines = await linesOfChild(
    script,
    [harness.module.href, storage.url, `run${run}`, String(callsMax)],
    killAfter,
  );
  const said = lines.map((line) => JSON.parse(line) as LogPosition & { readonly id: string });
  return new Map(said.map((one) => [placeOf(one), one.id]));
}

/** Everything acknowledged is there whole; whatever else is there is whole too, and in order. */
async function assertAllThere(log: EventLog, acknowledged: ReadonlyMap<string, string>): Promise<void> {
  const missing = new Set(acknowledged.keys());
  const seen = new Set<string>();
  const partitionOfKey = new Map<number, number>();
  for (let partition = 0; partition < log.partitions; partition++) {
    const last = new Map<string, string>();
    for (const entry of await readAll(log, partition)) {
      const [id = ""] = Buffer.from(entry.value).toString().split(" ", 1);
      assert.equal(hex(entry.value), hex(valueUnder(id)), `${placeOf(entry)} is not whole`);
      assert.ok(!seen.has(id), `${id} is there twice`);
      seen.add(id);
      const [run = "", number = ""] = id.split("-");
      // Five records to a call, one for each key: whoever writes, a key goes to one partition.
      const key = Number(number) % 5;
      assert.equal(partitionOfKey.get(key) ?? partition, partition, `key-${key} is in two partitions`);
      partitionOfKey.set(key, partition);
      assert.ok(id > (last.get(`${run} ${key}`) ?? ""), `${id} comes after ${last.get(`${run} ${key}`)}`);
      last.set(`${run} ${key}`, id);
      const promised = acknowledged.get(placeOf(entry));
      if (promised !== undefined) assert.equal(id, promised, placeOf(entry));
      missing.delete(placeOf(entry));
    }
  }
  assert.deepEqual([...missing], [], "acknowledged records are lost");
}
