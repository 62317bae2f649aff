/** Times of sources: kept with the offset they came with (RFC 3339), beside UTC for sorting. */
import type { TraceTime } from "./trace-event.ts";

const UTC_CHARS = "2026-01-02T03:04:05.678Z".length;
const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/**
 * The time of an RFC 3339 text; undefined where it is not one (a wrong day of month is not), or where its year in UTC
 * is not one of 0000 to 9999.
 */
export function traceTime(given: string): TraceTime | undefined {
  const match = RFC3339.exec(given);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", offset] = match;
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(hour) > 23 || Number(minute) > 59) {
    return undefined;
  }
  if (Number(day) > daysInMonth(Number(year), Number(month)) || Number(second) > 60) return undefined;
  // Most sources write UTC already; a Date costs more than all the rest.
  if ((offset === "Z" || offset === "+00:00") && fraction.length <= 4 && second !== "60") {
    return { given, utc: `${given.slice(0, 19)}${fraction === "" ? ".000" : fraction.padEnd(4, "0")}Z` };
  }
  // A leap second has no place in ECMAScript time: it sorts as the second before.
  const parsed = Date.parse(second === "60" ? given.replace(/:60(?=[.Z+-])/, ":59") : given);
  if (Number.isNaN(parsed)) return undefined;
  const utc = new Date(parsed).toISOString();
  // An offset may lead out of the years that have four digits.
  return utc.length === UTC_CHARS ? { given, utc } : undefined;
}

/** The time of a clock reading, in UTC. */
export function traceTimeOf(epoch_ms: number): TraceTime {
  const utc = new Date(epoch_ms).toISOString();
  return { given: utc, utc };
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
