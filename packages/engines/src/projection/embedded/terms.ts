/** Terms: the text that facets, derivations and viewers are made of, each kept once under a number. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { EVERY_EVENT, TERM_KIND, type TermKind, termKey } from "./schema.ts";

const REMEMBERED_MAX = 32_768;

/** Finds terms; safe beside another connection that adds some. */
export class TermReader {
  readonly #find: StatementSync;

  constructor(db: DatabaseSync) {
    this.#find = db.prepare("SELECT id FROM term WHERE key = ? AND kind = ? AND value = ?");
  }

  /** The number of a term, or undefined where it was never used. */
  find(kind: TermKind, value: string): number | undefined {
    return this.#find.get(termKey(kind, value), kind, value)?.["id"] as number | undefined;
  }
}

/** Finds or adds terms, numbered in order of first use; remembers the latest. */
export class TermWriter {
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #last: StatementSync;
  /** By kind. Two generations: dropping the older whole costs nothing, while evicting one by one from a Map does. */
  #young = generation();
  #old = generation();
  #remembered = 0;
  #next: number | undefined;

  constructor(db: DatabaseSync) {
    this.#find = db.prepare("SELECT id FROM term WHERE key = ? AND kind = ? AND value = ?");
    this.#insert = db.prepare("INSERT INTO term (id, key, kind, value) VALUES (?, ?, ?, ?)");
    this.#last = db.prepare("SELECT max(id) AS id FROM term");
  }

  /** The term's number; within the caller's transaction. */
  intern(kind: TermKind, value: string): number {
    const known = this.#young[kind] as Map<string, number>;
    const young = known.get(value);
    if (young !== undefined) return young;
    const id = this.#old[kind]?.get(value) ?? this.#findOrAdd(kind, value);
    known.set(value, id);
    this.#remembered += 1;
    if (this.#remembered >= REMEMBERED_MAX) {
      this.#old = this.#young;
      this.#young = generation();
      this.#remembered = 0;
    }
    return id;
  }

  /** Must follow a rollback, or another connection's write: what is remembered may not be there. */
  forget(): void {
    this.#young = generation();
    this.#old = generation();
    this.#remembered = 0;
    this.#next = undefined;
  }

  #findOrAdd(kind: TermKind, value: string): number {
    const key = termKey(kind, value);
    const found = this.#find.get(key, kind, value)?.["id"] as number | undefined;
    if (found !== undefined) return found;
    const id = this.#next ?? ((this.#last.get()?.["id"] as number | null) ?? EVERY_EVENT) + 1;
    this.#insert.run(id, key, kind, value);
    this.#next = id + 1;
    return id;
  }
}

function generation(): Map<string, number>[] {
  return Object.values(TERM_KIND).map(() => new Map<string, number>());
}
