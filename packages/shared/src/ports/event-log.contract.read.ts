/** Contract of EventLog: what reading gives. */
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { it } from "node:test";
import { hasCode } from "../errors.ts";
import { hex } from "../model/bytes.ts";
import { leafHash } from "../model/merkle.ts";
import {
  assertInOrder,
  type EventLogHarness,
  endOf,
  keyOfEachPartition,
  NO_LIMITS,
  readAll,
  withLog,
} from "./event-log.contract.kit.ts";
import type { EventLog, LogEntry } from "./event-log.ts";

const KEY = "one key, and so one partition";

export function readContract(harness: EventLogHarness): void {
  it("reads a partition the same through any limits, and never more than they say", () =>
    withLog(harness, async (log) => {
      const all = await filled(log, 60);
      const partition = all[0]?.partition ?? 0;
      for (const countMax of [1, 2, 7, 60, 1_000]) {
        for (const bytesMax of [1, 99, 100, 101, 1_000, 1_000_000]) {
          let from = 0;
          const seen: LogEntry[] = [];
          for (;;) {
            const some = await log.read(partition, from, { countMax, bytesMax });
            assertInOrder(some, partition, from);
            assert.ok(some.length <= countMax);
            assert.ok(bytesOf(some.slice(0, -1)) < bytesMax, `${bytesOf(some)} bytes where ${bytesMax} end a read`);
            if (some.length === 0) break;
            seen.push(...some);
            from = (some.at(-1)?.offset ?? 0) + 1;
          }
          assert.deepEqual(seen.map(whatIsIn), all.map(whatIsIn));
        }
      }
    }));

  it("gives no leaf hash but the value's own", () =>
    withLog(harness, async (log) => {
      const all = await filled(log, 30);
      const partition = all[0]?.partition ?? 0;
      for (const { value, leaf } of await readAll(log, partition)) {
        if (leaf !== undefined) assert.equal(hex(leaf), hex(leafHash(value)));
      }
    }));

  it("gives at least one entry, however small the limit and large the entry", () =>
    withLog(harness, async (log) => {
      const value = randomBytes(1_000_000);
      const [at] = await log.append([{ key: KEY, value }]);
      const [entry] = await log.read(at?.partition ?? 0, at?.offset ?? 0, { countMax: 10, bytesMax: 1 });
      assert.equal(hex(entry?.value ?? new Uint8Array()), hex(value));
    }));

  it("reads from the middle of what was appended together, at every offset of it", () =>
    withLog(harness, async (log) => {
      const all = await filled(log, 30);
      for (const [i, { partition, offset }] of all.entries()) {
        const some = await log.read(partition, offset, NO_LIMITS);
        assert.equal(some[0]?.offset, offset);
        assert.deepEqual((await readAll(log, partition, offset)).map(whatIsIn), all.slice(i).map(whatIsIn));
      }
    }));

  it("gives nothing at the end of a partition and beyond it", () =>
    withLog(harness, async (log) => {
      const [partition] = (await filled(log, 5)).map((entry) => entry.partition);
      const end = await endOf(log, partition ?? 0);
      for (const offset of [end, end + 1, end + 1_000_000, 2 ** 40]) {
        assert.deepEqual(await log.read(partition ?? 0, offset, NO_LIMITS), []);
      }
      const empty = (await log.ranges()).find((range) => range.first === range.end);
      assert.deepEqual(await log.read(empty?.partition ?? 1, 0, NO_LIMITS), []);
    }));

  it("keeps partitions apart", () =>
    withLog(harness, async (log) => {
      const keys = await keyOfEachPartition(log);
      const from = await log.ranges();
      const appended = keys.flatMap((key) => Array.from({ length: 10 }, () => ({ key, value: Buffer.from(key) })));
      await log.append(appended);
      for (const [partition, key] of keys.entries()) {
        const values = (await readAll(log, partition, from[partition]?.end)).map(({ value }) =>
          Buffer.from(value).toString(),
        );
        assert.deepEqual(values, Array(10).fill(key));
      }
    }));

  it("gives ranges that hold exactly what was appended", () =>
    withLog(harness, async (log) => {
      const keys = await keyOfEachPartition(log);
      const before = await log.ranges();
      const positions = await log.append(keys.flatMap((key, i) => Array(i + 1).fill({ key, value: Buffer.from("v") })));
      const after = await log.ranges();
      for (const { partition, first, end } of after) {
        const own = positions.filter((position) => position.partition === partition).map(({ offset }) => offset);
        assert.equal(own.length, partition + 1);
        // Offsets may have holes, at the end too; records are where they were put, and nowhere else.
        assert.ok(end > (own.at(-1) ?? 0));
        assert.deepEqual(
          (await readAll(log, partition, before[partition]?.end)).map(({ offset }) => offset),
          own,
        );
        assert.ok((before[partition]?.end ?? 0) <= (own[0] ?? 0));
        assert.equal(first, before[partition]?.first);
      }
    }));

  it("reads in many places at once while records are appended", () =>
    withLog(harness, async (log) => {
      const all = await filled(log, 40);
      const partition = all[0]?.partition ?? 0;
      const appending = (async () => {
        for (let i = 0; i < 10; i++) await filled(log, 4);
      })();
      const reads = await Promise.all(
        all.map(
          async ({ offset }, i) => [i, await log.read(partition, offset, { countMax: 3, bytesMax: 1e6 })] as const,
        ),
      );
      for (const [i, some] of reads) assert.deepEqual(whatIsIn(some[0] as LogEntry), whatIsIn(all[i] as LogEntry));
      await appending;
      assert.equal((await readAll(log, partition)).length, 80);
    }));

  it("shows to every instance what one has acknowledged", async () => {
    await using storage = await harness.create();
    await using one = await storage.open();
    await using two = await storage.open();
    for (let i = 0; i < 6; i++) {
      const [writer, reader] = i % 2 === 0 ? [one, two] : [two, one];
      const value = randomBytes(30);
      const [at] = await writer.append([{ key: KEY, value }]);
      assert.ok(at);
      assert.ok((await endOf(reader, at.partition)) > at.offset);
      const [entry] = await reader.read(at.partition, at.offset, NO_LIMITS);
      assert.equal(hex(entry?.value ?? new Uint8Array()), hex(value));
    }
  });

  it("refuses a partition and an offset that cannot be, and does not call that a broken log", () =>
    withLog(harness, async (log) => {
      await filled(log, 3);
      const odd = (error: unknown): boolean => error instanceof RangeError;
      for (const partition of [-1, log.partitions, 0.5, Number.NaN]) {
        await assert.rejects(log.read(partition, 0, NO_LIMITS), odd, `partition ${partition}`);
      }
      for (let partition = 0; partition < log.partitions; partition++) {
        for (const offset of [-1, 0.5, Number.NaN]) {
          await assert.rejects(log.read(partition, offset, NO_LIMITS), odd, `offset ${offset}`);
        }
      }
    }));

  it("finds its own log sound, and does not take an aborted check for that", () =>
    withLog(harness, async (log) => {
      await filled(log, 50);
      for await (const fault of log.check(new AbortController().signal)) assert.fail(fault);
      await assert.rejects(async () => {
        for await (const fault of log.check(AbortSignal.abort(new Error("enough")))) assert.fail(fault);
      }, /enough/);
    }));

  it("refuses a record that was changed at rest and names it, where the engine can tell", async (t) => {
    await using storage = await harness.create();
    if (storage.tamper === undefined) return t.diagnostic("this engine cannot tell");
    let all: LogEntry[];
    {
      await using log = await storage.open();
      all = await filled(log, 20);
    }
    const { partition, offset } = all[7] as LogEntry;
    await storage.tamper({ partition, offset });
    await using log = await storage.open();
    const named = (error: unknown): boolean =>
      hasCode(error, "INTEGRITY") && error.message.includes(`partition ${partition}, offset ${offset}`);
    await assert.rejects(log.read(partition, all[0]?.offset ?? 0, NO_LIMITS), named);
    await assert.rejects(log.read(partition, offset, { countMax: 1, bytesMax: 1 }), named);
    const before = await log.read(partition, all[0]?.offset ?? 0, { countMax: 7, bytesMax: 1e6 });
    assert.deepEqual(before.map(whatIsIn), all.slice(0, 7).map(whatIsIn));
    const faults: string[] = [];
    for await (const fault of log.check(new AbortController().signal)) faults.push(fault);
    assert.equal(faults.length, 1, faults.join("; "));
    assert.ok(faults[0]?.includes(`partition ${partition}, offset ${offset}`), faults[0]);
  });
}

/** Appends values of 100 bytes under one key; resolves with the entries that reading must give. */
async function filled(log: EventLog, count: number): Promise<LogEntry[]> {
  const values = Array.from({ length: count }, () => randomBytes(100));
  const positions = await log.append(values.map((value) => ({ key: KEY, value })));
  return positions.map((position, i) => ({ ...position, value: values[i] ?? new Uint8Array() }));
}

function bytesOf(entries: readonly LogEntry[]): number {
  return entries.reduce((sum, { value }) => sum + value.length, 0);
}

function whatIsIn({ partition, offset, value }: LogEntry): string {
  return `${partition}/${offset} ${hex(value)}`;
}
