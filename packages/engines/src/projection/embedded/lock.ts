/** One projector at a time per folder: a lock that the operating system takes back when its process dies. */
import { join } from "node:path";
import { MedtraceError } from "@medtrace/shared/errors";
import type { ProjectorLock } from "@medtrace/shared/ports/projection";
import { tryLock } from "../../sqlite/lock.ts";

/**
 * Takes the folder's projector lock; disposing gives it back.
 *
 * @throws MedtraceError LOCKED while another process or thread holds it.
 */
export async function lockFolder(folder: string): Promise<ProjectorLock> {
  const lock = tryLock(join(folder, "projector.lock"));
  if (lock === undefined) {
    throw new MedtraceError("LOCKED", "another projector works on this projection", {
      at: folder,
      hint: "stop the running service first, or wait until it has stopped",
    });
  }
  return {
    term: 0,
    async [Symbol.asyncDispose]() {
      lock[Symbol.dispose]();
    },
  };
}
