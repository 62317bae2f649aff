/** Reading the directory of institutions from its file. */
import { readFile } from "node:fs/promises";
import { MedtraceError } from "@medtrace/shared/errors";
import { createDirectory, type Directory } from "@medtrace/shared/model/directory";
import { z } from "zod";

const SHIPPED = new URL("../directory.json", import.meta.url);

const directoryFile = z.strictObject({
  institutions: z.array(
    z.strictObject({
      id: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, "wants 1 to 64 of A-Z a-z 0-9 . _ -"),
      aliases: z.array(z.string().min(1)),
    }),
  ),
  sharedIdentifierSystems: z.array(z.string().min(1)),
});

/**
 * The directory of a file; the one that ships where no path is given.
 *
 * @throws MedtraceError CONFIGURATION naming the file and what is wrong in it.
 */
export async function loadDirectory(path: string | undefined): Promise<Directory> {
  try {
    return createDirectory(directoryFile.parse(JSON.parse(await readFile(path ?? SHIPPED, "utf8"))));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new MedtraceError("CONFIGURATION", `the directory of institutions cannot be read: ${why}`, {
      at: `INGEST_DIRECTORY=${path ?? "(the one that ships)"}`,
      hint: "docs/configuration.md shows its form",
      cause,
    });
  }
}
