/** Times of sources: kept with the offset they came with (RFC 3339), beside UTC for sorting. */
import type { TraceTime } from "./trace-event.ts";

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** The time of an RFC 3339 text, or undefined where it is not one (a wrong day of month is not). */
export function traceTime(given: string): TraceTime | undefined {
  const match = RFC3339.exec(given);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(hour) > 23 || Number(minute) > 59) {
    return undefined;
  }
  if (Number(day) > daysInMonth(Number(year), Number(month)) || Number(second) > 60) return undefined;
  // A leap second has no place in ECMAScript time: it sorts as the second before.
  const parsed = Date.parse(second === "60" ? given.replace(/:60(?=[.Z+-])/, ":59") : given);
  return Number.isNaN(parsed) ? undefined : { given, utc: new Date(parsed).toISOString() };
}

/** The time of a clock reading, in UTC. */
export function traceTimeOf(epoch_ms: number): TraceTime {
  const utc = new Date(epoch_ms).toISOString();
  return { given: utc, utc };
}

function daysInMonth(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
