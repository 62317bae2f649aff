/**
 * Acknowledgments (HL7 v2.9 section 2.9). Original mode answers AA, AE or AR; enhanced mode, where MSH-15 or MSH-16 is
 * valued, answers CA, CE or CR as MSH-15 wants it, and where MSH-16 wants it AA, AE or AR too. What the request said
 * comes back in the bytes it came in.
 */
import type { MedtraceError } from "@medtrace/shared/errors";
import { conditionOf, mayPassLater } from "./conditions.ts";
import { type Delimiters, USUAL_DELIMITERS } from "./delimiters.ts";
import { escapeValue } from "./escape.ts";
import { field, type Header, isVersion, rawField, type Segment, type Width } from "./message.ts";
import { envelopeControlId, envelopeSegment } from "./split.ts";
import { writeTime } from "./time.ts";

/** What an acknowledgment says of itself. */
export interface Stamp {
  /** MSH-10 of the acknowledgment, unique. */
  readonly controlId: string;
  readonly now_ms: number;
}

const OWN_NAME = "MEDTRACE";
const OWN_VERSION = "2.5";
const ECHO_LENGTH_MAX = 256;
/** What errors give as their place: a segment, and a field of it. */
const PLACE = /^([A-Z][A-Z0-9]{2})(?:-(\d+))?/;
const CONTROL = /\p{Cc}/u;

/**
 * The acknowledgments of a message whose header was read, in the order in which they are sent: none, one, or the
 * accept and then the application acknowledgment, as its sender asked.
 *
 * @param error why it was not taken; undefined where it was.
 * @param stamp called once for each.
 */
export function acknowledge(
  { msh, width }: Header,
  error: MedtraceError | undefined,
  stamp: () => Stamp,
): Uint8Array[] {
  const said = field(msh, 12);
  const version = isVersion(said) ? said : OWN_VERSION;
  const { delimiters } = msh.syntax;
  return codesOf(field(msh, 15), field(msh, 16), error).map((code, place) => {
    const header = headerLine(msh, delimiters, version, stamp(), place > 0);
    const lines = [header, answerLine(msh, delimiters, code, version, error)];
    if (error !== undefined) lines.push(errorLine(delimiters, version, error));
    return encode(lines, width);
  });
}

/** The rejection of what has no header that can be read. */
export function reject(error: MedtraceError, stamp: Stamp): Uint8Array {
  const code = mayPassLater(error) ? "AE" : "AR";
  const msh = joined(USUAL_DELIMITERS, [
    `MSH|^~\\&|${OWN_NAME}`,
    "",
    "",
    "",
    writeTime(stamp.now_ms),
    "",
    "ACK",
    stamp.controlId,
    "P",
    OWN_VERSION,
  ]);
  return encode([msh, `MSA|${code}|`, errorLine(USUAL_DELIMITERS, OWN_VERSION, error)], "bytes");
}

/**
 * The acknowledgments of a batch, between a batch header that refers to it (BHS-12) and a trailer (section 2.10.3).
 *
 * @param envelope text of the BHS or FHS that was sent.
 * @param width that of the body, and of the acknowledgments.
 * @param faults what is wrong with the envelope; said in BTS-2.
 */
export function acknowledgeBatch(
  envelope: string,
  width: Width,
  acks: readonly Uint8Array[],
  faults: readonly MedtraceError[],
  stamp: Stamp,
): Uint8Array {
  const sent = envelopeSegment(envelope);
  const delimiters = sent?.syntax.delimiters ?? USUAL_DELIMITERS;
  const names = sent === undefined ? ["", "", "", ""] : [5, 6, 3, 4].map((n) => echo(sent, n));
  const reference =
    sent === undefined ? "" : escapeValue(envelopeControlId(sent).slice(0, ECHO_LENGTH_MAX), delimiters);
  const bhs = joined(delimiters, [
    `BHS${delimiters.field}${encodingCharacters(delimiters)}`,
    ...names,
    writeTime(stamp.now_ms),
    "",
    "",
    "",
    stamp.controlId,
    reference,
  ]);
  const comment = faults.map((fault) => `${fault.at}: ${fault.message}`).join("; ");
  const bts = joined(delimiters, ["BTS", String(acks.length), escapeValue(comment.slice(0, 1_000), delimiters)]);
  return Buffer.concat([encode([bhs], width), ...acks, encode([bts], width)]);
}

/**
 * MSA-1 of each acknowledgment. What is taken here is both accepted and done with, so that the application
 * acknowledgment can follow at once; after an accept acknowledgment that is none (CE, CR) there is no application one.
 * NE with AL expresses the original mode (section 2.9.2). An empty MSH-15 beside a valued MSH-16 counts as AL: silence
 * only answers a sender who asked for it.
 */
function codesOf(accept: string, application: string, error: MedtraceError | undefined): string[] {
  const status = error === undefined ? "A" : mayPassLater(error) ? "E" : "R";
  if (accept === "" && application === "") return [`A${status}`];
  const isAccepted = isWanted(accept || "AL", error === undefined);
  if (isAccepted && error !== undefined) return [`C${status}`];
  const codes = isAccepted ? [`C${status}`] : [];
  if (isWanted(application || "NE", error === undefined)) codes.push(`A${status}`);
  return codes;
}

/** HL7 table 0155. */
function isWanted(condition: string, success: boolean): boolean {
  switch (condition.toUpperCase()) {
    case "NE":
      return false;
    case "ER":
      return !success;
    case "SU":
      return success;
    default:
      return true;
  }
}

/**
 * The sender's names as receiver, and the other way round; version, processing id and character set as they came.
 *
 * @param isLater it follows an accept acknowledgment, and wants none itself (MSH-15 and MSH-16 are NE).
 */
function headerLine(msh: Segment, delimiters: Delimiters, version: string, stamp: Stamp, isLater: boolean): string {
  const event = escapeValue(field(msh, 9, 1, 2).slice(0, 20), delimiters);
  const type = ["ACK", event, event !== "" && atLeast(version, 2.4) ? "ACK" : ""];
  const fields = [
    `MSH${delimiters.field}${encodingCharacters(delimiters)}`,
    ...[5, 6, 3, 4].map((n) => echo(msh, n)),
    writeTime(stamp.now_ms),
    "",
    type.filter((name) => name !== "").join(delimiters.component),
    escapeValue(stamp.controlId, delimiters),
    echo(msh, 11) || "P",
    isVersion(field(msh, 12)) ? echo(msh, 12) : version,
  ];
  const wanted = isLater ? "NE" : "";
  return joined(delimiters, [...fields, "", "", wanted, wanted, "", echo(msh, 18)]);
}

/** MSA; its text (MSA-3) only up to v2.4, where ERR has no place for it. */
function answerLine(
  msh: Segment,
  delimiters: Delimiters,
  code: string,
  version: string,
  error: MedtraceError | undefined,
): string {
  const text = error === undefined || atLeast(version, 2.5) ? "" : escapeValue(error.message, delimiters);
  return joined(delimiters, ["MSA", code, echo(msh, 10), text]);
}

/** ERR: from v2.5 with fields of its own for place, code, severity and text; before, all in ERR-1 (ELD). */
function errorLine(delimiters: Delimiters, version: string, error: MedtraceError): string {
  const { component, subcomponent } = delimiters;
  const { code, text } = conditionOf(error);
  const [segment = "", n = ""] = PLACE.exec(error.at ?? "")?.slice(1) ?? [];
  const place = segment === "" ? [] : [segment, "1", n];
  if (!atLeast(version, 2.5)) {
    const coded = [code, text, "HL70357"].join(subcomponent);
    const [name = "", sequence = "", position = ""] = place;
    return joined(delimiters, ["ERR", [name, sequence, position, coded].join(component)]);
  }
  return joined(delimiters, [
    "ERR",
    "",
    place.filter((part) => part !== "").join(component),
    [code, text, "HL70357"].join(component),
    "E",
    error.code,
    "",
    escapeValue(error.hint ?? "", delimiters),
    escapeValue(error.message, delimiters),
  ]);
}

/** A field of the request as it stands there, bounded and without what would break a line or a frame. */
function echo(segment: Segment, n: number): string {
  const text = rawField(segment, n);
  if (text.length <= ECHO_LENGTH_MAX && !CONTROL.test(text)) return text;
  const kept = [...text.slice(0, ECHO_LENGTH_MAX).toWellFormed()].filter((c) => c >= " " && c !== "\x7f");
  return kept.join("");
}

function encodingCharacters({ component, repetition, escape: escaping, subcomponent, truncation }: Delimiters): string {
  return component + repetition + escaping + subcomponent + (truncation ?? "");
}

function joined(delimiters: Delimiters, fields: readonly string[]): string {
  let last = fields.length;
  while (last > 1 && fields[last - 1] === "") last--;
  return fields.slice(0, last).join(delimiters.field);
}

function atLeast(version: string, wanted: number): boolean {
  return Number.parseFloat(version) >= wanted;
}

/** Each line ended; one byte a character, or 16 bits as the request had them. */
function encode(lines: readonly string[], width: Width): Uint8Array {
  const text = `${lines.join("\r")}\r`;
  if (width === "bytes") return Buffer.from(text, "latin1");
  const bytes = Buffer.from(text, "utf16le");
  return width === "utf-16le" ? bytes : bytes.swap16();
}
