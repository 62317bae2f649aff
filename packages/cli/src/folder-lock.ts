/** One embedded medtrace per data folder: a lock that the operating system takes back when its process dies. */
import { DatabaseSync } from "node:sqlite";
import { MedtraceError } from "@medtrace/shared/errors";

/**
 * Takes the lock at this path; disposing gives it back.
 *
 * @throws MedtraceError LOCKED while another process holds it.
 */
export async function takeFolderLock(path: string): Promise<AsyncDisposable> {
  const db = new DatabaseSync(path);
  try {
    // SQLite's own file lock, held by the open transaction: it goes with the process, however that ends.
    db.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    db.close();
    throw new MedtraceError("LOCKED", "another medtrace runs on this data folder", {
      at: path,
      hint: "stop it first, or set MEDTRACE_DATA to another folder",
      cause,
    });
  }
  return {
    async [Symbol.asyncDispose]() {
      db.close();
    },
  };
}
