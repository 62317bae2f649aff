/** The files that a command line names: folders with all that is in them. */
import { opendir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";

/**
 * Every file of these paths, once, folders walked through in the order of names; hidden files and folders inside them
 * are left out, and what is no file, such as a pipe. Links are followed, though never round in a circle; one that leads
 * nowhere counts as a file, which cannot be read.
 *
 * @throws Failure at the first path that does not exist, before any folder is walked through.
 */
export async function filesOf(paths: readonly string[]): Promise<readonly string[]> {
  for (const path of paths) {
    await stat(path).catch((cause: unknown) => {
      throw new Failure("there is no such file or folder", { at: path, cause });
    });
  }
  const seen = new Set<string>();
  const files: string[] = [];
  for (const path of paths) for await (const file of walk(path, seen)) files.push(file);
  return files;
}

async function* walk(path: string, seen: Set<string>): AsyncGenerator<string> {
  const real = await realpath(path).catch(() => undefined);
  // Whoever reads it will be told why it cannot be read.
  if (real === undefined) yield path;
  if (real === undefined || seen.has(real)) return;
  seen.add(real);
  const found = await stat(real);
  if (found.isFile()) yield path;
  if (!found.isDirectory()) return;
  const names: string[] = [];
  for await (const entry of await opendir(real)) if (!entry.name.startsWith(".")) names.push(entry.name);
  for (const name of names.sort()) yield* walk(join(path, name), seen);
}
