/** Folders that are gone after the test. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
  /** What is in it now, in another folder. */
  copy(): Promise<TemporaryFolder>;
}

export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), "medtrace-"));
  return {
    path,
    async copy() {
      const copy = await temporaryFolder();
      await cp(path, copy.path, { recursive: true });
      return copy;
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
