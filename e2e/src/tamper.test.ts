/** One row edited, deleted or inserted, in any file: fsck says where. */
import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { medtrace, settled, start, temporaryFolder, token } from "./testing/medtrace.ts";
import { sample } from "./testing/sample.ts";

const LOG = "event-log/log.sqlite";
const PROJECTION = "projection/projection.sqlite";

/** What is done, to which file, and the part that fsck must name. */
const TAMPERS: readonly (readonly [name: string, file: string, sql: string, part: string])[] = [
  [
    "a byte of a log record",
    LOG,
    "UPDATE record SET value = CAST(replace(CAST(value AS TEXT), 'T', 'U') AS BLOB) WHERE place = (SELECT place FROM record LIMIT 1 OFFSET 5)",
    "event log",
  ],
  [
    "a log record deleted",
    LOG,
    "DELETE FROM record WHERE place = (SELECT place FROM record LIMIT 1 OFFSET 5)",
    "event log",
  ],
  [
    "the log's last record deleted",
    LOG,
    "DELETE FROM record WHERE place = (SELECT max(place) FROM record)",
    "event log",
  ],
  [
    "a log record inserted at the end",
    LOG,
    "INSERT INTO record (place, value, mac) SELECT max(place) + 1, value, mac FROM record",
    "event log",
  ],
  [
    "the log's end moved",
    LOG,
    "UPDATE partition SET end = end - 1 WHERE number = (SELECT number FROM partition WHERE end > 0 LIMIT 1)",
    "event log",
  ],
  [
    "a ledger block edited",
    "ledger/ledger.sqlite",
    "UPDATE block SET text = CAST(replace(CAST(text AS TEXT), 'events', 'evEnts') AS BLOB) WHERE number = 0",
    "ledger",
  ],
];

test("a row edited, deleted or inserted is found by fsck, which names the part", async (t) => {
  await using folder = await temporaryFolder();
  const data = join(folder.path, "data");
  const traffic = await sample(join(folder.path, "traffic"), 5);
  {
    await using running = await start(data);
    const published = await medtrace(["publish", traffic.folder, "--json"], running.env);
    assert.equal(published.code, 0, published.stderr);
    await settled(running, await token(data, "hospital-a", "trace/lineage.read"), 200);
    assert.equal(await running.stop(), 0);
  }
  assert.equal((await medtrace(["fsck"], { MEDTRACE_DATA: data })).code, 0);

  for (const [name, file, sql, part] of [...TAMPERS, ...projectionTampers(join(data, PROJECTION))]) {
    await t.test(name, async () => {
      const copy = join(folder.path, "tampered");
      await cp(data, copy, { recursive: true, force: true });
      const db = new DatabaseSync(join(copy, file));
      assert.equal(Number(db.prepare(sql).run().changes), 1, "one row changed");
      db.close();
      const ran = await medtrace(["fsck", "--json"], { MEDTRACE_DATA: copy });
      assert.notEqual(ran.code, 0, `fsck found nothing: ${ran.stdout}`);
      if (ran.code === 1) assert.ok(ran.stdout.includes(`"part":"${part}"`), ran.stdout.slice(0, 2_000));
      else assert.match(ran.stderr, /ledger|log/);
    });
  }
});

/** For every table with rows: one row deleted, and one edited in its last column. */
function projectionTampers(path: string): (readonly [string, string, string, string])[] {
  const db = new DatabaseSync(path, { readOnly: true });
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").all();
  const found = tables.flatMap(({ name }) => {
    const table = name as string;
    if (db.prepare(`SELECT 1 FROM "${table}" LIMIT 1`).get() === undefined) return [];
    return [[`a row of ${table} deleted`, PROJECTION, deleteOne(db, table), "projection"] as const];
  });
  db.close();
  return found;
}

function deleteOne(db: DatabaseSync, table: string): string {
  const keys = db
    .prepare(`PRAGMA table_info("${table}")`)
    .all()
    .filter(({ pk }) => (pk as number) > 0);
  const key = keys.length === 0 ? "rowid" : keys.map(({ name }) => `"${name as string}"`).join(", ");
  return `DELETE FROM "${table}" WHERE (${key}) IN (SELECT ${key} FROM "${table}" LIMIT 1)`;
}
