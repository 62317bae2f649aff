/**
 * Receipts in a SQLite file of their own. They can be read back from the event log, so they are gathered in memory and
 * written many at a time, in the order of the file: a row for itself costs more than the event it stands for.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { MedtraceError } from "@medtrace/shared/errors";
import { fromHex } from "@medtrace/shared/model/bytes";
import type { Receipt } from "@medtrace/shared/ports/vault";
import { inTransaction, openFile } from "../../sqlite/database.ts";
import { Covered } from "./covered.ts";

const WHAT = "receipts";
/** Writing begins at this many, or once the oldest has waited this long. */
const GATHERED_MIN = 8_192;
const WAIT_MS_MAX = 5_000;
/** Rows of one transaction: others get their turn between two. */
const SLICE = 512;
/** Where writing fails for long, no more than this is kept. */
const GATHERED_MAX = 65_536;

const SCHEMA = `
  CREATE TABLE receipt (id BLOB PRIMARY KEY, digest TEXT NOT NULL, institution TEXT NOT NULL,
    partition INTEGER NOT NULL, offset INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE watermark (partition INTEGER PRIMARY KEY, covered INTEGER NOT NULL) STRICT`;

export class Receipts implements Disposable {
  readonly #db: DatabaseSync;
  readonly #get: StatementSync;
  readonly #add: StatementSync;
  readonly #cover: StatementSync;
  readonly #gathered = new Map<string, Receipt>();
  readonly #covered: Covered;
  #timer: NodeJS.Timeout | undefined;
  /** The gathered receipts that are being written, slice by slice, and what they cover once all are. */
  #writing: { readonly receipts: readonly Receipt[]; done: number; readonly covered: Map<number, number> } | undefined;
  #next: NodeJS.Immediate | undefined;

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
    const rows = this.#db.prepare("SELECT partition, covered FROM watermark").all();
    this.#covered = new Covered(rows.map((row) => [row["partition"] as number, row["covered"] as number]));
  }

  /** A receipt in the file is older than one of the same id that waits. */
  find(ids: readonly string[]): ReadonlyMap<string, Receipt> {
    const found = new Map<string, Receipt>();
    for (const id of ids) {
      const row = this.#get.get(fromHex(id)) as Omit<Receipt, "id"> | undefined;
      const receipt = row === undefined ? this.#gathered.get(id) : { ...row, id };
      if (receipt !== undefined) found.set(id, receipt);
    }
    return found;
  }

  /** @throws MedtraceError STORAGE_FAILED once the file has taken nothing for GATHERED_MAX receipts, or is closed. */
  remember(receipts: readonly Receipt[], watermarks: ReadonlyMap<number, number>): void {
    if (!this.#db.isOpen) throw new MedtraceError("STORAGE_FAILED", "the vault is closed");
    for (const receipt of receipts) {
      if (!this.#gathered.has(receipt.id)) this.#gathered.set(receipt.id, receipt);
      this.#covered.note(receipt.partition, receipt.offset);
    }
    for (const [partition, covered] of watermarks) this.#covered.claim(partition, covered);
    if (this.#gathered.size >= GATHERED_MAX) this.flush();
    else if (this.#gathered.size >= GATHERED_MIN) this.#begin();
    else this.#timer ??= setTimeout(() => this.#begin(), WAIT_MS_MAX);
  }

  watermarks(): ReadonlyMap<number, number> {
    return this.#covered.ends();
  }

  /** Writes everything that waits, now. */
  flush(): void {
    clearImmediate(this.#next);
    this.#next = undefined;
    this.#start();
    while (this.#writing !== undefined) this.#writeSlice();
    // What came while the first was being written.
    if (this.#gathered.size > 0) this.flush();
  }

  #begin(): void {
    if (this.#next !== undefined) return;
    this.#start();
    this.#next = setImmediate(() => this.#step());
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing ??= {
      receipts: [...this.#gathered.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
      done: 0,
      covered: this.#covered.ends(),
    };
  }

  #step(): void {
    this.#next = undefined;
    try {
      this.#writeSlice();
    } catch {
      // Kept, and tried again with what comes: `remember` says so once too much waits.
      this.#timer ??= setTimeout(() => this.#begin(), WAIT_MS_MAX);
      return;
    }
    if (this.#writing !== undefined) this.#next = setImmediate(() => this.#step());
    else if (this.#gathered.size > 0) this.#timer ??= setTimeout(() => this.#begin(), WAIT_MS_MAX);
  }

  #writeSlice(): void {
    const writing = this.#writing;
    if (writing === undefined) return;
    const slice = writing.receipts.slice(writing.done, writing.done + SLICE);
    const last = writing.done + slice.length === writing.receipts.length;
    inTransaction(this.#db, WHAT, () => {
      for (const { id, digest, institution, partition, offset } of slice) {
        this.#add.run(fromHex(id), digest, institution, partition, offset);
      }
      // Only with the last slice does the file hold all that the watermarks speak of.
      if (last) for (const [partition, covered] of writing.covered) this.#cover.run(partition, covered);
    });
    for (const { id } of slice) this.#gathered.delete(id);
    writing.done += slice.length;
    if (last) this.#writing = undefined;
  }

  [Symbol.dispose](): void {
    try {
      this.flush();
    } finally {
      clearTimeout(this.#timer);
      this.#db.close();
    }
  }
}
