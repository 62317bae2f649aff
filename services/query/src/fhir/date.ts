/** Dates in searches (FHIR R4, 3.1.1.5.6 date): a prefix, and a time as precise as it is written. */
import { MedtraceError } from "@medtrace/shared/errors";
import { traceTime } from "@medtrace/shared/model/time";

/** Milliseconds since 1970: from the first (inclusive) to the last (exclusive) moment that matches; open where absent. */
export interface Span {
  readonly from_ms?: number;
  readonly to_ms?: number;
}

/** One value of a date parameter: matches a moment within any of these spans. */
export type DateValue = readonly Span[];

const VALUE = /^(eq|ne|gt|lt|ge|le|sa|eb|ap)?(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(.+))?)?)?$/;
const CLOCK = /^(\d{2}:\d{2})(?::(\d{2})(?:\.(\d+))?)?(Z|[+-]\d{2}:\d{2})?$/;
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** `ap` asks for nearly that time: within a tenth of how long ago it is (FHIR R4, 3.1.1.4.3). */
const APPROXIMATELY = 0.1;

/**
 * The moments that one value means. A time without an offset is UTC.
 *
 * @param now_ms milliseconds since 1970, for `ap`.
 * @throws MedtraceError INPUT_INVALID where it cannot be read.
 */
export function dateValue(text: string, now_ms: number): DateValue {
  const [, prefix = "eq", year, month, day, time] = VALUE.exec(text) ?? [];
  const range = year === undefined ? undefined : rangeOf(Number(year), month, day, time);
  if (range === undefined) {
    throw new MedtraceError("INPUT_INVALID", "wants a date or a time, with or without a prefix", {
      at: "date",
      hint: "such as ge2026-03-01 or lt2026-03-01T08:00:00%2B01:00",
    });
  }
  return spansOf(prefix, range, now_ms);
}

/** Whether a moment is one that any of the values means. */
export function within(values: readonly DateValue[], at_ms: number): boolean {
  return values.some((spans) =>
    spans.some(({ from_ms = -Infinity, to_ms = Infinity }) => at_ms >= from_ms && at_ms < to_ms),
  );
}

/** The shortest span that holds every moment that any of the values means. */
export function hull(values: readonly DateValue[]): Span {
  const spans = values.flat();
  const from_ms = Math.min(...spans.map((span) => span.from_ms ?? -Infinity));
  const to_ms = Math.max(...spans.map((span) => span.to_ms ?? Infinity));
  return { ...(Number.isFinite(from_ms) ? { from_ms } : {}), ...(Number.isFinite(to_ms) ? { to_ms } : {}) };
}

interface Range {
  readonly from_ms: number;
  /** Exclusive. */
  readonly to_ms: number;
}

function spansOf(prefix: string, { from_ms, to_ms }: Range, now_ms: number): DateValue {
  switch (prefix) {
    case "ne":
      return [{ to_ms: from_ms }, { from_ms: to_ms }];
    case "gt":
    case "sa":
      return [{ from_ms: to_ms }];
    case "ge":
      return [{ from_ms }];
    case "lt":
    case "eb":
      return [{ to_ms: from_ms }];
    case "le":
      return [{ to_ms }];
    case "ap": {
      const about_ms = Math.abs(now_ms - from_ms) * APPROXIMATELY;
      return [{ from_ms: from_ms - about_ms, to_ms: to_ms + about_ms }];
    }
    default:
      return [{ from_ms, to_ms }];
  }
}

/** From the first to past the last moment of a year, month, day, minute, second or fraction. */
function rangeOf(year: number, month?: string, day?: string, time?: string): Range | undefined {
  if (month === undefined) return { from_ms: Date.UTC(year, 0), to_ms: Date.UTC(year + 1, 0) };
  const months = Number(month) - 1;
  if (months < 0 || months > 11) return undefined;
  if (day === undefined) return { from_ms: Date.UTC(year, months), to_ms: Date.UTC(year, months + 1) };
  const date = `${String(year).padStart(4, "0")}-${month}-${day}`;
  if (time === undefined) return parsed(`${date}T00:00:00Z`, 24 * 60 * MINUTE_MS);
  const [, clock, second, fraction = "", offset = "Z"] = CLOCK.exec(time) ?? [];
  if (clock === undefined) return undefined;
  if (second === undefined) return parsed(`${date}T${clock}:00${offset}`, MINUTE_MS);
  const part = fraction === "" ? "" : `.${fraction}`;
  const precision_ms = SECOND_MS / 10 ** Math.min(fraction.length, 3);
  return parsed(`${date}T${clock}:${second}${part}${offset}`, precision_ms);
}

function parsed(text: string, length_ms: number): Range | undefined {
  const time = traceTime(text);
  if (time === undefined) return undefined;
  const from_ms = Date.parse(time.utc);
  return { from_ms, to_ms: from_ms + length_ms };
}
