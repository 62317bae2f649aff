/** What the services' FHIR endpoints have in common: releases, media types, and errors as OperationOutcome. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { FastifyReply, FastifyRequest } from "fastify";
import { describeError, type ErrorAnswer, isTransient } from "./http-status.ts";

export const FHIR_JSON = "application/fhir+json; charset=utf-8";

/** A release of FHIR, as the media type's parameter `fhirVersion` names it (FHIR R5, 3.2.0.1.6). */
export type Release = "4.0" | "4.3" | "5.0";

/** The newest version of each release. */
export const VERSION_OF_RELEASE: Readonly<Record<Release, string>> = { "4.0": "4.0.1", "4.3": "4.3.0", "5.0": "5.0.0" };

const NAMED = /;\s*fhirVersion\s*=\s*"?([^";,\s]*)/i;

/**
 * The release that a header's media type names; undefined where it names none.
 *
 * @param at name of the header.
 * @throws MedtraceError for a release that is not known: INPUT_UNSUPPORTED of a Content-Type, FORM_UNSUPPORTED of Accept.
 */
export function releaseNamed(header: string | undefined, at: "Accept" | "Content-Type"): Release | undefined {
  const named = NAMED.exec(header ?? "")?.[1];
  if (named === undefined) return undefined;
  if (Object.hasOwn(VERSION_OF_RELEASE, named)) return named as Release;
  const code = at === "Accept" ? "FORM_UNSUPPORTED" : "INPUT_UNSUPPORTED";
  throw new MedtraceError(code, "this release of FHIR is not taken", {
    at,
    hint: `send one of fhirVersion=${Object.keys(VERSION_OF_RELEASE).join(", ")}`,
  });
}

const JSON_TYPES = /(?:^|[,\s])(?:application\/(?:fhir\+json|json(?:\+fhir)?|\*)|text\/json|\*\/\*)/i;
const JSON_FORMATS = /^(?:json|application\/(?:fhir[+ ]json|json(?:[+ ]fhir)?)|text\/json)(?:\s*;.*)?$/i;

/**
 * The release to answer in. `_format` goes before Accept (FHIR R4, 3.1.0.1.9); R4 where neither names one.
 *
 * @throws MedtraceError FORM_UNSUPPORTED where another form than JSON, or a release that is not known, is asked for.
 */
export function releaseToAnswer(accept: string | undefined, format: string | undefined): Release {
  const isJson = format === undefined ? accept === undefined || JSON_TYPES.test(accept) : JSON_FORMATS.test(format);
  if (!isJson) {
    throw new MedtraceError("FORM_UNSUPPORTED", "FHIR is answered as JSON alone", {
      at: format === undefined ? "Accept" : "_format",
      hint: "accept application/fhir+json",
    });
  }
  return releaseNamed(format, "Accept") ?? releaseNamed(accept, "Accept") ?? "4.0";
}

/** issue-type codes of the error codes. */
const ISSUE_OF_CODE: Readonly<Record<string, string>> = {
  INPUT_MALFORMED: "structure",
  INPUT_INVALID: "invalid",
  INPUT_TOO_LARGE: "too-long",
  INPUT_UNSUPPORTED: "not-supported",
  FORM_UNSUPPORTED: "not-supported",
  METHOD_UNSUPPORTED: "not-supported",
  EVENT_CONFLICT: "conflict",
  UNAUTHENTICATED: "login",
  FORBIDDEN: "forbidden",
  NOT_FOUND: "not-found",
  BUSY: "throttled",
  RATE_LIMITED: "throttled",
  STORAGE_FAILED: "no-store",
};

/** Places in a resource; others are lines and columns, headers, ids. */
const FHIR_PATH = /^(?:[A-Z][A-Za-z]+(?:[.[]|$)|resource(?:Type)?$)/;
const HEADERS: ReadonlySet<string> = new Set(["Accept", "Authorization", "Prefer"]);

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

/** What to answer for an error: its HTTP status and its OperationOutcome (hl7.org/fhir/R4/operationoutcome.html). */
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
        ...(at !== undefined && FHIR_PATH.test(at) && !HEADERS.has(at) ? { expression: [at] } : {}),
      },
    ],
  };
}

/** An error handler that answers an OperationOutcome. */
export function answerOutcome(error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  const { status, outcome } = outcomeOfError(error);
  if (isTransient(status)) reply.header("retry-after", "1");
  reply.code(status).type(FHIR_JSON).send(JSON.stringify(outcome));
}
