/** Derivations, by either end, and the closure of joined subject tokens. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { PROJECTION_LIMITS, type StoredDerivation, type StoredJoin } from "@medtrace/shared/ports/projection";
import { bounded } from "../limits.ts";
import { eventId, storedDerivation } from "./rows.ts";
import { TERM_KIND } from "./schema.ts";
import type { TermReader } from "./terms.ts";

interface Edge {
  readonly seq: number;
  readonly source: number;
  readonly target: number;
  readonly relation: number;
}

export class Edges {
  readonly #terms: TermReader;
  readonly #down: StatementSync;
  readonly #up: StatementSync;
  readonly #details: StatementSync;
  readonly #joined: StatementSync;
  readonly #joins: StatementSync;
  readonly #eventId: StatementSync;

  constructor(db: DatabaseSync, terms: TermReader) {
    const columns = "seq, source, target, relation";
    this.#terms = terms;
    this.#down = db.prepare(
      `SELECT ${columns} FROM derivation WHERE source = ? ORDER BY seq, target, relation LIMIT ?`,
    );
    this.#up = db.prepare(`SELECT ${columns} FROM derivation WHERE target = ? ORDER BY seq, source, relation LIMIT ?`);
    this.#details = db.prepare(
      `SELECT f.value AS from_record, t.value AS to_record, ? AS relation, e.id, i.value AS institution, e.recipients
       FROM event e JOIN term i ON i.id = e.institution JOIN term f ON f.id = ? JOIN term t ON t.id = ?
       WHERE e.seq = ?`,
    );
    this.#joined = db.prepare("SELECT DISTINCT other FROM joined WHERE token = ? ORDER BY other LIMIT ?");
    this.#joins = db.prepare(
      "SELECT other, min(seq) AS seq FROM joined WHERE token = ? GROUP BY other ORDER BY other LIMIT ?",
    );
    this.#eventId = db.prepare("SELECT id FROM event WHERE seq = ?");
  }

  derivations(records: readonly string[], direction: "up" | "down", limit: number): StoredDerivation[] {
    bounded("limit", limit, PROJECTION_LIMITS.derivationsMax);
    if (records.length === 0) return [];
    bounded("records", records.length, PROJECTION_LIMITS.facetsMax);
    let first: Edge[] = [];
    for (const record of new Set(records)) {
      const term = this.#terms.find(TERM_KIND.record, record);
      if (term === undefined) continue;
      const found = (direction === "down" ? this.#down : this.#up).all(term, limit) as unknown as Edge[];
      first = firstEdges([...first, ...found], limit);
    }
    return first.map(({ seq, source, target, relation }) =>
      storedDerivation(this.#details.get(relation, source, target, seq) ?? {}),
    );
  }

  /** Breadth first, so that what is cut off at the limit is farthest away. */
  closure(token: string): string[] {
    const found = new Set([token]);
    for (const near of found) {
      if (found.size >= PROJECTION_LIMITS.closureMax) break;
      for (const row of this.#joined.all(near, PROJECTION_LIMITS.closureMax)) {
        if (found.size < PROJECTION_LIMITS.closureMax) found.add(row["other"] as string);
      }
    }
    return [...found].sort();
  }

  joins(token: string): StoredJoin[] {
    return this.#joins.all(token, PROJECTION_LIMITS.closureMax).map((row) => ({
      other: row["other"] as string,
      event: eventId(this.#eventId.get(row["seq"] as number)?.["id"]),
    }));
  }
}

function firstEdges(edges: Edge[], limit: number): Edge[] {
  const ordered = edges.sort(
    (a, b) => a.seq - b.seq || a.source - b.source || a.target - b.target || a.relation - b.relation,
  );
  return ordered.slice(0, limit);
}
