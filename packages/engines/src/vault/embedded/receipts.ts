/** Receipts in a SQLite file of their own: they can be read back from the event log, so a lighter commit will do. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { fromHex } from "@medtrace/shared/model/bytes";
import type { Receipt } from "@medtrace/shared/ports/vault";
import { inTransaction, openFile } from "../../sqlite/database.ts";

const WHAT = "receipts";

const SCHEMA = `
  CREATE TABLE receipt (id BLOB PRIMARY KEY, digest TEXT NOT NULL, institution TEXT NOT NULL,
    partition INTEGER NOT NULL, offset INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE watermark (partition INTEGER PRIMARY KEY, covered INTEGER NOT NULL) STRICT`;

export class Receipts implements Disposable {
  readonly #db: DatabaseSync;
  readonly #get: StatementSync;
  readonly #add: StatementSync;
  readonly #cover: StatementSync;

  constructor(folder: string, pages_max: number | undefined) {
    this.#db = openFile({
      what: WHAT,
      folder,
      file: "receipts.sqlite",
      schema: SCHEMA,
      version: 1,
      synchronous: "NORMAL",
      cacheKib: 8_192,
      pages_max,
    });
    this.#get = this.#db.prepare("SELECT digest, institution, partition, offset FROM receipt WHERE id = ?");
    this.#add = this.#db.prepare(
      "INSERT OR IGNORE INTO receipt (id, digest, institution, partition, offset) VALUES (?, ?, ?, ?, ?)",
    );
    this.#cover = this.#db.prepare(
      "INSERT INTO watermark (partition, covered) VALUES (?, ?) ON CONFLICT DO UPDATE SET covered = max(covered, excluded.covered)",
    );
  }

  find(ids: readonly string[]): ReadonlyMap<string, Receipt> {
    const found = new Map<string, Receipt>();
    for (const id of ids) {
      const row = this.#get.get(fromHex(id)) as Omit<Receipt, "id"> | undefined;
      if (row !== undefined) found.set(id, { ...row, id });
    }
    return found;
  }

  remember(receipts: readonly Receipt[], watermarks: Iterable<readonly [number, number]>): void {
    inTransaction(this.#db, WHAT, () => {
      for (const { id, digest, institution, partition, offset } of receipts) {
        this.#add.run(fromHex(id), digest, institution, partition, offset);
      }
      for (const [partition, covered] of watermarks) this.#cover.run(partition, covered);
    });
  }

  watermarks(): ReadonlyMap<number, number> {
    const rows = this.#db.prepare("SELECT partition, covered FROM watermark ORDER BY partition").all();
    return new Map(rows.map((row) => [row["partition"] as number, row["covered"] as number]));
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
