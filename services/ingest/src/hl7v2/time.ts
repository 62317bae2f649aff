/** HL7 v2 times (DTM and TS, HL7 v2.9 section 2A.2.22): `YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]`. */
import { traceTime } from "@medtrace/shared/model/time";
import type { TraceTime } from "@medtrace/shared/model/trace-event";
import type { Hl7Flag } from "./flags.ts";

export interface Hl7Time {
  readonly time: TraceTime;
  /** `hl7:assumed-offset`, `hl7:time-precision-<p>` where coarser than seconds, `hl7:time-format`. */
  readonly flags: readonly Hl7Flag[];
}

const DTM = /^(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\.\d{1,9})?)?)?)?)?)?([+-]\d{4})?$/;
/** Not HL7, but sent in its place: ISO 8601, and a date and a time with a blank between. */
const OTHER =
  /^(\d{4})-?(\d\d)(?:-?(\d\d)(?:[T ]?(\d\d)(?::?(\d\d)(?::?(\d\d)(\.\d{1,9})?)?)?)?)? ?(Z|[+-]\d\d:?\d\d)?$/;
const PRECISIONS = ["year", "month", "day", "hour", "minute"] as const;

/**
 * The instant of an HL7 time; parts that it leaves out are their lowest. Undefined where it cannot be read.
 *
 * @param zone offset for a time that carries none, such as `+01:00`.
 */
export function readTime(text: string, zone: string): Hl7Time | undefined {
  const flags: Hl7Flag[] = [];
  let match = DTM.exec(text);
  if (match === null) {
    match = OTHER.exec(text);
    if (match === null) return undefined;
    flags.push("hl7:time-format");
  }
  const [, year, month, day, hour, minute, second, fraction = "", offset] = match;
  const precision = PRECISIONS[[month, day, hour, minute, second].indexOf(undefined)];
  if (precision !== undefined) flags.push(`hl7:time-precision-${precision}`);
  if (offset === undefined) flags.push("hl7:assumed-offset");
  const time = traceTime(
    `${year}-${month ?? "01"}-${day ?? "01"}T${hour ?? "00"}:${minute ?? "00"}:${second ?? "00"}${fraction}${
      offset === undefined ? zone : rfcOffset(offset)
    }`,
  );
  return time === undefined ? undefined : { time, flags };
}

function rfcOffset(offset: string): string {
  return offset === "Z" || offset.includes(":") ? offset : `${offset.slice(0, 3)}:${offset.slice(3)}`;
}

/** An instant as DTM, to the second, in UTC. */
export function writeTime(epoch_ms: number): string {
  const iso = new Date(epoch_ms).toISOString();
  return `${iso.slice(0, 19).replace(/[-:T]/g, "")}+0000`;
}
