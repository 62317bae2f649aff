/** SQLite's and the file system's errors in the project's own terms. */
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";

const BUSY = 5;
const LOCKED = 6;
const IO_ERROR = 10;
const CONSTRAINT = 19;

/** Primary result codes (SQLite C API, "Result and Error Codes"): busy, locked, readonly, I/O, corrupt, full, … */
const CODE_OF_RESULT: Readonly<Record<number, ErrorCode>> = {
  [BUSY]: "BUSY",
  [LOCKED]: "BUSY",
  8: "STORAGE_FAILED",
  [IO_ERROR]: "STORAGE_FAILED",
  11: "INTEGRITY",
  13: "STORAGE_FAILED",
  14: "STORAGE_FAILED",
  26: "INTEGRITY",
};
const CODE_OF_SYSTEM: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: "STORAGE_FAILED",
  EDQUOT: "STORAGE_FAILED",
  EFBIG: "STORAGE_FAILED",
  EROFS: "STORAGE_FAILED",
  EIO: "STORAGE_FAILED",
  EACCES: "STORAGE_FAILED",
  EPERM: "STORAGE_FAILED",
  EEXIST: "STORAGE_FAILED",
  ENOENT: "STORAGE_FAILED",
  ENOTDIR: "STORAGE_FAILED",
  // A stored number that no JavaScript number can be: none was written.
  ERR_OUT_OF_RANGE: "INTEGRITY",
};

const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  BUSY: "another process holds the file: see which, and whether it is stuck",
  STORAGE_FAILED: "check the disk, its free space and the folder's permissions",
  INTEGRITY: "run medtrace fsck; restore the folder from a backup",
};

/** The primary SQLite result code of an error, or of its cause; 0 where it has none. */
function resultCode(error: unknown): number {
  const { errcode, cause } = error as { errcode?: number; cause?: { errcode?: number } };
  // The low byte of the extended code.
  return (errcode ?? cause?.errcode ?? 0) & 0xff;
}

/** Whether it is SQLite's word for: another connection holds the lock. */
export function isLocked(error: unknown): boolean {
  return [BUSY, LOCKED].includes(resultCode(error));
}

/** Whether reading or writing the file itself failed. */
export function isInputOutput(error: unknown): boolean {
  return resultCode(error) === IO_ERROR;
}

/** Whether a row broke a rule of its table. */
export function isConstraint(error: unknown): boolean {
  return resultCode(error) === CONSTRAINT;
}

/** The error as a MedtraceError where it came from storage, else as it is. `what` names the file's role. */
export function storageError(error: unknown, what: string): unknown {
  if (error instanceof MedtraceError) return error;
  const code = CODE_OF_RESULT[resultCode(error)] ?? CODE_OF_SYSTEM[(error as { code?: string }).code ?? ""];
  if (code === undefined) return error;
  const hint = HINTS[code];
  return new MedtraceError(code, `${what}: ${(error as Error).message}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
