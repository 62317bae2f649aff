/** Checks of what every engine is given. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { ProjectedEvent } from "@medtrace/shared/ports/projection";

/**
 * The value, where it is a whole number from 1 to `max`.
 *
 * @throws MedtraceError INPUT_INVALID where it is not.
 */
export function bounded(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new MedtraceError("INPUT_INVALID", `${name} must be a whole number from 1 to ${max}`, { at: name });
}

export const EVENT_ID: RegExp = /^[0-9a-f]{64}$/;

/** The 32 bytes of an event's id. @throws MedtraceError INPUT_INVALID where it is none. */
export function eventIdBytes(id: string): Buffer {
  refuseNoId(id);
  return Buffer.from(id, "hex");
}

/** @throws MedtraceError INPUT_INVALID where this is no event's id. */
export function refuseNoId(id: string): void {
  if (EVENT_ID.test(id)) return;
  throw new MedtraceError("INPUT_INVALID", "an event's id is 64 lower-case hex digits", { at: id.slice(0, 80) });
}

/**
 * Milliseconds since 1970 of an event's time, which must be in the form that gives the same text back.
 *
 * @throws MedtraceError INPUT_INVALID where it is not.
 */
export function eventTime_ms(event: ProjectedEvent): number {
  const at = Date.parse(event.at);
  if (!Number.isNaN(at) && new Date(at).toISOString() === event.at) return at;
  throw new MedtraceError("INPUT_INVALID", "an event's time is UTC as YYYY-MM-DDTHH:mm:ss.sssZ", { at: event.id });
}

/** Milliseconds since 1970 of a time that a filter names. @throws MedtraceError INPUT_INVALID where it is none. */
export function filterTime_ms(text: string): number {
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw new MedtraceError("INPUT_INVALID", "a time is UTC as RFC 3339 writes it", { at: text.slice(0, 80) });
}
