/** Opening the ledger's file, its tables, its write lock, and SQLite's errors in the project's own terms. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";

export const FILE = "ledger.sqlite";
const SCHEMA_VERSION = 1;
/** A lock is held for one commit, a few milliseconds; waiting for it in SQLite blocks the thread. */
const BUSY_MS_MAX = 250;
/** After this the holder of the lock must be stuck. */
const LOCK_MS_MAX = 10_000;
const LOCK_RETRY_MS = 5;
const WAL_BYTES_MAX = 64 * 1_048_576;

const TABLES: Readonly<Record<string, string>> = {
  // Canonical text of each block, and the signed note over all blocks up to it; both in UTF-8.
  block: "CREATE TABLE block (number INTEGER PRIMARY KEY, text BLOB NOT NULL, checkpoint BLOB NOT NULL) STRICT",
  // Hashes of the perfect subtrees of the RFC 6962 tree over the blocks; level 0 holds the blocks' own hashes.
  node:
    "CREATE TABLE node (level INTEGER NOT NULL, position INTEGER NOT NULL, hash BLOB NOT NULL, " +
    "PRIMARY KEY (level, position)) STRICT, WITHOUT ROWID",
  // In which block each transaction is.
  receipt:
    "CREATE TABLE receipt (transaction_id TEXT NOT NULL PRIMARY KEY, block INTEGER NOT NULL) STRICT, WITHOUT ROWID",
  // The contract's world state.
  state: "CREATE TABLE state (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
};

export interface DatabaseOptions {
  /** The file may not outgrow this many pages of 4,096 bytes; by default only the disk ends it. */
  readonly pages_max?: number;
}

/** A connection to the file of this folder, which need not hold tables yet. */
export async function openDatabase(folder: string, options: DatabaseOptions = {}): Promise<DatabaseSync> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(join(folder, FILE), { timeout: BUSY_MS_MAX });
  try {
    // Two processes may be changing the same new file to WAL.
    await whileBusy(() => db.exec("PRAGMA journal_mode = WAL"));
    db.exec(`PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = ${WAL_BYTES_MAX}`);
    if (options.pages_max !== undefined) db.exec(`PRAGMA max_page_count = ${Math.trunc(options.pages_max)}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A second connection to the same file, that only reads. */
export function openReader(folder: string): DatabaseSync {
  return new DatabaseSync(join(folder, FILE), { readOnly: true, timeout: BUSY_MS_MAX });
}

/** Whether the ledger was made: its tables are there. */
export function isMade(db: DatabaseSync): boolean {
  const version = db.prepare("PRAGMA user_version").get()?.["user_version"];
  if (version === 0 || version === SCHEMA_VERSION) return version === SCHEMA_VERSION;
  throw new MedtraceError("CONFIGURATION", `the ledger is of schema ${version}, this version knows ${SCHEMA_VERSION}`);
}

export function makeTables(db: DatabaseSync): void {
  db.exec(`${Object.values(TABLES).join(";")}; PRAGMA user_version = ${SCHEMA_VERSION}`);
}

/** What the file's schema has more or less than it should: a trigger or a view could change what rows say. */
export function schemaFaults(db: DatabaseSync): string[] {
  const rows = db.prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'").all();
  const found = new Map(rows.map((row) => [row["name"] as string, row["sql"]]));
  return [
    ...Object.keys(TABLES)
      .filter((name) => found.get(name) !== TABLES[name])
      .map((name) => `table ${name} is not as it was made`),
    ...[...found.keys()].filter((name) => !Object.hasOwn(TABLES, name)).map((name) => `${name} does not belong here`),
  ];
}

/**
 * Does some work in one write transaction: all of it is durable when this resolves, or nothing of it was done.
 *
 * @throws MedtraceError LEDGER_UNAVAILABLE while another holds the lock for too long, STORAGE_FAILED, LEDGER_UNKNOWN
 * where the disk failed during the commit itself; and whatever the work throws.
 */
export async function inWriteTransaction<T>(db: DatabaseSync, work: () => T): Promise<T> {
  await whileBusy(() => db.exec("BEGIN IMMEDIATE"));
  // From here to the end there is no await: nothing else of this thread comes between.
  let committing = false;
  try {
    const result = work();
    committing = true;
    db.exec("COMMIT");
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw committing && resultCode(error) === IO_ERROR ? unknown(error) : asMedtraceError(error);
  }
}

async function whileBusy(action: () => void): Promise<void> {
  const deadline = performance.now() + LOCK_MS_MAX;
  for (;;) {
    try {
      action();
      return;
    } catch (error) {
      if (resultCode(error) !== BUSY || performance.now() > deadline) throw asMedtraceError(error);
      await sleep(LOCK_RETRY_MS);
    }
  }
}

const BUSY = 5;
const IO_ERROR = 10;

/** Primary result codes (SQLite C API, "Result and Error Codes"): busy, locked, readonly, I/O, corrupt, full, … */
const ERROR_OF_RESULT: Readonly<Record<number, ErrorCode>> = {
  5: "LEDGER_UNAVAILABLE",
  6: "LEDGER_UNAVAILABLE",
  8: "STORAGE_FAILED",
  10: "STORAGE_FAILED",
  11: "INTEGRITY",
  13: "STORAGE_FAILED",
  14: "STORAGE_FAILED",
  26: "INTEGRITY",
};
const ERROR_OF_SYSTEM: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: "STORAGE_FAILED",
  EDQUOT: "STORAGE_FAILED",
  EROFS: "STORAGE_FAILED",
  EIO: "STORAGE_FAILED",
  EACCES: "STORAGE_FAILED",
  EPERM: "STORAGE_FAILED",
  EEXIST: "STORAGE_FAILED",
  ENOTDIR: "STORAGE_FAILED",
  // A stored number that no JavaScript number can be: none was written.
  ERR_OUT_OF_RANGE: "INTEGRITY",
};

const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  LEDGER_UNAVAILABLE: "another process holds the ledger's lock: see which, and whether it is stuck",
  STORAGE_FAILED: "check the disk, its free space and the folder's permissions",
  INTEGRITY: "run fsck; restore the ledger's folder from a backup",
};

function resultCode(error: unknown): number {
  // The primary code is the low byte of the extended one.
  return ((error as { errcode?: number }).errcode ?? 0) & 0xff;
}

function unknown(cause: unknown): MedtraceError {
  return new MedtraceError("LEDGER_UNKNOWN", `ledger: ${(cause as Error).message} during a commit`, {
    hint: "check the disk; the same batch may be anchored again safely",
    cause,
  });
}

/** The error as a MedtraceError where it came from storage, else as it is. */
export function asMedtraceError(error: unknown): unknown {
  if (error instanceof MedtraceError) return error;
  const code = ERROR_OF_RESULT[resultCode(error)] ?? ERROR_OF_SYSTEM[(error as { code?: string }).code ?? ""];
  if (code === undefined) return error;
  const hint = HINTS[code];
  return new MedtraceError(code, `ledger: ${(error as Error).message}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
