import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import test from "node:test";
import { hex } from "@medtrace/shared/model/bytes";
import { leafHash, merkleLevels } from "@medtrace/shared/model/merkle";
import { B, type Sample, type Stack, startStack } from "./testing/stack.ts";

const enc = encodeURIComponent;
const rec = (id: string, role: "generated" | "source" | "used") => ({ id, type: "Document", role }) as const;
const [IMAGE, REPORT, OTHER] = ["hospital-a/Image/1", "hospital-a/Report/1", "hospital-a/Report/2"];

const STORY: readonly Sample[] = [
  { name: "made", kind: "create", records: [rec(IMAGE, "source"), rec(REPORT, "generated")], subjects: ["tok-1"] },
  { name: "read", records: [rec(REPORT, "used")], subjects: ["tok-1"], when: "2026-03-01T09:00:00Z" },
  { name: "joined", subjects: ["tok-1", "tok-2"], joins: [["tok-1", "tok-2"]] },
  { name: "apart", records: [rec(OTHER, "used")], subjects: ["tok-9"] },
];

const LISTS = [
  `/v1/records/${enc(REPORT)}/accesses`,
  `/v1/records/${enc(OTHER)}/accesses`,
  `/v1/records/${enc(REPORT)}/lineage`,
  `/v1/records/${enc(OTHER)}/lineage`,
  "/v1/subjects/tok-1/track",
  "/v1/subjects/tok-2/track",
];

interface Seen {
  /** Events served as verified, by path, each as JSON text. */
  readonly events: Map<string, Set<string>>;
  readonly edges: Map<string, Set<string>>;
}

/** What is served as verified, everywhere; an error serves nothing. */
async function served(stack: Stack, ids: readonly string[]): Promise<Seen> {
  const seen: Seen = { events: new Map(), edges: new Map() };
  for (const path of [...LISTS, ...ids.map((id) => `/v1/events/${id}`)]) {
    const { status, body } = await stack.get(path);
    const found =
      status === 200 ? (body.events ?? body.activities ?? (body.event === undefined ? [] : [body.event])) : [];
    const verified = found.filter(({ state }: { state: string }) => state === "verified");
    seen.events.set(path, new Set(verified.map((event: object) => JSON.stringify(event))));
    const edges = status === 200 ? (body.edges ?? []) : [];
    seen.edges.set(path, new Set(edges.map((edge: object) => JSON.stringify(edge))));
  }
  for (const id of ids) {
    const { status, text } = await stack.get(`/v1/events/${id}/evidence`);
    if (status === 200) seen.events.set(`evidence ${id}`, new Set([JSON.parse(text).events[0].event]));
  }
  return seen;
}

function assertNothingNew(genuine: Seen, seen: Seen, what: string): void {
  for (const kind of ["events", "edges"] as const) {
    for (const [path, found] of seen[kind]) {
      for (const one of found) {
        assert.ok(genuine[kind].get(path)?.has(one), `${what}: ${path} serves what it must not:\n${one}`);
      }
    }
  }
}

function changed(value: SQLOutputValue): SQLOutputValue {
  if (typeof value === "number") return value + 1;
  if (typeof value === "string") return value.endsWith("x") ? `${value}y` : `${value}x`;
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value);
    bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
    return bytes;
  }
  return '["hospital-b"]';
}

/** Tables that answers are made from, with a way to put them back. */
class Tables {
  readonly db: DatabaseSync;

  constructor(stack: Stack) {
    this.db = new DatabaseSync(join(stack.folder, "projection", "projection.sqlite"), { timeout: 5_000 });
  }

  rows(table: string): Record<string, SQLOutputValue>[] {
    return this.db.prepare(`SELECT * FROM ${table}`).all();
  }

  /** Replaces the table's rows; false where the schema refuses them. */
  replace(table: string, rows: readonly Record<string, SQLOutputValue>[]): boolean {
    this.db.exec(`BEGIN IMMEDIATE; DELETE FROM ${table}`);
    try {
      for (const row of rows) {
        const columns = Object.keys(row);
        const sql = `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
        this.db.prepare(sql).run(...Object.values(row));
      }
      this.db.exec("COMMIT");
      return true;
    } catch {
      this.db.exec("ROLLBACK");
      return false;
    }
  }

  [Symbol.dispose](): void {
    this.db.close();
  }
}

const QUIET = { env: { QUERY_CACHE_MS_MAX: "0", QUERY_AUDIT: "off" } };

test("whichever cell of the projection is changed, nothing that differs is served as verified", async () => {
  await using stack = await startStack(QUIET);
  const ids = [...(await stack.publish(...STORY.slice(0, 2))), ...(await stack.publish(...STORY.slice(2)))];
  const genuine = await served(stack, ids);
  assert.deepEqual(
    [...genuine.events.values()].slice(0, 10).map(({ size }) => size),
    [2, 1, 2, 1, 3, 3, 1, 1, 1, 1],
  );
  using tables = new Tables(stack);
  let changes = 0;
  for (const table of ["event", "derivation", "joined", "batch", "term"]) {
    const rows = tables.rows(table);
    for (const [i, row] of rows.entries()) {
      for (const [column, value] of Object.entries(row)) {
        if (!tables.replace(table, rows.with(i, { ...row, [column]: changed(value) }))) continue;
        changes += 1;
        assertNothingNew(genuine, await served(stack, ids), `${table}.${column} of row ${i}`);
        tables.replace(table, rows);
      }
    }
  }
  assert.ok(changes > 60, `${changes} cells were changed`);
  assert.deepEqual(await served(stack, ids), genuine);
});

test("rows that are inserted put no event where it does not belong", async () => {
  await using stack = await startStack(QUIET);
  const ids = await stack.publish(...STORY);
  const genuine = await served(stack, ids);
  using tables = new Tables(stack);
  const terms = tables.rows("term");
  const term = (value: string): number => terms.find((row) => row["value"] === value)?.["id"] as number;
  const insert = async (table: string, row: Record<string, SQLOutputValue>): Promise<void> => {
    const rows = tables.rows(table);
    assert.ok(tables.replace(table, [...rows, row]));
    assertNothingNew(genuine, await served(stack, ids), `a row in ${table}`);
    tables.replace(table, rows);
  };
  const [made, , , apart] = tables.rows("event");
  const entry = tables.rows("entry").find((row) => row["term"] === term(REPORT) && row["seq"] === made?.["seq"]);
  assert.ok(entry !== undefined && apart !== undefined);
  // The event about another patient, listed under this one's report and token.
  await insert("entry", { ...entry, seq: apart["seq"] as number, at: apart["at"] as number });
  await insert("entry", { ...entry, term: term("tok-1"), seq: apart["seq"] as number, at: apart["at"] as number });
  const seq = apart["seq"] as number;
  await insert("derivation", { source: term(REPORT), seq, target: term(OTHER), relation: 0 });
  await insert("joined", { token: "tok-1", other: "tok-9", seq });
  await insert("event", { ...made, seq: 99, key: 1 } as Record<string, SQLOutputValue>);
});

test("an event given to another institution in the projection alone is not served to it", async () => {
  await using stack = await startStack(QUIET);
  const [id = ""] = await stack.publish(STORY[1] as Sample, { name: "b's", institution: "hospital-b" });
  using tables = new Tables(stack);
  const other = tables.rows("event")[1]?.["institution"] as number;
  for (const table of ["event", "entry"] as const) {
    const rows = tables.rows(table);
    const edited = rows.map((row) =>
      table === "event" ? { ...row, institution: other, recipients: '["hospital-b"]' } : { ...row, view: other * 2 },
    );
    tables.replace(table, edited);
  }
  assert.equal((await stack.get(`/v1/events/${id}`, B)).status, 404);
  const list = await stack.get(`/v1/records/${enc(REPORT)}/accesses`, B);
  assert.deepEqual(list.body.events, [{ state: "integrity-failure", id }]);
  assert.equal(list.body.integrityFailures, 1);
});

test("a changed, a swapped and a deleted event are integrity failures, without content, and counted", async () => {
  await using stack = await startStack(QUIET);
  const ids = await stack.publish(...STORY);
  using tables = new Tables(stack);
  const rows = tables.rows("event");
  const [first, second] = rows as [Record<string, SQLOutputValue>, Record<string, SQLOutputValue>];
  const state = async (id = ids[0]) => (await stack.get(`/v1/events/${id}`)).body;
  const failed = { state: "integrity-failure", integrityFailures: 1 };
  const told = async (id?: string): Promise<object> => {
    const { state: is, integrityFailures, event, anchor } = await state(id);
    assert.deepEqual([event, anchor], [undefined, undefined]);
    return { state: is, integrityFailures };
  };

  tables.replace("event", [{ ...first, bytes: changed(first["bytes"] ?? null) }, ...rows.slice(1)]);
  assert.deepEqual(await told(), failed);
  const list = await stack.get(`/v1/records/${enc(REPORT)}/accesses`);
  assert.deepEqual(list.body.events.at(-1), { state: "integrity-failure", id: ids[0] });
  assert.equal((await stack.get(`/v1/events/${ids[0]}/evidence`)).body.code, "INTEGRITY");
  assert.equal((await stack.post("/v1/evidence", { record: REPORT })).body.code, "INTEGRITY");

  const { bytes = null, leaf = null, at = null } = second;
  tables.replace("event", [{ ...first, bytes, leaf, at }, ...rows.slice(1)]);
  assert.deepEqual(await told(), failed);

  tables.replace("event", rows.slice(1));
  assert.deepEqual(await told(), failed);

  tables.replace("event", rows);
  assert.equal((await state()).state, "verified");
  const integrity = await stack.get("/v1/integrity");
  assert.ok(integrity.body.serving.integrityFailures >= 3);
  assert.equal(integrity.body.serving.recent[0].event, undefined);
  assert.ok(stack.logged.some((line) => line.includes("not served")));
});

test("a tree rebuilt over changed events is not the one that the ledger anchored", async () => {
  await using stack = await startStack(QUIET);
  const ids = await stack.publish(...STORY);
  using tables = new Tables(stack);
  const rows = tables.rows("event").map((row) => ({ ...row }));
  const [first] = rows as [Record<string, SQLOutputValue>];
  const text = Buffer.from(first["bytes"] as Uint8Array).toString("utf8");
  first["bytes"] = Buffer.from(text.replace("hospital-a/Report/1", "hospital-a/Report/7"));
  const levels = merkleLevels(rows.map((row) => leafHash(row["bytes"] as Uint8Array)));
  const root = hex(levels.at(-1)?.[0] as Uint8Array);
  tables.replace("event", rows);
  const batches = tables.rows("batch").map((row) => ({
    ...row,
    tree: Buffer.concat(levels.flat()),
    body: JSON.stringify({ ...JSON.parse(row["body"] as string), root }),
  }));
  tables.replace("batch", batches);
  for (const id of ids) assert.equal((await stack.get(`/v1/events/${id}`)).body.state, "integrity-failure");
  const { owner, stream } = (await stack.ledger.listStreams())[0] ?? {};
  assert.equal((await stack.get(`/v1/batches/${owner}:${stream}:0`)).body.state, "integrity-failure");
});
