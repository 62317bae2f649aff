/** Drafts that cannot be trace events: each is refused by itself, before anything of it is written. */
import { MedtraceError } from "@medtrace/shared/errors";
import { indexFault, type LimitFault, textFault } from "@medtrace/shared/model/event-limits";
import type { TraceEvent } from "@medtrace/shared/model/trace-event";
import { VALUE_BYTES_MAX } from "@medtrace/shared/ports/event-log";
import type { Draft } from "../normalise/draft.ts";

/** Why nobody behind the event log could take the event; undefined where everybody can. */
export function unfitness(event: TraceEvent, bytes: Uint8Array, draft: Draft): MedtraceError | undefined {
  if (bytes.length > VALUE_BYTES_MAX) {
    return new MedtraceError(
      "INPUT_TOO_LARGE",
      `it makes an event of ${bytes.length} bytes, and one may have ${VALUE_BYTES_MAX}`,
      { at: placeOf(draft), hint: "send what happened as several, or with less text" },
    );
  }
  const text = textFault(event);
  if (text !== undefined) return overLimit("INPUT_INVALID", text, draft);
  const index = indexFault(event, event.subjects.length);
  return index === undefined ? undefined : overLimit("INPUT_TOO_LARGE", index, draft);
}

function overLimit(
  code: "INPUT_INVALID" | "INPUT_TOO_LARGE",
  { at, message }: LimitFault,
  draft: Draft,
): MedtraceError {
  return new MedtraceError(code, `it makes an event that nobody can look up by its ${at}: ${message}`, {
    at: placeOf(draft),
    hint: "send what happened as several, or with shorter names",
  });
}

/**
 * The refusal of a draft that has no canonical form (RFC 8785 knows no half surrogate pair, NaN or Infinity).
 *
 * @throws the cause itself, where it is of another kind.
 */
export function withoutCanonicalForm(cause: unknown, draft: Draft): MedtraceError {
  if (!(cause instanceof TypeError)) throw cause;
  return new MedtraceError("INPUT_MALFORMED", "it has no canonical form (RFC 8785)", {
    at: placeOf(draft),
    hint: "look for half surrogate pairs, and numbers that JSON does not have",
    cause,
  });
}

/** The whole of what was sent: what a draft was made of is known to its mapping alone. */
function placeOf({ format, type }: Draft): string {
  return format === "hl7v2" ? "message" : type;
}
