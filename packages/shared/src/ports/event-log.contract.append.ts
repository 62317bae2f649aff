/** Contract of EventLog: what appending promises. */
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { it } from "node:test";
import { hasCode } from "../errors.ts";
import { hex } from "../model/bytes.ts";
import {
  assertHeld,
  content,
  type EventLogHarness,
  endOf,
  NO_LIMITS,
  placeOf,
  readAll,
  records,
  withLog,
} from "./event-log.contract.kit.ts";
import { type LogPosition, type LogRecord, VALUE_BYTES_MAX } from "./event-log.ts";

export function appendContract(harness: EventLogHarness): void {
  it("begins empty, with partitions numbered from 0", () =>
    withLog(harness, async (log) => {
      assert.ok(log.partitions >= 2);
      assert.match(log.name, /^[A-Za-z0-9._-]+$/);
      const ranges = await log.ranges();
      assert.deepEqual(
        ranges.map(({ partition }) => partition),
        Array.from({ length: log.partitions }, (_, i) => i),
      );
      for (const { first, end } of ranges) assert.equal(first, end);
      assert.equal((await content(log)).size, 0);
    }));

  it("gives each record of a call its position, in order, and every byte back from there", () =>
    withLog(harness, async (log) => {
      const appended = records(500, (i) => `key-${i % 40}`);
      const positions = await log.append(appended);
      await assertHeld(log, appended, positions);
      assert.equal((await content(log)).size, appended.length);
      assertRising(positions);
    }));

  it("keeps the records of a key in one partition, in order, and spreads keys over all partitions", () =>
    withLog(harness, async (log) => {
      const keys = Array.from({ length: 60 * log.partitions }, (_, i) => `key-${i}`);
      const calls: (readonly LogPosition[])[] = [];
      for (let round = 0; round < 3; round++) calls.push(await log.append(keys.map((key) => record(key, round))));
      assert.equal(new Set(calls.flat().map(({ partition }) => partition)).size, log.partitions);
      keys.forEach((key, i) => {
        const positions = calls.map((call) => call[i] as LogPosition);
        assert.equal(new Set(positions.map(({ partition }) => partition)).size, 1, key);
        assertRising(positions);
      });
    }));

  it("knows a key's partition again, in another instance and after it was opened again", async () => {
    await using storage = await harness.create();
    const appended = records(100, (i) => `key-${i}`);
    const partitionsOf = async (): Promise<number[]> => {
      await using log = await storage.open();
      return (await log.append(appended)).map(({ partition }) => partition);
    };
    const [first, other] = await Promise.all([partitionsOf(), partitionsOf()]);
    assert.deepEqual(other, first);
    assert.deepEqual(await partitionsOf(), first);
  });

  it("takes any key: empty, long, of any characters", () =>
    withLog(harness, async (log) => {
      const keys = ["", " ", "\u0000", "a/b|c", "Ñandú 患者 \u{1F3E5}", "k".repeat(10_000), "__proto__"];
      const appended = keys.flatMap((key) => records(3, () => key));
      await assertHeld(log, appended, await log.append(appended));
    }));

  it("takes values of no byte, one byte, the largest, and all byte values", () =>
    withLog(harness, async (log) => {
      const every = Uint8Array.from({ length: 256 }, (_, i) => i);
      const values = [new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(255), every, randomBytes(VALUE_BYTES_MAX)];
      const appended = values.map((value, i) => ({ key: `key-${i}`, value }));
      await assertHeld(log, appended, await log.append(appended));
    }));

  it("takes one call whose values are many times the largest of one", () =>
    withLog(harness, async (log) => {
      const appended = Array.from({ length: 12 }, (_, i) => ({ key: `${i % 3}`, value: randomBytes(VALUE_BYTES_MAX) }));
      await assertHeld(log, appended, await log.append(appended));
    }));

  it("refuses a value over the largest, and takes none of that call", () =>
    withLog(harness, async (log) => {
      const good = records(3, (i) => `key-${i}`);
      const odd = { key: "key-1", value: new Uint8Array(VALUE_BYTES_MAX + 1) };
      const [before, after] = [log.append(good), log.append(good)];
      await assert.rejects(log.append([...good, odd, ...good]), (error) => hasCode(error, "INPUT_TOO_LARGE"));
      await Promise.all([before, after]);
      assert.equal((await content(log)).size, 2 * good.length);
    }));

  it("takes a call of nothing", () =>
    withLog(harness, async (log) => {
      assert.deepEqual(await log.append([]), []);
      assert.equal((await content(log)).size, 0);
    }));

  it("appends a view of a buffer as it is seen, and lets its owner use it again afterwards", () =>
    withLog(harness, async (log) => {
      const buffer = Buffer.from("before|the value|after");
      const view = new Uint8Array(buffer.buffer, buffer.byteOffset + 7, 9);
      const [position] = await log.append([{ key: "key", value: view }]);
      buffer.fill(0);
      const read = async () => (await log.read(position?.partition ?? 0, position?.offset ?? 0, NO_LIMITS))[0]?.value;
      assert.equal(Buffer.from((await read()) ?? []).toString(), "the value");
      (await read())?.fill(0);
      assert.equal(Buffer.from((await read()) ?? []).toString(), "the value");
    }));

  it("gives back, where it keeps them, the traces that records came with, beside values that know nothing of them", () =>
    withLog(harness, async (log) => {
      const traces = ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", undefined, "00-00-00-00"];
      const appended = Array.from({ length: 30 }, (_, i) => ({ ...record("key", i), trace: traces[i % 3] }));
      const positions = await log.append(appended);
      await assertHeld(log, appended, positions);
      const entries = await readAll(log, positions[0]?.partition ?? 0);
      const kept = entries.filter(({ trace }) => trace !== undefined).length;
      assert.ok(kept === 0 || kept === 20, `${kept} of 20 traces are kept`);
      for (const [i, { trace }] of entries.entries()) if (trace !== undefined) assert.equal(trace, traces[i % 3]);
    }));

  it("keeps the order of calls that were not waited for, and of the records in each", () =>
    withLog(harness, async (log) => {
      const calls = Array.from({ length: 150 }, (_, call) =>
        Array.from({ length: 1 + (call % 7) }, (_, i) => record(`key-${call % 3}`, call, i)),
      );
      const given = await Promise.all(calls.map((call) => log.append(call)));
      for (let key = 0; key < 3; key++) assertRising(given.filter((_, call) => call % 3 === key).flat());
      await assertHeld(log, calls.flat(), given.flat());
      assert.equal(new Set(given.flat().map(placeOf)).size, calls.flat().length);
    }));

  it("gives instances that append at once positions of their own, and mixes nothing up", async () => {
    await using storage = await harness.create();
    await using one = await storage.open();
    await using two = await storage.open();
    const run = async (log: typeof one, who: number): Promise<[LogRecord[], LogPosition[]]> => {
      const appended: LogRecord[] = [];
      const positions: LogPosition[] = [];
      for (let round = 0; round < 25; round++) {
        const calls = Array.from({ length: 4 }, (_, call) =>
          Array.from({ length: 3 }, (_, i) => record(`key-${i}`, who, round, call)),
        );
        appended.push(...calls.flat());
        positions.push(...(await Promise.all(calls.map((call) => log.append(call)))).flat());
      }
      return [appended, positions];
    };
    const [[byOne, atOne], [byTwo, atTwo]] = await Promise.all([run(one, 1), run(two, 2)]);
    assert.equal(new Set([...atOne, ...atTwo].map(placeOf)).size, byOne.length + byTwo.length);
    for (const log of [one, two]) await assertHeld(log, [...byOne, ...byTwo], [...atOne, ...atTwo]);
    for (const [own, at] of [
      [byOne, atOne],
      [byTwo, atTwo],
    ] as const) {
      for (const key of ["key-0", "key-1", "key-2"]) assertRising(at.filter((_, i) => own[i]?.key === key));
    }
  });

  it("says BUSY over its backlog limit, keeps what it took, nothing of what it refused, and takes more later", async () => {
    await using storage = await harness.create();
    await using log = await storage.open({ backlogBytesMax: 50_000 });
    const calls = Array.from({ length: 100 }, (_, call) => [{ key: `key-${call}`, value: randomBytes(5_000) }]);
    const results = await Promise.allSettled(calls.map((call) => log.append(call)));
    const taken = calls.filter((_, i) => results[i]?.status === "fulfilled").flat();
    const given = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
    for (const result of results) {
      if (result.status === "rejected") assert.ok(hasCode(result.reason, "BUSY"), String(result.reason));
    }
    assert.ok(taken.length >= 1 && taken.length < calls.length, `${taken.length} of ${calls.length} calls were taken`);
    await assertHeld(log, taken, given);
    const refused = calls.flat().filter((one) => !taken.includes(one));
    await assertHeld(log, refused.slice(0, 3), await log.append(refused.slice(0, 3)));
    assert.equal((await content(log)).size, taken.length + 3);
  });

  it("holds what it acknowledged before it says so", () =>
    withLog(harness, async (log) => {
      for (let i = 0; i < 20; i++) {
        const value = randomBytes(20);
        const [at] = await log.append([{ key: `key-${i}`, value }]);
        assert.ok(at);
        assert.ok((await endOf(log, at.partition)) > at.offset);
        const [entry] = await log.read(at.partition, at.offset, { countMax: 1, bytesMax: 1 });
        assert.equal(hex(entry?.value ?? new Uint8Array()), hex(value));
        assert.equal((await readAll(log, at.partition)).at(-1)?.offset, at.offset);
      }
    }));
}

function record(key: string, ...parts: number[]): LogRecord {
  return { key, value: Buffer.from(`${key} ${parts.join(" ")}`) };
}

/** In each partition, offsets rise. */
function assertRising(positions: readonly LogPosition[]): void {
  const last = new Map<number, number>();
  for (const { partition, offset } of positions) {
    assert.ok(offset > (last.get(partition) ?? -1), `offset ${offset} after ${last.get(partition)}`);
    last.set(partition, offset);
  }
}
