/** Opening the projection's file, and SQLite's errors in the project's own terms. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";
import { PAGE_BYTES, SCHEMA_VERSION, STRUCTURES } from "./schema.ts";

const FILE = "projection.sqlite";
const BUSY_MS_MAX = 10_000;
const CACHE_KIB = 32 * 1_024;
/** Pages in the write-ahead log before they go into the file: 64 MiB, so that a page written often goes there once. */
const WAL_PAGES = 8_192;

/** The database file of a projection's folder, its tables made where there are none. */
export function openDatabase(folder: string): DatabaseSync {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(join(folder, FILE), { timeout: BUSY_MS_MAX });
  try {
    // NORMAL: a power cut may lose the last blocks, whole; the checkpoint goes with them and they are applied again.
    db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
      PRAGMA cache_size = -${CACHE_KIB}; PRAGMA wal_autocheckpoint = ${WAL_PAGES};
      PRAGMA journal_size_limit = ${WAL_PAGES * PAGE_BYTES};`);
    makeTables(db);
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

function makeTables(db: DatabaseSync): void {
  const version = (): number => db.prepare("PRAGMA user_version").get()?.["user_version"] as number;
  if (version() === SCHEMA_VERSION) return;
  db.exec("BEGIN IMMEDIATE");
  try {
    // Another process may have made them since.
    if (version() === 0) db.exec(`${Object.values(STRUCTURES).join(";")}; PRAGMA user_version = ${SCHEMA_VERSION}`);
    else if (version() !== SCHEMA_VERSION) {
      throw new MedtraceError("CONFIGURATION", `the projection is of schema ${version()}, not ${SCHEMA_VERSION}`, {
        hint: "remove its folder and rebuild it",
      });
    }
    db.exec("COMMIT");
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

const RESULT_CODES: Readonly<Record<number, ErrorCode>> = {
  5: "BUSY",
  6: "BUSY",
  8: "STORAGE_FAILED",
  10: "STORAGE_FAILED",
  11: "INTEGRITY",
  13: "STORAGE_FAILED",
  14: "STORAGE_FAILED",
  19: "INTEGRITY",
  26: "INTEGRITY",
};

/** The error as a MedtraceError where it came from SQLite, else as it is. */
export function asMedtraceError(error: unknown): unknown {
  // Primary result code: the low byte of the extended one (SQLite C API, "Result and Error Codes").
  const code = RESULT_CODES[((error as { errcode?: number }).errcode ?? 0) & 0xff];
  if (error instanceof MedtraceError || code === undefined) return error;
  const hint = code === "INTEGRITY" ? "run fsck, then rebuild" : "check the disk and who else uses this folder";
  return new MedtraceError(code, `projection: ${(error as Error).message}`, { hint, cause: error });
}
