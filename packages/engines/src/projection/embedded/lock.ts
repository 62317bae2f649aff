/** One projector at a time per folder: a lock that the operating system takes back when its process dies. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MedtraceError } from "@medtrace/shared/errors";
import { asMedtraceError } from "./database.ts";

const FILE = "projector-lock.sqlite";

/**
 * Takes the folder's projector lock; disposing gives it back.
 *
 * @throws MedtraceError LOCKED while another process or thread holds it.
 */
export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(join(folder, FILE));
  try {
    // SQLite's own file lock: held by the open transaction, between threads as between processes.
    db.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    const cause = asMedtraceError(error);
    if (!(cause instanceof MedtraceError) || cause.code !== "BUSY") throw cause;
    throw new MedtraceError("LOCKED", "another projector works on this projection", {
      at: folder,
      hint: "stop the running service first, or wait until it has stopped",
      cause,
    });
  }
  return {
    async [Symbol.asyncDispose]() {
      db.close();
    },
  };
}
