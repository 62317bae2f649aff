/** Opening the projection's file, and SQLite's errors in the project's own terms. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode, MedtraceError } from "@medtrace/shared/errors";
import { openFile } from "../../sqlite/database.ts";
import { resultCode, storageError } from "../../sqlite/errors.ts";
import { SCHEMA_VERSION, STRUCTURES } from "./schema.ts";

const WHAT = "projection";
const FILE = "projection.sqlite";
const BUSY_MS_MAX = 5_000;
const OPEN_TRIES_MAX = 50;
const OPEN_RETRY_MS = 100;
const CACHE_KIB = 16 * 1_024;
/**
 * Pages in the write-ahead log before they go into the file: 128 MiB. Events of many subjects touch many pages, each
 * again and again; the longer they gather, the fewer times each is written.
 */
const WAL_PAGES = 32_768;

/**
 * The database file of a projection's folder, its tables made where there are none.
 *
 * @throws MedtraceError STORAGE_FAILED, BUSY, INTEGRITY (no database), CONFIGURATION (of another schema: rebuild it).
 */
export async function openDatabase(folder: string): Promise<DatabaseSync> {
  for (let tries = 1; ; tries++) {
    try {
      return open(folder);
    } catch (error) {
      // Several processes may be making the same new file; SQLite does not wait for another's change of journal.
      if (!hasCode(error, "BUSY") || tries === OPEN_TRIES_MAX) throw error;
      await sleep(OPEN_RETRY_MS);
    }
  }
}

function open(folder: string): DatabaseSync {
  const schema = Object.values(STRUCTURES).join(";");
  // NORMAL: a power cut may lose the last blocks, whole; the checkpoint goes with them and they are applied again.
  const db = openFile({
    what: WHAT,
    folder,
    file: FILE,
    schema,
    version: SCHEMA_VERSION,
    synchronous: "NORMAL",
    cacheKib: CACHE_KIB,
  });
  db.exec(`PRAGMA wal_autocheckpoint = ${WAL_PAGES}`);
  return db;
}

/** A second connection to the same file, that only reads. */
export function openReader(folder: string): DatabaseSync {
  return new DatabaseSync(join(folder, FILE), { readOnly: true, timeout: BUSY_MS_MAX });
}

const CONSTRAINT = 19;

/** The error as a MedtraceError where it came from SQLite, else as it is. */
export function asMedtraceError(error: unknown): unknown {
  if (resultCode(error) !== CONSTRAINT) return storageError(error, WHAT);
  return new MedtraceError("INTEGRITY", "the projection holds rows that its checkpoint does not count", {
    hint: "run fsck, then rebuild",
    cause: error,
  });
}
