/** The ledger's file: opening it, its tables, its write lock, and SQLite's errors as the ledger's port names them. */
import type { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode, MedtraceError } from "@medtrace/shared/errors";
import { hasTables, openConnection, openReader as openFileReader } from "../../sqlite/database.ts";
import { isInputOutput, isLocked, storageError } from "../../sqlite/errors.ts";

const WHAT = "ledger";
export const FILE = "ledger.sqlite";
const PLACE = { what: WHAT, file: FILE };
const SCHEMA_VERSION = 1;
/** A lock is held for one commit, a few milliseconds; waiting for it in SQLite blocks the thread. */
const LOCK_WAIT_MS = 250;
/** After this the holder of the lock must be stuck. */
const LOCK_MS_MAX = 10_000;
const LOCK_RETRY_MS = 5;
const CACHE_KIB = 2_048;

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
export function openDatabase(folder: string, { pages_max }: DatabaseOptions = {}): DatabaseSync {
  return openConnection({
    ...PLACE,
    folder,
    synchronous: "FULL",
    cacheKib: CACHE_KIB,
    pages_max,
    lockWait_ms: LOCK_WAIT_MS,
  });
}

/** A second connection to the same file, that only reads. */
export function openReader(folder: string): DatabaseSync {
  return openFileReader({ ...PLACE, folder });
}

/** Whether the ledger was made: its tables are there. */
export function isMade(db: DatabaseSync): boolean {
  return hasTables(db, { what: WHAT, version: SCHEMA_VERSION });
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
  await whileLocked(() => db.exec("BEGIN IMMEDIATE"));
  // From here to the end there is no await: nothing else of this thread comes between.
  let committing = false;
  try {
    const result = work();
    committing = true;
    db.exec("COMMIT");
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw committing && isInputOutput(error) ? unknown(error) : asMedtraceError(error);
  }
}

async function whileLocked(action: () => void): Promise<void> {
  const deadline = performance.now() + LOCK_MS_MAX;
  for (;;) {
    try {
      action();
      return;
    } catch (error) {
      if (!isLocked(error) || performance.now() > deadline) throw asMedtraceError(error);
      await sleep(LOCK_RETRY_MS);
    }
  }
}

function unknown(cause: unknown): MedtraceError {
  return new MedtraceError("LEDGER_UNKNOWN", `ledger: ${(cause as Error).message} during a commit`, {
    hint: "check the disk; the same batch may be anchored again safely",
    cause,
  });
}

/** The error as a MedtraceError where it came from storage, else as it is. */
export function asMedtraceError(error: unknown): unknown {
  const known = storageError(error, WHAT);
  // BUSY without SQLite's word for it is the ledger's own: too many wait.
  if (!hasCode(known, "BUSY") || !isLocked(known)) return known;
  return new MedtraceError("LEDGER_UNAVAILABLE", known.message, {
    hint: "another process holds the ledger's lock: see which, and whether it is stuck",
    cause: error,
  });
}
