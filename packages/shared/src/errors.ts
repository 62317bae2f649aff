/**
 * Every error that crosses a port or a service boundary. `code` is stable and documented (docs/errors.md is held to
 * this list by a test); `hint` says what the reader can do. HTTP and HL7 numbers live at the edges, not here.
 */
export const ERROR_CODES = {
  INPUT_MALFORMED: "The input cannot be read as what it claims to be",
  INPUT_INVALID: "The input can be read but breaks a rule of its format",
  INPUT_TOO_LARGE: "The input is over a stated limit",
  INPUT_UNSUPPORTED: "The format, version or charset is not one that is taken",
  FORM_UNSUPPORTED: "The answer is not given in any form that the caller takes",
  METHOD_UNSUPPORTED: "The path is there, but does not take this method",
  EVENT_CONFLICT: "An event of this id was already taken with other bytes",
  UNAUTHENTICATED: "The credential is missing or not valid",
  FORBIDDEN: "The credential does not allow this",
  NOT_FOUND: "There is no such thing, or the caller may not know of it",
  BUSY: "Taking more now would outgrow a limit; try again later",
  RATE_LIMITED: "The caller's institution has sent as much as it may for now",
  STORAGE_FAILED: "Durable storage refused the write; nothing was acknowledged",
  INTEGRITY: "Stored bytes are not what was stored or anchored",
  LEDGER_REFUSED: "The ledger's rules refuse this batch",
  LEDGER_CONFLICT: "Another writer moved the head of this stream",
  LEDGER_UNKNOWN: "Whether the ledger took the batch is not known yet",
  LEDGER_UNAVAILABLE: "The ledger cannot be reached",
  CONFIGURATION: "A setting is missing or wrong",
  LOCKED: "Another process holds this data folder",
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface ErrorDetails {
  /** What the reader can do about it. */
  readonly hint?: string;
  /** Where in the input: a FHIRPath expression, an HL7 location (`PID-3.1`), a line number, a variable name. */
  readonly at?: string;
  readonly cause?: unknown;
}

export class MedtraceError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly at: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "MedtraceError";
    this.code = code;
    this.hint = details.hint;
    this.at = details.at;
  }
}

/** True for a MedtraceError of one of these codes. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is MedtraceError {
  return error instanceof MedtraceError && codes.includes(error.code);
}
