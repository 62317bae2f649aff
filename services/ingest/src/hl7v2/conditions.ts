/** Errors of ingest in HL7's terms: acknowledgment codes (HL7 table 0008) and error conditions (HL7 table 0357). */
import type { ErrorCode, MedtraceError } from "@medtrace/shared/errors";

export interface Condition {
  readonly code: string;
  readonly text: string;
}

const SEQUENCE: Condition = { code: "100", text: "Segment sequence error" };
const MISSING: Condition = { code: "101", text: "Required field missing" };
const TYPE: Condition = { code: "102", text: "Data type error" };
const VALUE: Condition = { code: "103", text: "Table value not found" };
/** Said of any length that an application cannot safely handle (from v2.7). */
const LENGTH: Condition = { code: "104", text: "Value too long" };
const MESSAGE_TYPE: Condition = { code: "200", text: "Unsupported message type" };
const VERSION: Condition = { code: "203", text: "Unsupported version id" };
const DUPLICATE: Condition = { code: "205", text: "Duplicate key identifier" };
const INTERNAL: Condition = { code: "207", text: "Application internal error" };

const BY_PLACE: ReadonlyMap<string | undefined, Condition> = new Map([
  ["MSH-9", MESSAGE_TYPE],
  ["MSH-10", MISSING],
  ["MSH-12", VERSION],
  ["MSH-18", VALUE],
]);
const BY_CODE: ReadonlyMap<ErrorCode, Condition> = new Map([
  ["INPUT_MALFORMED", SEQUENCE],
  ["INPUT_INVALID", TYPE],
  ["INPUT_TOO_LARGE", LENGTH],
  ["EVENT_CONFLICT", DUPLICATE],
]);
const PASSING: ReadonlySet<ErrorCode> = new Set(["BUSY", "RATE_LIMITED", "STORAGE_FAILED"]);

/** The row of table 0357 that an error is told by. */
export function conditionOf(error: MedtraceError): Condition {
  const placed =
    error.code === "INPUT_UNSUPPORTED" || error.code === "INPUT_INVALID" ? BY_PLACE.get(error.at) : undefined;
  return placed ?? BY_CODE.get(error.code) ?? INTERNAL;
}

/** True where the same message may be taken later (AE, CE); false where it never will be (AR, CR). */
export function mayPassLater(error: MedtraceError): boolean {
  return PASSING.has(error.code);
}
