/** A SQLite file in a folder of its own: write-ahead log, one schema version, whole transactions. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MedtraceError } from "@medtrace/shared/errors";
import { isLocked, storageError } from "./errors.ts";

export interface ConnectionOptions {
  /** What the file holds, for error texts: `event log`. */
  readonly what: string;
  readonly folder: string;
  /** Name of the file in the folder. */
  readonly file: string;
  /** Memory for pages of the file. A file that only grows at its end needs little. */
  readonly cacheKib: number;
  /** FULL: a commit survives a power cut. NORMAL: it survives the process. */
  readonly synchronous: "FULL" | "NORMAL";
  /** The file may not outgrow this many pages of 4,096 bytes; by default only the disk ends it. */
  readonly pages_max?: number | undefined;
  /** How long a statement waits, and the thread with it, while another connection holds the lock. */
  readonly lockWait_ms?: number;
}

export interface FileOptions extends ConnectionOptions {
  /** Statements that make the tables, run once. */
  readonly schema: string;
  readonly version: number;
}

const LOCK_WAIT_MS = 5_000;
const LOCK_RETRY_MS = 10;
const WAL_BYTES_MAX = 64 * 1_048_576;
/** Of 4,096 bytes, before they are copied into the file: pages that change again and again are copied once. */
const WAL_PAGES = 8_000;

/**
 * Opens the file, and makes folder and tables where there are none.
 *
 * @throws MedtraceError STORAGE_FAILED, BUSY, INTEGRITY (not a database), CONFIGURATION (made by another version).
 */
export function openFile(options: FileOptions): DatabaseSync {
  const db = openConnection(options);
  try {
    makeTables(db, options);
    return db;
  } catch (error) {
    db.close();
    throw storageError(error, options.what);
  }
}

/**
 * A connection to the file, which need not hold tables yet; the folder is made where there is none.
 *
 * @throws MedtraceError STORAGE_FAILED, BUSY, INTEGRITY (not a database).
 */
export function openConnection(options: ConnectionOptions): DatabaseSync {
  const { folder, file, what, cacheKib, synchronous, pages_max, lockWait_ms = LOCK_WAIT_MS } = options;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const db = new DatabaseSync(join(folder, file), { timeout: lockWait_ms });
    try {
      changeJournal(db);
      db.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -${cacheKib};
        PRAGMA journal_size_limit = ${WAL_BYTES_MAX}; PRAGMA wal_autocheckpoint = ${WAL_PAGES}`);
      if (pages_max !== undefined) db.exec(`PRAGMA max_page_count = ${Math.trunc(pages_max)}`);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    throw storageError(error, what);
  }
}

/** A second connection to a file, that only reads. @throws MedtraceError as {@link openConnection} */
export function openReader({ what, folder, file }: Pick<ConnectionOptions, "what" | "folder" | "file">): DatabaseSync {
  try {
    return new DatabaseSync(join(folder, file), { readOnly: true, timeout: LOCK_WAIT_MS });
  } catch (error) {
    throw storageError(error, what);
  }
}

/** Several processes may be making the same new file, and SQLite does not wait for another's change of journal. */
function changeJournal(db: DatabaseSync): void {
  const deadline = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      db.exec("PRAGMA journal_mode = WAL");
      return;
    } catch (error) {
      if (!isLocked(error) || performance.now() > deadline) throw error;
      // The thread waits, as it does for any lock of SQLite's.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_RETRY_MS);
    }
  }
}

/** Whether the tables are there. @throws MedtraceError CONFIGURATION where another version made them. */
export function hasTables(db: DatabaseSync, { what, version }: Pick<FileOptions, "what" | "version">): boolean {
  const found = db.prepare("PRAGMA user_version").get()?.["user_version"] as number;
  if (found === 0 || found === version) return found === version;
  throw new MedtraceError("CONFIGURATION", `the ${what} is of schema ${found}, this version knows ${version}`);
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

function makeTables(db: DatabaseSync, options: FileOptions): void {
  if (hasTables(db, options)) return;
  inTransaction(db, options.what, () => {
    // Another process may have made them since.
    if (!hasTables(db, options)) db.exec(`${options.schema}; PRAGMA user_version = ${options.version}`);
  });
}
