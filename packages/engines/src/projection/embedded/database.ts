/** Opening the projection's file, and SQLite's errors in the project's own terms. */
import type { DatabaseSync } from "node:sqlite";
import { MedtraceError } from "@medtrace/shared/errors";
import { openFile, openReader as openFileReader } from "../../sqlite/database.ts";
import { isConstraint, storageError } from "../../sqlite/errors.ts";
import { SCHEMA_VERSION, STRUCTURES } from "./schema.ts";

const WHAT = "projection";
const FILE = "projection.sqlite";
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
export function openDatabase(folder: string): DatabaseSync {
  // NORMAL: a power cut may lose the last blocks, whole; the checkpoint goes with them and they are applied again.
  const db = openFile({
    what: WHAT,
    folder,
    file: FILE,
    schema: Object.values(STRUCTURES).join(";"),
    version: SCHEMA_VERSION,
    synchronous: "NORMAL",
    cacheKib: CACHE_KIB,
  });
  db.exec(`PRAGMA wal_autocheckpoint = ${WAL_PAGES}`);
  return db;
}

/** A second connection to the same file, that only reads. */
export function openReader(folder: string): DatabaseSync {
  return openFileReader({ what: WHAT, folder, file: FILE });
}

/** The error as a MedtraceError where it came from SQLite, else as it is. */
export function asMedtraceError(error: unknown): unknown {
  if (!isConstraint(error)) return storageError(error, WHAT);
  return new MedtraceError("INTEGRITY", "the projection holds rows that its checkpoint does not count", {
    hint: "run fsck, then rebuild",
    cause: error,
  });
}
