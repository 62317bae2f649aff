/** The only place that knows which HTTP status an error code is answered with (RFC 9110; docs/errors.md says why). */
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";
import { errorCodes, type FastifyError } from "fastify";

const STATUS: Readonly<Record<ErrorCode, number>> = {
  INPUT_MALFORMED: 400,
  INPUT_INVALID: 422,
  INPUT_TOO_LARGE: 413,
  INPUT_UNSUPPORTED: 415,
  FORM_UNSUPPORTED: 406,
  METHOD_UNSUPPORTED: 405,
  EVENT_CONFLICT: 409,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  BUSY: 503,
  RATE_LIMITED: 429,
  STORAGE_FAILED: 503,
  INTEGRITY: 500,
  LEDGER_REFUSED: 500,
  LEDGER_CONFLICT: 503,
  LEDGER_UNKNOWN: 503,
  LEDGER_UNAVAILABLE: 503,
  CONFIGURATION: 500,
  LOCKED: 503,
};

/** The HTTP status of an error code. */
export function httpStatus(code: ErrorCode): number {
  return STATUS[code];
}

/** What a caller may be told of an error. */
export interface ErrorAnswer {
  readonly status: number;
  /** Absent where the fault is ours and has no code: nothing of it is told. */
  readonly code?: ErrorCode;
  readonly message: string;
  readonly at?: string;
  readonly hint?: string;
}

const INTERNAL: ErrorAnswer = { status: 500, message: "the service failed; the log has the details" };

/**
 * What to answer for any error that a route or fastify itself throws. Only texts that this project wrote are told:
 * those of others may quote the request.
 */
export function describeError(error: unknown): ErrorAnswer {
  const known = error instanceof MedtraceError ? error : fromFramework(error);
  if (known === undefined) return INTERNAL;
  return {
    status: httpStatus(known.code),
    code: known.code,
    message: known.message,
    ...(known.at === undefined ? {} : { at: known.at }),
    ...(known.hint === undefined ? {} : { hint: known.hint }),
  };
}

/** Whether the caller should try the same request again later. */
export function isTransient(status: number): boolean {
  return status === 503 || status === 429;
}

const NOT_JSON: ReadonlySet<string> = new Set(["FST_ERR_CTP_INVALID_JSON_BODY", "FST_ERR_CTP_EMPTY_JSON_BODY"]);

function fromFramework(error: unknown): MedtraceError | undefined {
  if (error instanceof errorCodes.FST_ERR_CTP_BODY_TOO_LARGE) {
    return new MedtraceError("INPUT_TOO_LARGE", "the body is over the limit", {
      at: "body",
      hint: "send less at once",
    });
  }
  if (error instanceof errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE) {
    return new MedtraceError("INPUT_UNSUPPORTED", "this media type is not taken here", {
      at: "Content-Type",
      hint: "/docs names the media types that are",
    });
  }
  if (error instanceof errorCodes.FST_ERR_MAX_PARAM_LENGTH) {
    return new MedtraceError("INPUT_TOO_LARGE", "a part of the path is over the limit", {
      at: "path",
      hint: "check the id",
    });
  }
  if (error instanceof errorCodes.FST_ERR_BAD_URL) {
    return new MedtraceError("INPUT_MALFORMED", "the path cannot be read", { at: "path", hint: "write % as %25" });
  }
  if (error instanceof errorCodes.FST_ERR_NOT_FOUND) return new MedtraceError("NOT_FOUND", "there is nothing here");
  if (!(error instanceof Error)) return undefined;
  const { validation, validationContext, statusCode } = error as FastifyError;
  if (validation !== undefined) {
    const [fault] = validation;
    const at = `${validationContext ?? "request"}${fault?.instancePath ?? ""}`;
    return new MedtraceError("INPUT_MALFORMED", `the request ${fault?.message ?? "breaks the schema"}`, {
      at,
      hint: "/docs says what is taken here",
    });
  }
  if (NOT_JSON.has((error as FastifyError).code) || (error instanceof SyntaxError && statusCode === 400)) {
    return new MedtraceError("INPUT_MALFORMED", "the body is not JSON that is taken", {
      at: "body",
      hint: "send one JSON value in UTF-8, without __proto__ and constructor",
    });
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new MedtraceError("INPUT_MALFORMED", "the request cannot be read", { hint: "/docs says what is taken" });
  }
  return undefined;
}
