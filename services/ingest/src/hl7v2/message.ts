/**
 * HL7 v2 messages in ER7: header first, then the rest (HL7 v2.9 chapter 2). Parsing is lazy: segments are cut at once,
 * fields only where they are asked for. All numbers are HL7's own and start at 1; `MSH-1` is the field separator.
 */
import { MedtraceError } from "@medtrace/shared/errors";
import { type Charset, charsetOf, decodeMessage } from "./charset.ts";
import { type Delimiters, readDelimiters } from "./delimiters.ts";
import { unescapeValue } from "./escape.ts";
import type { Hl7Flag } from "./flags.ts";
import { holdWithin, REPETITIONS_MAX, SEGMENTS_MAX } from "./limits.ts";

/** A field that says "delete what you have", as opposed to an empty one, which says nothing (section 2.5.3). */
export const HL7_NULL = '""';

/** Bytes: any set in which CR, LF and the header are ASCII. The others hold 16-bit units (HL7 section 2.14.9.18). */
export type Width = "bytes" | "utf-16le" | "utf-16be";

/** One message of a body, not yet read. */
export interface MessageBytes {
  readonly raw: Uint8Array;
  readonly width: Width;
  /** What is odd about its place in the body. */
  readonly flags: readonly Hl7Flag[];
}

/** One line of a message. Its fields are cut once one far in is asked for, and kept: most are asked for several. */
export class Segment {
  readonly name: string;
  readonly text: string;
  readonly syntax: Syntax;
  #fields: readonly string[] | undefined;

  constructor(name: string, text: string, syntax: Syntax) {
    this.name = name;
    this.text = text;
    this.syntax = syntax;
  }

  /** What stands between separators: the name at 0; "" past the end. */
  piece(index: number): string {
    if (index >= FIELDS_KEPT || (this.#fields === undefined && index <= NEAR_FIELD)) {
      return piece(this.text, this.syntax.delimiters.field, index);
    }
    this.#fields ??= this.text.split(this.syntax.delimiters.field, FIELDS_KEPT);
    return this.#fields[index] ?? "";
  }
}

export interface Syntax {
  readonly delimiters: Delimiters;
  readonly decode: (bytes: Uint8Array) => string;
}

export interface Header {
  /** MSH as its bytes came, one character a byte (of `utf-16`: its text): enough to answer what cannot be read on. */
  readonly msh: Segment;
  readonly width: Width;
}

export interface Message {
  readonly msh: Segment;
  /** All segments, MSH first. */
  readonly segments: readonly Segment[];
  readonly flags: readonly Hl7Flag[];
}

const VERSIONS: ReadonlySet<string> = new Set(
  "2.1 2.2 2.3 2.3.1 2.3.2 2.4 2.5 2.5.1 2.6 2.7 2.7.1 2.8 2.8.1 2.8.2 2.9 2.9.1".split(" "),
);
/** Fields of one segment that are kept cut; the mapping asks for none beyond. */
const FIELDS_KEPT = 64;
/** Up to here, looking for a field costs less than cutting all of them. */
const NEAR_FIELD = 3;
/** At least one character that is neither white space nor a control: an id of nothing else would be everyone's. */
const PRINTED = /[^\s\p{C}]/u;
const LINE_END = /\r\n|\r|\n/;
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** True for a version of HL7 that is taken (HL7 table 0104). */
export function isVersion(version: string): boolean {
  return VERSIONS.has(version);
}

/**
 * The header of a message: what an acknowledgment needs.
 *
 * @throws MedtraceError INPUT_MALFORMED where there is no MSH that can be read.
 */
export function readHeader({ raw, width }: MessageBytes): Header {
  const text = width === "bytes" ? latin1(firstLine(raw)) : (wideText(raw, width).split(LINE_END, 1)[0] ?? "");
  if (!text.startsWith("MSH")) {
    throw new MedtraceError("INPUT_MALFORMED", "a message does not start with an MSH segment", {
      at: "MSH",
      hint: "HL7 v2 messages are sent as ER7, segment by segment, from MSH on",
    });
  }
  return { msh: new Segment("MSH", text, { delimiters: readDelimiters(text), decode: latin1 }), width };
}

/**
 * The whole message. Its version, control id and character set are looked at first.
 *
 * @throws MedtraceError INPUT_UNSUPPORTED at MSH-12 or MSH-18, INPUT_INVALID at MSH-10, INPUT_TOO_LARGE.
 */
export function readMessage({ raw, width, flags }: MessageBytes, header: Header): Message {
  const { msh } = header;
  if (!isVersion(field(msh, 12))) {
    throw new MedtraceError("INPUT_UNSUPPORTED", "MSH-12 is not a version of HL7 that is taken", {
      at: "MSH-12",
      hint: "versions 2.1 to 2.9 are taken",
    });
  }
  if (!PRINTED.test(field(msh, 10))) {
    throw new MedtraceError("INPUT_INVALID", "MSH-10 (message control id) is missing", {
      at: "MSH-10",
      hint: "give every message an id of its own: a resent message is told by it",
    });
  }
  const charset = charsetOf(repetitions(msh, 18));
  const decoded = width === "bytes" ? decodeMessage(raw, charset) : { text: wideText(raw, width), flags: [] };
  const syntax = { delimiters: msh.syntax.delimiters, decode: hexDecoder(charset, width) };
  const odd: Hl7Flag[] = [...flags, ...decoded.flags];
  const segments = readSegments(decoded.text, syntax, odd);
  return { msh: segments[0] ?? msh, segments, flags: odd };
}

function readSegments(text: string, syntax: Syntax, flags: Hl7Flag[]): Segment[] {
  const lines = text.split(text.includes("\n") ? LINE_END : "\r", SEGMENTS_MAX + 1);
  holdWithin(lines.length, SEGMENTS_MAX, "segments in a message", "MSH");
  const segments: Segment[] = [];
  for (const line of lines) {
    if (line === "") continue;
    if (isNamed(line) && (line.length === 3 || line[3] === syntax.delimiters.field)) {
      segments.push(new Segment(line.slice(0, 3), line, syntax));
    } else if (line.trim() !== "" && !flags.includes("hl7:not-a-segment")) {
      flags.push("hl7:not-a-segment");
    }
  }
  return segments;
}

/** True where a line begins with a segment's name: a capital letter, then two more or digits. */
function isNamed(line: string): boolean {
  if (line.length < 3 || isDigit(line.charCodeAt(0))) return false;
  for (let i = 0; i < 3; i++) {
    const code = line.charCodeAt(i);
    if (!isDigit(code) && (code < 0x41 || code > 0x5a)) return false;
  }
  return true;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** `\X…\` under the ASCII default holds UTF-8 as often as anything else; what is not valid is read byte by byte. */
function hexDecoder(charset: Charset, width: Width): (bytes: Uint8Array) => string {
  if (width !== "bytes") return (bytes) => wideText(bytes, "utf-16be");
  return charset.form === "other" || charset.form === "plain"
    ? (bytes) => charset.decode(bytes)
    : (bytes) => decodeMessage(bytes, charset).text;
}

function firstLine(raw: Uint8Array): Uint8Array {
  const cr = raw.indexOf(0x0d);
  const line = cr < 0 ? raw : raw.subarray(0, cr);
  const lf = line.indexOf(0x0a);
  return lf < 0 ? line : line.subarray(0, lf);
}

/** Text of 16-bit units; each unit stays one character of the string. */
export function wideText(raw: Uint8Array, width: "utf-16le" | "utf-16be"): string {
  return new TextDecoder(width, { ignoreBOM: true }).decode(raw);
}

/** The n-th field as it stands in the message: escaped, with all repetitions; "" where it is absent. */
export function rawField(segment: Segment, n: number): string {
  const { name } = segment;
  if (name !== "MSH" && name !== "BHS" && name !== "FHS") return segment.piece(n);
  return n === 1 ? segment.syntax.delimiters.field : segment.piece(n - 1);
}

/** The repetitions of the n-th field, escaped; one "" where the field is absent. */
export function repetitions(segment: Segment, n: number): readonly string[] {
  const text = rawField(segment, n);
  const separator = segment.syntax.delimiters.repetition;
  return text.includes(separator) ? text.split(separator, REPETITIONS_MAX) : [text];
}

/**
 * A value: of the n-th field, in its `rep`-th repetition, the `comp`-th component and its `sub`-th subcomponent, all
 * from 1. Unescaped and trimmed; "" where it is absent or null.
 */
export function field(segment: Segment, n: number, rep = 1, comp = 1, sub = 1): string {
  const text = rawField(segment, n);
  return text === "" ? "" : part(segment, piece(text, segment.syntax.delimiters.repetition, rep - 1), comp, sub);
}

/** A value inside one of a field's {@link repetitions}, as {@link field} gives it. */
export function part(segment: Segment, repetition: string, comp = 1, sub = 1): string {
  if (repetition === "" || repetition === HL7_NULL) return "";
  return subpart(segment, piece(repetition, segment.syntax.delimiters.component, comp - 1), sub);
}

/** The first components of a repetition, cut once for those who ask for several; escaped. */
export function components({ syntax }: Segment, repetition: string, max: number): readonly string[] {
  const { component } = syntax.delimiters;
  return repetition.includes(component) ? repetition.split(component, max) : [repetition];
}

/** A value inside one of a repetition's {@link components}, as {@link field} gives it; "" where there is none. */
export function subpart({ syntax }: Segment, component: string | undefined, sub = 1): string {
  if (component === undefined || component === "") return "";
  const value = piece(component, syntax.delimiters.subcomponent, sub - 1);
  return value === "" || value === HL7_NULL ? "" : unescapeValue(value, syntax.delimiters, syntax.decode).trim();
}

/** A whole repetition as text for people: its components unescaped, parted by blanks. */
export function spoken({ syntax }: Segment, repetition: string): string {
  const { component, subcomponent } = syntax.delimiters;
  let text = "";
  for (const words of repetition.split(component)) {
    for (const word of words.includes(subcomponent) ? words.split(subcomponent) : [words]) {
      const value =
        word === "" || word === HL7_NULL ? "" : unescapeValue(word, syntax.delimiters, syntax.decode).trim();
      if (value !== "") text = text === "" ? value : `${text} ${value}`;
    }
  }
  return text;
}

function piece(text: string, separator: string, index: number): string {
  let start = 0;
  for (let i = 0; i < index; i++) {
    const next = text.indexOf(separator, start);
    if (next < 0) return "";
    start = next + 1;
  }
  const end = text.indexOf(separator, start);
  if (start === 0 && end < 0) return text;
  return text.slice(start, end < 0 ? undefined : end);
}
