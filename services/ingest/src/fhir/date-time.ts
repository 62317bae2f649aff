/** Times of FHIR: `instant` as it is, `dateTime` with the precision that it has (FHIR R4, 2.24.0.1). */
import { traceTime } from "@medtrace/shared/model/time";
import type { TraceTime } from "@medtrace/shared/model/trace-event";
import { child, type Element, invalid, text } from "./element.ts";

export interface TimeSpan {
  readonly start: TraceTime;
  readonly end: TraceTime;
}

const DATE = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$/;
const PRECISIONS = ["year", "month", "day"] as const;

/** @throws MedtraceError INPUT_INVALID where the member is absent or no instant. */
export function requiredInstant(parent: Element, name: string, at: string): TraceTime {
  const given = text(parent, name, at);
  if (given === undefined) throw invalid(`${at}.${name}`, "is required", "an instant such as 2026-11-23T05:00:00Z");
  const time = traceTime(given);
  if (time === undefined) throw invalid(`${at}.${name}`, "is not an instant", "2026-11-23T05:00:00Z is one");
  return time;
}

/**
 * From the first moment to the last of a dateTime: the same where it names a moment; the whole day, month or year in
 * the given zone where it names no more. Undefined where it cannot be read.
 */
export function dateTimeSpan(given: string, zone: string, flags: Set<string>): TimeSpan | undefined {
  const time = traceTime(given);
  if (time !== undefined) return { start: time, end: time };
  const [, year, month, day] = DATE.exec(given) ?? [];
  if (year === undefined) return undefined;
  const lastDay = new Date(Date.UTC(Number(year), Number(month ?? "12"), 0)).getUTCDate();
  const start = traceTime(`${year}-${month ?? "01"}-${day ?? "01"}T00:00:00${zone}`);
  const end = traceTime(`${year}-${month ?? "12"}-${day ?? lastDay}T23:59:59.999${zone}`);
  if (start === undefined || end === undefined) return undefined;
  flags.add(`fhir:time-precision-${PRECISIONS[[month, day].filter((part) => part !== undefined).length]}`);
  flags.add("fhir:assumed-offset");
  return { start, end };
}

/**
 * When it was done: a Period, which may be open at either end, or a dateTime. What cannot be read is flagged and left
 * out, and so is a Period that ends before it starts.
 */
export function occurredOf(
  parent: Element,
  names: { readonly period: string; readonly dateTime?: string },
  at: string,
  zone: string,
  flags: Set<string>,
): TimeSpan | undefined {
  const period = child(parent, names.period, at);
  const moment = names.dateTime === undefined ? undefined : text(parent, names.dateTime, at);
  const start = period === undefined ? moment : text(period, "start", `${at}.${names.period}`);
  const end = period === undefined ? moment : text(period, "end", `${at}.${names.period}`);
  if (start === undefined && end === undefined) return undefined;
  const from = dateTimeSpan(start ?? end ?? "", zone, flags);
  const to = dateTimeSpan(end ?? start ?? "", zone, flags);
  if (from !== undefined && to !== undefined && from.start.utc <= to.end.utc) return { start: from.start, end: to.end };
  flags.add("fhir:unreadable-period");
  return undefined;
}
