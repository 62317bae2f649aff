/** A SQLite file in a folder of its own: write-ahead log, one schema version, whole transactions. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MedtraceError } from "@medtrace/shared/errors";
import { storageError } from "./errors.ts";

export interface FileOptions {
  /** What the file holds, for error texts: `event log`. */
  readonly what: string;
  readonly folder: string;
  /** Name of the file in the folder. */
  readonly file: string;
  /** Statements that make the tables, run once. */
  readonly schema: string;
  readonly version: number;
  /** Memory for pages of the file. A file that only grows at its end needs little. */
  readonly cacheKib: number;
  /** FULL: a commit survives a power cut. NORMAL: it survives the process. */
  readonly synchronous: "FULL" | "NORMAL";
  /** The file may not outgrow this many pages of 4,096 bytes; by default only the disk ends it. */
  readonly pages_max?: number | undefined;
}

const BUSY_MS_MAX = 5_000;
const WAL_BYTES_MAX = 64 * 1_048_576;

/**
 * Opens the file, and makes folder and tables where there are none.
 *
 * @throws MedtraceError STORAGE_FAILED, BUSY, INTEGRITY (not a database), CONFIGURATION (made by another version).
 */
export function openFile(options: FileOptions): DatabaseSync {
  try {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    const db = new DatabaseSync(join(options.folder, options.file), { timeout: BUSY_MS_MAX });
    try {
      db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.synchronous}; PRAGMA trusted_schema = OFF;
        PRAGMA cache_size = -${options.cacheKib}; PRAGMA journal_size_limit = ${WAL_BYTES_MAX}`);
      if (options.pages_max !== undefined) db.exec(`PRAGMA max_page_count = ${Math.trunc(options.pages_max)}`);
      makeTables(db, options);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    throw storageError(error, options.what);
  }
}

/** Does some work in one write transaction: all of it is durable when this returns, or nothing of it was done. */
export function inTransaction<T>(db: DatabaseSync, what: string, work: () => T): T {
  try {
    db.exec("BEGIN IMMEDIATE");
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw storageError(error, what);
  }
}

function makeTables(db: DatabaseSync, { what, schema, version }: FileOptions): void {
  const found = (): number => db.prepare("PRAGMA user_version").get()?.["user_version"] as number;
  if (found() === version) return;
  inTransaction(db, what, () => {
    // Another process may have made them since.
    if (found() === 0) db.exec(`${schema}; PRAGMA user_version = ${version}`);
    else if (found() !== version) {
      throw new MedtraceError("CONFIGURATION", `the ${what} is of schema ${found()}, this version knows ${version}`);
    }
  });
}
