import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { describe, it } from "node:test";
import { hasCode, MedtraceError } from "@medtrace/shared/errors";
import { blockOf, busyBlock, refutedBatch } from "@medtrace/shared/ports/projection.fixtures";
import { lockProjection, openProjection } from "../open.ts";
import { Edges } from "./edges.ts";
import { Finder } from "./finder.ts";
import { Rows } from "./rows.ts";
import { STRUCTURES, TABLES } from "./schema.ts";
import { TermReader } from "./terms.ts";
import { Writer } from "./writer.ts";

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "medtrace-projection-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Content of the projection in a folder; where it cannot be read, the one line that says so. */
async function contentOf(folder: string): Promise<string> {
  await using projection = await openProjection(`embedded:${folder}`);
  const lines: string[] = [];
  try {
    for await (const line of projection.content()) lines.push(line);
    return lines.join("\n");
  } catch (error) {
    assert.ok(hasCode(error, "INTEGRITY"), String(error));
    return error.message;
  }
}

describe("embedded projection: plans", () => {
  it("walks an index for everything it is asked while it serves", () => {
    const asked = new Set<string>();
    class Recording extends DatabaseSync {
      override prepare(sql: string): StatementSync {
        asked.add(sql);
        return super.prepare(sql);
      }
    }
    using db = new Recording(":memory:");
    db.exec(Object.values(STRUCTURES).join(";"));
    const terms = new TermReader(db);
    for (const part of [new Rows(db), new Finder(db, terms), new Edges(db, terms), new Writer(db)]) assert.ok(part);
    assert.ok(asked.size > 20);
    // One row; rows from the newest on, as many as asked; the rows that a subquery found by an index.
    const boundedScans = /^SCAN (checkpoint|incident|j)$/;
    for (const sql of [...asked]) {
      if (sql.startsWith("PRAGMA")) continue;
      for (const step of db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()) {
        const detail = String(step["detail"]);
        assert.ok(!detail.startsWith("SCAN") || boundedScans.test(detail), `${detail}: ${sql}`);
        assert.ok(!detail.includes("TEMP B-TREE"), `${detail}: ${sql}`);
      }
    }
  });
});

describe("embedded projection: edits of its file", () => {
  const FILE = "projection.sqlite";

  const prepare = async (folder: string): Promise<string> => {
    {
      await using projection = await openProjection(`embedded:${folder}`);
      for (const number of [0, 1, 2]) await projection.apply(busyBlock(number));
      await projection.apply(blockOf(3, refutedBatch("log-0", 3, "not the ledger's root")));
    }
    await copyFile(join(folder, FILE), join(folder, "kept"));
    return contentOf(folder);
  };
  /** Content after an edit of the sound file; undefined where SQLite itself refuses the edit. */
  const contentAfter = async (folder: string, sql: string, ...values: SQLInputValue[]): Promise<string | undefined> => {
    await copyFile(join(folder, "kept"), join(folder, FILE));
    try {
      using db = new DatabaseSync(join(folder, FILE));
      if (db.prepare(sql).run(...values).changes === 0) return undefined;
    } catch (error) {
      assert.match((error as Error).message, /constraint failed/);
      return undefined;
    }
    return contentOf(folder);
  };
  const columnsOf = (folder: string, table: string): { name: string; type: string }[] => {
    using db = new DatabaseSync(join(folder, FILE));
    return db.prepare(`PRAGMA table_info(${table})`).all() as { name: string; type: string }[];
  };

  it("shows every column of every table that was changed", async () => {
    await using folder = await temporaryFolder();
    const sound = await prepare(folder.path);
    const changed = { INTEGER: ["%s + 1", "%s - 1", "999999"], TEXT: ["%s || 'x'", "'x'"], BLOB: ["x'00'"] };
    let edits = 0;
    for (const table of TABLES) {
      for (const { name, type } of columnsOf(folder.path, table)) {
        for (const value of changed[type as keyof typeof changed]) {
          const one = `(${TABLE_KEYS[table]}) = (SELECT ${TABLE_KEYS[table]} FROM ${table} LIMIT 1 OFFSET 0)`;
          const sql = `UPDATE ${table} SET ${name} = ${value.replace("%s", name)} WHERE ${one}`;
          const after = await contentAfter(folder.path, sql);
          if (after === undefined) continue;
          edits += 1;
          assert.notEqual(after, sound, sql);
        }
      }
    }
    assert.ok(edits > 80, `${edits} edits`);
  });

  it("shows a row that was taken from any table", async () => {
    await using folder = await temporaryFolder();
    const sound = await prepare(folder.path);
    for (const table of TABLES) {
      for (const offset of [0, 3]) {
        const key = TABLE_KEYS[table];
        const sql = `DELETE FROM ${table} WHERE (${key}) = (SELECT ${key} FROM ${table} LIMIT 1 OFFSET ${offset})`;
        assert.notEqual(await contentAfter(folder.path, sql), sound, sql);
      }
    }
  });

  it("shows a row that was put into any table", async () => {
    await using folder = await temporaryFolder();
    const sound = await prepare(folder.path);
    for (const table of TABLES.filter((name) => name !== "checkpoint")) {
      const columns = columnsOf(folder.path, table).map(({ name }) => name);
      const [key = ""] = columns;
      const highest = `(SELECT max(${key}) FROM ${table})`;
      const fresh = table === "joined" ? `${highest} || 'x'` : `${highest} + 1`;
      const others = columns.slice(1).map((name) => (name === "sequence" ? "sequence + 100" : name));
      const sql = `INSERT INTO ${table} SELECT ${[fresh, ...others].join(", ")} FROM ${table} LIMIT 1`;
      const after = await contentAfter(folder.path, sql);
      assert.ok(after !== undefined, sql);
      assert.notEqual(after, sound, sql);
    }
  });

  it("shows an index that disagrees with its table, and a trigger", async () => {
    await using folder = await temporaryFolder();
    const sound = await prepare(folder.path);
    {
      using db = new DatabaseSync(join(folder.path, FILE));
      db.exec("CREATE TRIGGER hide AFTER INSERT ON entry BEGIN DELETE FROM entry WHERE seq = new.seq; END");
    }
    assert.match(await contentOf(folder.path), /hide is not as the projection's schema has it/);
    await copyFile(join(folder.path, "kept"), join(folder.path, FILE));
    {
      using db = new DatabaseSync(join(folder.path, FILE));
      db.exec("DROP INDEX event_key; CREATE INDEX event_key ON event (key) WHERE seq > 10");
    }
    assert.match(await contentOf(folder.path), /event_key is not as the projection's schema has it/);
    await copyFile(join(folder.path, "kept"), join(folder.path, FILE));
    assert.equal(await contentOf(folder.path), sound);
  });
});

/** What a row is told apart by. */
const TABLE_KEYS: Readonly<Record<string, string>> = {
  checkpoint: "one",
  batch: "id",
  event: "seq",
  term: "id",
  entry: "term, view, at, seq",
  derivation: "source, seq, target, relation",
  joined: "token, other, seq",
  incident: "number",
};

describe("embedded projection: its folder", () => {
  it("gives the projector's lock to one at a time, and again once it is given back", async () => {
    await using folder = await temporaryFolder();
    const url = `embedded:${folder.path}`;
    {
      await using _lock = await lockProjection(url);
      await assert.rejects(lockProjection(url), (error) => hasCode(error, "LOCKED"));
    }
    await using _again = await lockProjection(url);
  });

  it("refuses a file that is no database, and one of another schema, saying what to do", async () => {
    await using folder = await temporaryFolder();
    await using other = await temporaryFolder();
    {
      using db = new DatabaseSync(join(folder.path, "projection.sqlite"));
      db.exec("PRAGMA user_version = 99");
    }
    await assert.rejects(openProjection(`embedded:${folder.path}`), (error) => hasCode(error, "CONFIGURATION"));
    await copyFile(new URL(import.meta.url), join(other.path, "projection.sqlite"));
    await assert.rejects(openProjection(`embedded:${other.path}`), (error) => hasCode(error, "INTEGRITY"));
  });

  it("refuses a file whose tables were taken away", async () => {
    await using folder = await temporaryFolder();
    await (await openProjection(`embedded:${folder.path}`))[Symbol.asyncDispose]();
    {
      using db = new DatabaseSync(join(folder.path, "projection.sqlite"));
      db.exec("DROP TABLE entry");
    }
    await assert.rejects(openProjection(`embedded:${folder.path}`), (error) => hasCode(error, "INTEGRITY"));
  });

  it("refuses a URL that it has no engine for", async () => {
    for (const url of ["postgres://x", "embedded:", ""]) {
      await assert.rejects(openProjection(url), (error) => hasCode(error, "CONFIGURATION"));
      await assert.rejects(lockProjection(url), (error) => error instanceof MedtraceError);
    }
  });
});
