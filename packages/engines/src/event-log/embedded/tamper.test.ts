import { strict as assert } from "node:assert";
import { rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import { NO_LIMITS, records } from "@medtrace/shared/ports/event-log.contract.kit";
import { type TemporaryFolder, temporaryFolder } from "../../testing/folder.ts";
import { openEmbeddedEventLog } from "./event-log.ts";
import { PLACES } from "./store.ts";

const COUNT = 40;
const integrity = (error: unknown): boolean => hasCode(error, "INTEGRITY");

/** A folder with a closed log of two partitions, each with so many records; all of `key` lie in the one given. */
async function withRecords(): Promise<TemporaryFolder & { readonly partition: number }> {
  const folder = await temporaryFolder();
  await using log = await openEmbeddedEventLog({ folder: folder.path, partitions: 2 });
  const positions = await log.append(records(COUNT, () => "key"));
  const partition = positions[0]?.partition ?? 0;
  const others = await log.append(records(COUNT, () => "a key of the other partition"));
  assert.notEqual(others[0]?.partition, partition);
  return { ...folder, partition };
}

function change(folder: TemporaryFolder, sql: string): void {
  using db = new DatabaseSync(join(folder.path, "log.sqlite"));
  assert.ok(db.prepare(sql).run().changes > 0, sql);
}

async function faultsOf(log: EventLog): Promise<string[]> {
  const faults: string[] = [];
  for await (const fault of log.check(new AbortController().signal)) faults.push(fault);
  return faults;
}

/** Reads a partition in steps of one; the error that stops it. */
async function readThrough(log: EventLog, partition: number): Promise<unknown> {
  try {
    for (let offset = 0; ; offset++) {
      const [entry] = await log.read(partition, offset, { countMax: 1, bytesMax: 1 });
      if (entry === undefined) return undefined;
    }
  } catch (error) {
    return error;
  }
}

describe("embedded event log: edits of its file", () => {
  it("tells each of them, when it is read and when it is checked, and says where", async () => {
    await using folder = await withRecords();
    const at = (offset: number): number => folder.partition * PLACES + offset;
    const swap = `CASE place WHEN ${at(5)} THEN (SELECT value FROM record WHERE place = ${at(6)})
      ELSE (SELECT value FROM record WHERE place = ${at(5)}) END`;
    const edits: Record<string, readonly [sql: string, offset: number]> = {
      "a changed value": [`UPDATE record SET value = x'7b7d' WHERE place = ${at(5)}`, 5],
      "a first value changed": [`UPDATE record SET value = x'7b7d' WHERE place = ${at(0)}`, 0],
      "a last value changed": [`UPDATE record SET value = x'7b7d' WHERE place = ${at(COUNT - 1)}`, COUNT - 1],
      "a value made empty": [`UPDATE record SET value = x'' WHERE place = ${at(9)}`, 9],
      "a changed MAC": [`UPDATE record SET mac = zeroblob(32) WHERE place = ${at(5)}`, 5],
      "two values exchanged": [`UPDATE record SET value = ${swap} WHERE place IN (${at(5)}, ${at(6)})`, 5],
      "a record taken out": [`DELETE FROM record WHERE place = ${at(5)}`, 5],
      "the first record taken out": [`DELETE FROM record WHERE place = ${at(0)}`, 0],
      "the end cut off": [`DELETE FROM record WHERE place >= ${at(30)}`, 30],
      "a record of another place": [
        `UPDATE record SET (value, mac) = (SELECT value, mac FROM record WHERE place = ${at(7)}) WHERE place = ${at(5)}`,
        5,
      ],
      "records moved up": [
        `UPDATE record SET (value, mac) = (SELECT value, mac FROM record AS next WHERE next.place = record.place + 1)
         WHERE place BETWEEN ${at(5)} AND ${at(COUNT - 2)}`,
        5,
      ],
    };
    for (const [what, [sql, offset]] of Object.entries(edits)) {
      await using copy = await folder.copy();
      change(copy, sql);
      await using log = await openEmbeddedEventLog({ folder: copy.path });
      const error = await readThrough(log, folder.partition);
      assert.ok(integrity(error), `${what}: ${error}`);
      const faults = await faultsOf(log);
      assert.ok(faults.length >= 1, what);
      const place = `partition ${folder.partition}, offset ${offset}:`;
      assert.ok(faults[0]?.includes(place), `${what}: ${faults[0]}`);
      assert.ok((error as Error).message.includes(place), `${what}: ${error}`);
      assert.equal(await readThrough(log, 1 - folder.partition), undefined, "the other partition is as it was");
    }
  });

  it("tells an end that was moved, and takes no more records after it", async () => {
    await using folder = await withRecords();
    const edits = {
      "moved back": `UPDATE partition SET end = end - 5 WHERE number = ${folder.partition}`,
      "moved back with its records": `UPDATE partition SET (end, last) =
        (SELECT ${COUNT} - 5, mac FROM record WHERE place = ${folder.partition * PLACES + COUNT - 6})
        WHERE number = ${folder.partition}`,
      "moved on": `UPDATE partition SET end = end + 5 WHERE number = ${folder.partition}`,
      "another partition's": `UPDATE partition SET (end, last, mac) =
        (SELECT end, last, mac FROM partition WHERE number = ${1 - folder.partition}) WHERE number = ${folder.partition}`,
      "said to be of no record": `UPDATE partition SET end = 0, last = zeroblob(32) WHERE number = ${folder.partition}`,
    };
    for (const [what, sql] of Object.entries(edits)) {
      await using copy = await folder.copy();
      change(copy, sql);
      await using log = await openEmbeddedEventLog({ folder: copy.path });
      await assert.rejects(log.read(folder.partition, 0, NO_LIMITS), integrity, what);
      await assert.rejects(log.ranges(), integrity, what);
      await assert.rejects(log.append(records(1, () => "key")), integrity, what);
      assert.ok((await faultsOf(log)).length >= 1, what);
    }
  });

  it("tells a record that was put behind the end, near it and far", async () => {
    await using folder = await withRecords();
    for (const place of [folder.partition * PLACES + COUNT, folder.partition * PLACES + COUNT + 100]) {
      await using copy = await folder.copy();
      change(copy, `INSERT INTO record (place, value, mac) VALUES (${place}, x'7b7d', zeroblob(32))`);
      await using log = await openEmbeddedEventLog({ folder: copy.path });
      assert.equal((await log.read(folder.partition, 0, NO_LIMITS)).length, COUNT, "it is never read");
      assert.equal((await faultsOf(log)).length, 1);
    }
  });

  it("finds every fault of many, each once", async () => {
    await using folder = await withRecords();
    const base = folder.partition * PLACES;
    change(folder, `UPDATE record SET value = x'00' WHERE place IN (${base + 3}, ${base + 17}, ${base + 38})`);
    await using log = await openEmbeddedEventLog({ folder: folder.path });
    const offsets = (await faultsOf(log)).map((fault) => /offset (\d+)/.exec(fault)?.[1]);
    assert.deepEqual(offsets, ["3", "17", "38"]);
  });
});

describe("embedded event log: files that are lost or another's", () => {
  it("refuses a log without its key and makes no second one", async () => {
    await using folder = await withRecords();
    await rm(join(folder.path, "log.key"));
    for (let times = 0; times < 2; times++) {
      await assert.rejects(openEmbeddedEventLog({ folder: folder.path }), (error) => {
        return hasCode(error, "INTEGRITY") && /log\.key/.test(`${error.at}`);
      });
    }
  });

  it("refuses a key that was cut short", async () => {
    await using folder = await withRecords();
    await truncate(join(folder.path, "log.key"), 16);
    await assert.rejects(openEmbeddedEventLog({ folder: folder.path }), integrity);
  });

  it("gives nothing of a log under another log's key", async () => {
    await using folder = await withRecords();
    await writeFile(join(folder.path, "log.key"), Buffer.alloc(32, 1));
    await using log = await openEmbeddedEventLog({ folder: folder.path });
    await assert.rejects(log.read(folder.partition, 0, NO_LIMITS), integrity);
    await assert.rejects(log.append(records(1, () => "key")), integrity);
    assert.equal((await faultsOf(log)).length, 2);
  });

  it("refuses a file that is no database, and one of another version", async () => {
    await using folder = await withRecords();
    await using other = await folder.copy();
    {
      using db = new DatabaseSync(join(folder.path, "log.sqlite"));
      db.exec("PRAGMA user_version = 99");
    }
    await assert.rejects(openEmbeddedEventLog({ folder: folder.path }), (error) => hasCode(error, "CONFIGURATION"));
    await writeFile(join(other.path, "log.sqlite"), "no database, however long it is".repeat(200));
    await assert.rejects(openEmbeddedEventLog({ folder: other.path }), integrity);
  });
});
