/**
 * The content as lines, from one snapshot, and the faults of what no line shows: numbers that stand for text, keys
 * that rows are looked up by. Together they cover every column of every row.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Checkpoint, ProjectionCounts } from "@medtrace/shared/ports/projection";
import {
  batchLine,
  checkpointLine,
  derivationLine,
  eventLine,
  facetLine,
  faultLine,
  incidentLine,
  joinLine,
} from "@medtrace/shared/projection-content";
import { type Row, recipientsOf, relationOf, storedBatch, storedEvent, storedIncident, timeText } from "./rows.ts";
import {
  EVERY_EVENT,
  eventKey,
  FACET_KINDS,
  producedView,
  receivedView,
  STRUCTURES,
  type TermKind,
  termKey,
} from "./schema.ts";

const STRUCTURE_FAULTS_MAX = 20;
/** Of faults in rows: enough to see what happened, whatever was done to the file. */
const ROW_FAULTS_MAX = 1_000;

/** What was seen on the way, to hold the tables against each other at the end. */
interface Seen {
  events: number;
  entries: number;
  derivations: number;
  /** One past the last seq of each batch that has events, by the batch's number. */
  readonly seqEnds: Map<number, number>;
  readonly faults: string[];
}

/** Every line, in the order of projection-content.ts. The connection is used for nothing else meanwhile. */
export function* contentLines(db: DatabaseSync): Generator<string> {
  const seen: Seen = { events: 0, entries: 0, derivations: 0, seqEnds: new Map(), faults: [] };
  db.exec("BEGIN");
  try {
    yield firstLine(db);
    for (const row of iterate(db, "SELECT * FROM batch ORDER BY owner, stream, sequence")) {
      yield batchLine(storedBatch(row), row["tree"] as Uint8Array);
    }
    yield* eventLines(db, seen);
    yield* facetLines(db, seen);
    yield* derivationLines(db, seen);
    for (const row of iterate(db, "SELECT * FROM joined ORDER BY token, other, seq")) {
      yield joinLine(row["token"] as string, row["other"] as string, row["seq"] as number);
    }
    for (const row of iterate(db, "SELECT * FROM incident ORDER BY number")) {
      yield incidentLine(row["number"] as number, row["block"] as number, storedIncident(row));
    }
    const faults = [...structureFaults(db), ...countFaults(db, seen), ...batchFaults(db, seen), ...seen.faults];
    for (const fault of [...new Set(faults)].sort()) yield faultLine(fault);
  } finally {
    db.exec("COMMIT");
  }
}

function iterate(db: DatabaseSync, sql: string): Iterable<Row> {
  return db.prepare(sql).iterate();
}

function note(seen: Seen, fault: string): void {
  if (seen.faults.length < ROW_FAULTS_MAX) seen.faults.push(fault);
}

function firstLine(db: DatabaseSync): string {
  const row = db.prepare("SELECT * FROM checkpoint").get() as unknown as (ProjectionCounts & Checkpoint) | undefined;
  return checkpointLine(row, row ?? { events: 0, batches: 0, leaves: 0, duplicates: 0, incidents: 0 });
}

function* eventLines(db: DatabaseSync, seen: Seen): Generator<string> {
  const listed = db.prepare("SELECT 1 FROM entry WHERE term = ? AND view = ? AND at = ? AND seq = ?");
  const name = db.prepare("SELECT id FROM term WHERE key = ? AND kind = 0 AND value = ?");
  const viewOf = (recipient: string): number => {
    const id = name.get(termKey(0, recipient), recipient)?.["id"] as number | undefined;
    return receivedView(id ?? -1);
  };
  const rows = iterate(
    db,
    `SELECT e.*, b.owner, b.stream, b.sequence, i.value AS name
     FROM event e JOIN batch b ON b.id = e.batch JOIN term i ON i.id = e.institution ORDER BY e.seq`,
  );
  for (const row of rows) {
    const event = storedEvent(row);
    const recipients = recipientsOf(row["recipients"]);
    const institution = row["name"] as string;
    yield eventLine(event, institution, recipients);
    const others = recipients.filter((recipient) => recipient !== institution);
    const views = new Set([producedView(row["institution"] as number), ...others.map(viewOf)]);
    for (const view of views) {
      seen.entries += 1;
      if (listed.get(EVERY_EVENT, view, row["at"] as number, event.seq) === undefined) {
        note(seen, `event ${event.seq} is missing from the list of every event`);
      }
    }
    if (eventKey(row["id"] as Uint8Array) !== row["key"]) note(seen, `event ${event.seq} has a wrong key`);
    seen.events += 1;
    seen.seqEnds.set(row["batch"] as number, event.seq + 1);
  }
}

function* facetLines(db: DatabaseSync, seen: Seen): Generator<string> {
  const nextView = db.prepare("SELECT view FROM entry WHERE term = ? AND view > ? ORDER BY view LIMIT 1");
  const nameOf = db.prepare("SELECT value FROM term WHERE id = ? AND kind = 0");
  const places = db.prepare("SELECT at, seq FROM entry WHERE term = ? AND view = ? ORDER BY at, seq");
  const viewsOf = (term: number): { view: number; viewer: string }[] => {
    const views: { view: number; viewer: string }[] = [];
    for (let row = nextView.get(term, -1); row !== undefined; row = nextView.get(term, row["view"] as number)) {
      const view = row["view"] as number;
      views.push({ view, viewer: (nameOf.get(Math.floor(view / 2))?.["value"] as string | undefined) ?? "" });
    }
    const byName = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
    return views.sort((a, b) => byName(a.viewer, b.viewer) || a.view - b.view);
  };
  for (const row of iterate(db, "SELECT * FROM term ORDER BY kind, value")) {
    const term = row["id"] as number;
    const value = row["value"] as string;
    const code = row["kind"] as TermKind;
    if (termKey(code, value) !== row["key"]) note(seen, `term ${term} has a wrong key`);
    const kind = FACET_KINDS[code];
    if (kind === undefined) continue;
    for (const { view, viewer } of viewsOf(term)) {
      const way = view % 2 === 0 ? "produced" : "received";
      for (const place of places.iterate(term, view)) {
        seen.entries += 1;
        yield facetLine({ kind, value }, viewer, way, { at: timeText(place["at"]), seq: place["seq"] as number });
      }
    }
  }
}

function* derivationLines(db: DatabaseSync, seen: Seen): Generator<string> {
  const sql = `SELECT f.value AS source, t.value AS target, d.relation, d.seq FROM derivation d
    JOIN term f ON f.id = d.source JOIN term t ON t.id = d.target ORDER BY 1, 2`;
  // Relations are kept as numbers but ordered by name: the edges of one pair are put in order here.
  let pair: string[][] = [];
  const flush = function* (): Generator<string> {
    const keyed = pair.sort(([a = "", x = ""], [b = "", y = ""]) => (a < b ? -1 : a > b ? 1 : Number(x) - Number(y)));
    for (const [, , text] of keyed) yield text as string;
    pair = [];
  };
  let ends = "";
  for (const row of iterate(db, sql)) {
    const from = row["source"] as string;
    const to = row["target"] as string;
    const next = JSON.stringify([from, to]);
    if (next !== ends) yield* flush();
    ends = next;
    const relation = relationOf(row["relation"]);
    pair.push([relation, String(row["seq"]), derivationLine({ from, to, relation }, row["seq"] as number)]);
    seen.derivations += 1;
  }
  yield* flush();
}

/** What SQLite finds wrong, and what stands in the file beside our tables: a trigger could change what rows say. */
function structureFaults(db: DatabaseSync): string[] {
  const checked = db.prepare(`PRAGMA integrity_check(${STRUCTURE_FAULTS_MAX})`).all();
  const faults = checked.map((row) => String(row["integrity_check"])).filter((text) => text !== "ok");
  const found = new Map(
    db
      .prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'")
      .all()
      .map((row) => [String(row["name"]), row["sql"]]),
  );
  for (const name of new Set([...found.keys(), ...Object.keys(STRUCTURES)])) {
    if (found.get(name) !== STRUCTURES[name]) faults.push(`${name} is not as the projection's schema has it`);
  }
  return faults;
}

/** Rows that no line came from: they point to a batch, an institution or a term that is not there. */
function countFaults(db: DatabaseSync, seen: Seen): string[] {
  const faults: string[] = [];
  for (const [table, lines] of [
    ["event", seen.events],
    ["entry", seen.entries],
    ["derivation", seen.derivations],
  ] as const) {
    const rows = db.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.["rows"] as number;
    if (rows !== lines) faults.push(`${table} has ${rows} rows where ${lines} belong to something`);
  }
  const unused = db.prepare(
    `SELECT id FROM term WHERE NOT EXISTS (SELECT 1 FROM entry WHERE term = term.id)
       AND NOT EXISTS (SELECT 1 FROM derivation WHERE source = term.id)
       AND NOT EXISTS (SELECT 1 FROM derivation WHERE target = term.id)
       AND NOT (kind = 0 AND EXISTS
         (SELECT 1 FROM entry WHERE term = ${EVERY_EVENT} AND view IN (term.id * 2, term.id * 2 + 1)))
     LIMIT ${STRUCTURE_FAULTS_MAX}`,
  );
  for (const row of unused.iterate()) faults.push(`term ${row["id"]} belongs to nothing`);
  return faults;
}

function batchFaults(db: DatabaseSync, seen: Seen): string[] {
  const faults: string[] = [];
  let seqEnd = 0;
  let number = 0;
  for (const row of iterate(db, "SELECT id, seq_end FROM batch ORDER BY id")) {
    seqEnd = seen.seqEnds.get(row["id"] as number) ?? seqEnd;
    if (row["seq_end"] !== seqEnd) faults.push(`batch number ${row["id"]} does not end at its last event`);
    if (row["id"] !== number++) faults.push(`batch number ${row["id"]} is out of place`);
    if (faults.length >= ROW_FAULTS_MAX) break;
  }
  return faults;
}
