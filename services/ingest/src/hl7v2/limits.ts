/** Bounds on what one HL7 v2 input may ask for: hostile input ends in an error here, not in memory. */
import { MedtraceError } from "@medtrace/shared/errors";

export const MESSAGES_MAX = 50_000;
export const SEGMENTS_MAX = 50_000;
/** Switches of character sets (ISO 2022) in one message. */
export const SWITCHES_MAX = 200_000;
/** Repetitions of one field; later ones are not looked at. */
export const REPETITIONS_MAX = 1_000;
/** Trace events of one message: pairs of a merge, patients of a query response. */
export const EVENTS_MAX = 1_000;
/** Segments over all events of a message: each event sees those that stand before the first patient. */
export const EVENT_SEGMENTS_MAX = 1_000_000;
/** Patients of one trace event: those of a link or a swap. */
export const PERSONS_MAX = 100;
/** Records of one trace event: reports of one ORU, orders of one ORM. */
export const RECORDS_MAX = 500;
export const AGENTS_MAX = 100;
export const IDENTIFIERS_MAX = 50;
export const ID_LENGTH_MAX = 256;
/** Free text kept sealed with one event, in characters. */
export const TEXT_LENGTH_MAX = 2_000;
export const SEALED_VALUES_MAX = 20;
export const SEALED_VALUE_LENGTH_MAX = 256;

/** @throws MedtraceError INPUT_TOO_LARGE where `count` is over `max`. */
export function holdWithin(count: number, max: number, what: string, at: string): void {
  if (count <= max) return;
  throw new MedtraceError("INPUT_TOO_LARGE", `more than ${max} ${what}`, {
    at,
    hint: "send it as several smaller messages",
  });
}

/** The text, or its first `max` characters where it is longer; never half of a surrogate pair. */
export function cut(text: string, max: number): string {
  return text.length <= max ? text : text.slice(0, max).toWellFormed();
}
