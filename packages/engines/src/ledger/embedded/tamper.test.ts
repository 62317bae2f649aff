/** Whatever is done to the ledger's file, it is found: when it is opened, or by its check. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import test from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import type { Block } from "@medtrace/shared/model/block";
import { blockText } from "@medtrace/shared/model/block";
import { fromUtf8, utf8 } from "@medtrace/shared/model/bytes";
import { blocksNow } from "@medtrace/shared/ports/ledger.contract.kit";
import { FILE } from "./database.ts";
import { Folder, faultsOf, OWNER } from "./testing/folder.ts";

const KEYS: Readonly<Record<string, readonly string[]>> = {
  block: ["number"],
  node: ["level", "position"],
  receipt: ["transaction_id"],
  state: ["key"],
};

type Row = Record<string, SQLInputValue>;

interface Tampering {
  readonly what: string;
  readonly change: (db: DatabaseSync) => void;
}

/** Faults of a tampered copy: of opening it, else of its check. */
async function found(folder: Folder, change: (db: DatabaseSync) => void): Promise<string[]> {
  await using copy = await folder.copy();
  copy.tamper(change);
  return faultsOfFolder(copy);
}

async function faultsOfFolder(folder: Folder): Promise<string[]> {
  try {
    await using ledger = await folder.open();
    return await faultsOf(ledger);
  } catch (error) {
    if (hasCode(error, "INTEGRITY")) return [error.message];
    throw error;
  }
}

function rowsOf(folder: Folder, table: string): Row[] {
  let rows: Row[] = [];
  folder.tamper((db) => {
    rows = db.prepare(`SELECT * FROM ${table}`).all() as Row[];
  });
  return rows;
}

function other(value: SQLInputValue): SQLInputValue {
  if (typeof value === "number") return value + 100;
  if (typeof value === "string") return value.slice(0, -1) + (value.endsWith("0") ? "1" : "0");
  const bytes = Uint8Array.from(value as Uint8Array);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  return bytes;
}

/** Every row deleted, every column of every row changed, every row inserted once more under another key. */
function* tamperings(folder: Folder): Generator<Tampering> {
  for (const [table, keys] of Object.entries(KEYS)) {
    for (const row of rowsOf(folder, table)) {
      const where = keys.map((key) => `${key} = ?`).join(" AND ");
      const key = keys.map((name) => row[name] as SQLInputValue);
      const what = `${table} ${key.join("/")}`;
      yield { what: `${what} deleted`, change: (db) => db.prepare(`DELETE FROM ${table} WHERE ${where}`).run(...key) };
      for (const [column, value] of Object.entries(row)) {
        const sql = `UPDATE OR REPLACE ${table} SET ${column} = ? WHERE ${where}`;
        yield { what: `${what} ${column} changed`, change: (db) => db.prepare(sql).run(other(value), ...key) };
      }
      const copy = { ...row, [keys.at(-1) as string]: other(key.at(-1) as SQLInputValue) };
      const marks = Object.keys(copy).map(() => "?");
      const sql = `INSERT OR REPLACE INTO ${table} (${Object.keys(copy).join()}) VALUES (${marks.join()})`;
      yield { what: `${what} inserted again`, change: (db) => db.prepare(sql).run(...Object.values(copy)) };
    }
  }
}

test("every row that is edited, deleted or inserted in any table is found", async () => {
  await using folder = await Folder.withLedger();
  assert.deepEqual(await faultsOfFolder(folder), []);
  let count = 0;
  for (const { what, change } of tamperings(folder)) {
    assert.notDeepEqual(await found(folder, change), [], what);
    count += 1;
  }
  assert.ok(count > 200, `${count} tamperings were tried`);
});

test("what lies outside every number's range is found too", async () => {
  await using folder = await Folder.withLedger();
  const tries = [
    "INSERT INTO block VALUES (-1, x'00', x'00')",
    "INSERT INTO block VALUES (9223372036854775807, x'00', x'00')",
    "INSERT INTO node VALUES (-1, 0, zeroblob(32))",
    "INSERT INTO node VALUES (60, 0, zeroblob(32))",
    "INSERT INTO node VALUES (0, -1, zeroblob(32))",
    "INSERT INTO node VALUES (9223372036854775807, 0, zeroblob(32))",
    "INSERT INTO receipt VALUES ('', 0)",
    "INSERT INTO state VALUES ('', x'')",
    "INSERT INTO state VALUES (CAST(x'ff' AS TEXT), x'')",
    "INSERT INTO state SELECT key || char(0), value FROM state LIMIT 1",
    "CREATE TABLE more (a)",
    "CREATE VIEW head AS SELECT * FROM block",
    "CREATE TRIGGER quiet AFTER INSERT ON block BEGIN DELETE FROM state; END",
    "DROP TABLE receipt",
    "DELETE FROM block",
    "DELETE FROM block; DELETE FROM node; DELETE FROM receipt",
  ];
  for (const sql of tries) assert.notDeepEqual(await found(folder, (db) => db.exec(sql)), [], sql);
});

test("two rows that change places are found", async () => {
  await using folder = await Folder.withLedger();
  const swap =
    (table: string, column: string, key: string, a: SQLInputValue, b: SQLInputValue) => (db: DatabaseSync) => {
      const read = db.prepare(`SELECT ${column} AS value FROM ${table} WHERE ${key} = ?`);
      const [first, second] = [read.get(a)?.["value"], read.get(b)?.["value"]] as [SQLInputValue, SQLInputValue];
      const write = db.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${key} = ?`);
      write.run(second, a);
      write.run(first, b);
    };
  const batch = (sequence: number): string => `batch/${OWNER}/log-0/${sequence}`;
  for (const [what, change] of Object.entries({
    blocks: swap("block", "text", "number", 3, 4),
    checkpoints: swap("block", "checkpoint", "number", 3, 4),
    "world state": swap("state", "value", "key", batch(2), batch(3)),
  })) {
    assert.notDeepEqual(await found(folder, change), [], what);
  }
});

test("a block that was rewritten together with everything that hangs on it is found by its signature", async () => {
  await using folder = await Folder.withLedger();
  const forged = await found(folder, (db) => {
    const row = db.prepare("SELECT text FROM block WHERE number = 12").get() as { text: Uint8Array };
    const block = JSON.parse(fromUtf8(row.text)) as Block;
    const [transaction] = block.transactions;
    const text = blockText({
      ...block,
      transactions: [{ ...transaction, batch: { ...transaction?.batch, root: "0".repeat(64) } } as never],
    });
    db.prepare("UPDATE block SET text = ? WHERE number = 12").run(utf8(text));
  });
  assert.notDeepEqual(forged, []);
});

test("a block cut off at the end with all its rows but the world state is found", async () => {
  await using folder = await Folder.withLedger();
  const cut = "DELETE FROM block WHERE number = 12; DELETE FROM node WHERE level = 0 AND position = 12;";
  const receipt = "DELETE FROM receipt WHERE block = 12";
  assert.notDeepEqual(await found(folder, (db) => db.exec(`${cut}${receipt}`)), []);
});

test("a damaged file is found or refused, wherever the damage is", async () => {
  await using folder = await Folder.withLedger();
  const good = readFileSync(folder.file(FILE));
  for (let at = 0; at < good.length; at += 1_021) {
    await using copy = await folder.copy();
    const bad = Buffer.from(good);
    bad.fill(0xa5, at, at + 64);
    writeFileSync(copy.file(FILE), bad);
    const faults = await faultsOfFolder(copy).catch((error: Error) => [error.message]);
    if (faults.length > 0) continue;
    // Free space in a page: nothing reads it, and nothing was lost.
    await using ledger = await copy.open();
    await using whole = await folder.open();
    assert.deepEqual(await blocksNow(ledger, 0), await blocksNow(whole, 0));
    assert.deepEqual(await ledger.listStreams(), await whole.listStreams());
  }
});

test("a follower is given no block that was changed, only an integrity error that names it", async () => {
  await using folder = await Folder.withLedger();
  const text = { column: "text", from: '"count":10', to: '"count":11' };
  for (let number = 0; number < 11; number++) {
    await using copy = await folder.copy();
    copy.tamper((db) => {
      const sql = `UPDATE block SET text = CAST(replace(CAST(text AS TEXT), ?, ?) AS BLOB) WHERE number = ?`;
      db.prepare(sql).run(text.from, text.to, number);
    });
    await using ledger = await copy.open();
    await assert.rejects(
      async () => {
        for await (const block of ledger.blocks(number, new AbortController().signal)) assert.fail(`${block.number}`);
      },
      { code: "INTEGRITY", message: new RegExp(`block ${number + 1}\\b|block ${number}\\b`) },
    );
  }
});

test("no proof is made of a block that was changed, nor of a world state that no block holds", async () => {
  await using folder = await Folder.withLedger();
  const ref = { owner: OWNER, stream: "log-0", sequence: 3 };
  const edits = [
    `UPDATE block SET text = CAST(replace(CAST(text AS TEXT), '"count":10', '"count":11') AS BLOB) WHERE number = 3`,
    "UPDATE node SET hash = zeroblob(32) WHERE level = 0 AND position = 2",
    "UPDATE receipt SET block = 4 WHERE block = 3",
    `UPDATE state SET value = CAST(replace(CAST(value AS TEXT), '"count":10', '"count":9') AS BLOB)
     WHERE key = 'batch/${OWNER}/log-0/3'`,
  ];
  for (const sql of edits) {
    await using copy = await folder.copy();
    copy.tamper((db) => db.exec(sql));
    await using ledger = await copy.open();
    await assert.rejects(ledger.prove([ref]), { code: "INTEGRITY" }, sql);
    await ledger.prove([{ ...ref, sequence: 6 }]).catch((error: unknown) => assert.ok(hasCode(error, "INTEGRITY")));
  }
});

test("a check of a ledger in which everything is wrong ends soon", async () => {
  await using folder = await Folder.withLedger();
  const faults = await found(folder, (db) => {
    db.exec("BEGIN");
    const insert = db.prepare("INSERT INTO state (key, value) VALUES (?, x'00')");
    for (let i = 0; i < 5_000; i++) insert.run(`spare/${i}`);
    db.exec("COMMIT");
  });
  assert.equal(faults.length, 101);
  assert.match(faults.at(-1) ?? "", /or more/);
});
