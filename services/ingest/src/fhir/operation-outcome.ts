/** Errors and results as OperationOutcome (hl7.org/fhir/R4/operationoutcome.html). */
import { describeError, type ErrorAnswer } from "@medtrace/service-kit/http-status";
import type { Receipted } from "../normalise/draft.ts";

/** issue-type codes of the error codes. */
const ISSUE_OF_CODE: Readonly<Record<string, string>> = {
  INPUT_MALFORMED: "structure",
  INPUT_INVALID: "invalid",
  INPUT_TOO_LARGE: "too-long",
  INPUT_UNSUPPORTED: "not-supported",
  METHOD_UNSUPPORTED: "not-supported",
  EVENT_CONFLICT: "conflict",
  UNAUTHENTICATED: "login",
  FORBIDDEN: "forbidden",
  NOT_FOUND: "not-found",
  BUSY: "throttled",
  STORAGE_FAILED: "no-store",
};

/** Places in a resource; others are lines and columns, headers, ids. */
const FHIR_PATH = /^(?:[A-Z][A-Za-z]+(?:[.[]|$)|resource(?:Type)?$)/;

export interface OperationOutcome {
  readonly resourceType: "OperationOutcome";
  readonly issue: readonly {
    readonly severity: "error" | "warning" | "information";
    readonly code: string;
    readonly details?: { readonly text: string };
    readonly diagnostics: string;
    readonly expression?: readonly string[];
  }[];
}

/** What to answer for an error: its HTTP status and its OperationOutcome. */
export function outcomeOfError(error: unknown): { readonly status: number; readonly outcome: OperationOutcome } {
  const answer = describeError(error);
  return { status: answer.status, outcome: outcomeOf(answer) };
}

function outcomeOf({ code, message, at, hint }: ErrorAnswer): OperationOutcome {
  const where = at === undefined ? "" : ` (${at})`;
  const what = hint === undefined ? "" : ` — ${hint}`;
  return {
    resourceType: "OperationOutcome",
    issue: [
      {
        severity: "error",
        code: ISSUE_OF_CODE[code ?? ""] ?? "exception",
        ...(code === undefined ? {} : { details: { text: code } }),
        diagnostics: `${message}${where}${what}`,
        ...(at !== undefined && FHIR_PATH.test(at) ? { expression: [at] } : {}),
      },
    ],
  };
}

/** A receipt of what is in the event log now, or was before. */
export type Taken = Extract<Receipted, { readonly status: "accepted" | "duplicate" }>;

/** What became of an event that was taken: its id, and what was odd about it. */
export function outcomeOfReceipt({ status, id, flags }: Taken): OperationOutcome {
  return {
    resourceType: "OperationOutcome",
    issue: [
      {
        severity: "information",
        code: "informational",
        diagnostics: `${status}: ${id}`,
        details: { text: id },
      },
      ...flags.map((flag) => ({ severity: "warning" as const, code: "business-rule", diagnostics: flag })),
    ],
  };
}
