/** A file of random bytes that only its owner may read, made once even where two processes make it at once. */
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { MedtraceError } from "@medtrace/shared/errors";
import { storageError } from "./sqlite/errors.ts";

/**
 * The bytes of the file at this path, made where it is not there (mode 0600, durable before it has its name).
 *
 * @throws MedtraceError INTEGRITY where the file holds more or less than it should, STORAGE_FAILED.
 */
export function secretFile(path: string, length: number): Buffer {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const bytes = read(path) ?? make(path, length);
    if (bytes.length === length) return bytes;
  } catch (error) {
    throw storageError(error, "secret file");
  }
  throw new MedtraceError("INTEGRITY", `a secret file is not of ${length} bytes`, {
    at: path,
    hint: "restore it from a backup; without it, what was made with it cannot be read",
  });
}

function make(path: string, length: number): Buffer {
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  const file = openSync(draft, "wx", 0o600);
  try {
    writeSync(file, randomBytes(length));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(draft);
  }
  syncFolder(dirname(path));
  return readFileSync(path);
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Makes a new name in a folder durable. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
