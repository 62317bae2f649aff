/** SQLite's and the file system's errors in the project's own terms. */
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";

/** Primary result codes (SQLite C API, "Result and Error Codes"). */
const CODE_OF_RESULT: Readonly<Record<number, ErrorCode>> = {
  5: "BUSY",
  6: "BUSY",
  8: "STORAGE_FAILED",
  10: "STORAGE_FAILED",
  11: "INTEGRITY",
  13: "STORAGE_FAILED",
  14: "STORAGE_FAILED",
  26: "INTEGRITY",
};
const STORAGE_ERRORS: readonly string[] = ["ENOSPC", "EDQUOT", "EROFS", "EIO", "EACCES", "EPERM"];

const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  BUSY: "another process holds the file: see which, and whether it is stuck",
  STORAGE_FAILED: "check the disk, its free space and the folder's permissions",
  INTEGRITY: "run medtrace fsck; restore the folder from a backup",
};

/** The primary SQLite result code of an error; 0 where it has none. */
export function resultCode(error: unknown): number {
  // The low byte of the extended code.
  return ((error as { errcode?: number }).errcode ?? 0) & 0xff;
}

/** The error as a MedtraceError where it came from storage, else as it is. `what` names the file's role. */
export function storageError(error: unknown, what: string): unknown {
  if (error instanceof MedtraceError) return error;
  const system = STORAGE_ERRORS.includes((error as { code?: string }).code ?? "");
  const code = CODE_OF_RESULT[resultCode(error)] ?? (system ? "STORAGE_FAILED" : undefined);
  if (code === undefined) return error;
  const hint = HINTS[code];
  return new MedtraceError(code, `${what}: ${(error as Error).message}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
