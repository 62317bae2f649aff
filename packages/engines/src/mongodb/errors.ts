/** MongoDB's errors in the project's own terms. */
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";
import { MongoBulkWriteError, MongoError, MongoServerError, type WriteError } from "mongodb";

const DUPLICATE_KEY = 11_000;

/** Server codes (MongoDB manual, "Error Codes") that mean something else than a storage that refuses. */
const CODE_OF_SERVER: Readonly<Record<number, ErrorCode>> = {
  13: "CONFIGURATION",
  18: "CONFIGURATION",
  24: "BUSY",
  50: "BUSY",
  112: "BUSY",
  175: "BUSY",
  239: "BUSY",
  246: "BUSY",
  251: "BUSY",
};

const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  BUSY: "MongoDB could not finish this in time: see what else it is doing, and try again",
  CONFIGURATION: "check the user, the password and the roles in the URL",
  STORAGE_FAILED: "check that MongoDB runs, has a primary and free space, and can be reached from here",
};

/** True where a unique index refused a document. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === DUPLICATE_KEY;
}

/** The writes of a bulk that a unique index refused; where one was refused for another reason, the error is thrown. */
export function duplicates(error: unknown): WriteError[] {
  if (!isDuplicateKey(error) || !(error instanceof MongoBulkWriteError)) throw error;
  const refused = [error.writeErrors].flat();
  if (refused.some(({ code }) => code !== DUPLICATE_KEY)) throw error;
  return refused;
}

/**
 * The error as a MedtraceError where it came from MongoDB, else as it is. `what` names the engine's role. The text names
 * the kind of error only: the server's own words may quote documents.
 */
export function mongoError(error: unknown, what: string): unknown {
  if (!(error instanceof MongoError)) return error;
  const server = error instanceof MongoServerError ? error : undefined;
  const code = CODE_OF_SERVER[Number(server?.code)] ?? "STORAGE_FAILED";
  const hint = HINTS[code];
  return new MedtraceError(code, `${what}: ${server?.codeName ?? error.name}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
