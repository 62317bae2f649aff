/** A lock on a file that the operating system takes back when its process dies, however that happens. */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isLocked, storageError } from "./errors.ts";

/**
 * Takes the lock at this path, or gives undefined while another process, thread or connection holds it.
 *
 * @throws MedtraceError STORAGE_FAILED
 */
export function tryLock(path: string): Disposable | undefined {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const db = new DatabaseSync(path, { timeout: 0 });
    try {
      // SQLite's own file lock, held by the open transaction.
      db.exec("BEGIN EXCLUSIVE");
      return { [Symbol.dispose]: () => db.close() };
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    if (isLocked(error)) return undefined;
    throw storageError(error, "lock");
  }
}
