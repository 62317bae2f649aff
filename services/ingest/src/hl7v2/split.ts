/**
 * A body's messages: one, a stream of them, or batches between FHS, BHS, BTS and FTS (HL7 v2.9 section 2.10.3). Every
 * message stands for itself: what is wrong with one, or with the envelope, is said and spoils no other.
 */
import { MedtraceError } from "@medtrace/shared/errors";
import { readDelimiters } from "./delimiters.ts";
import type { Hl7Flag } from "./flags.ts";
import { holdWithin, MESSAGES_MAX } from "./limits.ts";
import { field, type MessageBytes, Segment, type Width, wideText } from "./message.ts";

export interface Body {
  readonly messages: readonly MessageBytes[];
  readonly width: Width;
  /** What is wrong with the envelope; its messages are taken all the same. */
  readonly faults: readonly MedtraceError[];
  /** Text of the first BHS, or FHS, that the body came in. */
  readonly envelope: string | undefined;
}

interface Mark {
  readonly name: string;
  readonly start: number;
}

/** A header or trailer at the start of a line; VT stands there where a file was captured from MLLP. */
const MARK = /(?:^|[\r\n\v])(MSH|[FB]HS|[FB]TS)/g;
/** Anything but what surrounds messages in files: blanks, line ends, and the frame bytes of MLLP captures. */
const CONTENT = /[!-~\u0080-\uffff]/;
const SPACE = 0x20;
const BYTE_ORDER_MARK = /^(?:\u00EF\u00BB\u00BF|\uFEFF)/;
const HINT = "count the messages after the header, and send the batch again: what was taken is told by its ids";

/**
 * @param bytes the whole body.
 * @throws MedtraceError INPUT_MALFORMED where it holds no MSH, INPUT_TOO_LARGE over MESSAGES_MAX messages.
 */
export function splitBody(bytes: Uint8Array): Body {
  const width = widthOf(bytes);
  const text =
    width === "bytes"
      ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
      : wideText(bytes, width);
  const marks = findMarks(text);
  if (!marks.some((mark) => mark.name === "MSH")) {
    throw new MedtraceError("INPUT_MALFORMED", "there is no MSH segment", {
      at: "MSH",
      hint: "HL7 v2 messages are sent as ER7, segment by segment, from MSH on",
    });
  }
  const reader = new BodyReader(text, bytes, width);
  if (!isBlank(text, BYTE_ORDER_MARK.exec(text)?.[0].length ?? 0, marks[0]?.start ?? 0))
    reader.stray("before the first header");
  for (const [i, mark] of marks.entries()) reader.read(mark, marks[i + 1]?.start ?? text.length);
  return reader.finish();
}

/** UTF-16 shows in its byte order mark, or in the zero byte of MSH's M. */
function widthOf(bytes: Uint8Array): Width {
  const [a, b] = bytes;
  if ((a === 0xff && b === 0xfe) || (a === 0x4d && b === 0)) return "utf-16le";
  return (a === 0xfe && b === 0xff) || (a === 0 && b === 0x4d) ? "utf-16be" : "bytes";
}

function findMarks(text: string): Mark[] {
  const marks: Mark[] = [];
  let messages = 0;
  const first = BYTE_ORDER_MARK.exec(text)?.[0].length ?? 0;
  const lead = /^\s*(MSH|[FB]HS|[FB]TS)/.exec(text.slice(first, first + 200));
  if (lead !== null) marks.push({ name: lead[1] ?? "", start: first + lead[0].length - 3 });
  MARK.lastIndex = (marks[0]?.start ?? 0) + 1;
  for (let match = MARK.exec(text); match !== null; match = MARK.exec(text)) {
    const name = match[1] ?? "";
    if (name === "MSH") holdWithin(++messages, MESSAGES_MAX - 1, "messages in a body", "MSH");
    marks.push({ name, start: match.index + match[0].length - 3 });
    holdWithin(marks.length, MESSAGES_MAX * 2, "batch headers and trailers in a body", "BHS");
  }
  return marks;
}

function isBlank(text: string, start: number, end: number): boolean {
  return !CONTENT.test(text.slice(start, end));
}

/** Walks the headers and trailers, and keeps count as the trailers do. */
class BodyReader {
  readonly #text: string;
  readonly #bytes: Uint8Array;
  readonly #width: Width;
  readonly #messages: { start: number; end: number; flags: Hl7Flag[] }[] = [];
  readonly #faults: MedtraceError[] = [];
  #envelope: string | undefined;
  /** Place in #messages of the open batch's first; undefined outside of a batch. */
  #batch: number | undefined;
  #batches = 0;
  #file: { readonly batches: number; readonly messages: number } | undefined;

  constructor(text: string, bytes: Uint8Array, width: Width) {
    this.#text = text;
    this.#bytes = bytes;
    this.#width = width;
  }

  /** One header, trailer or message, which reaches up to `end`. */
  read({ name, start }: Mark, end: number): void {
    if (name === "MSH") {
      this.#messages.push({ start, end, flags: [] });
      return;
    }
    const line = this.#text.slice(start, end).split(/[\r\n]/, 1)[0] ?? "";
    if (!isBlank(this.#text, start + line.length, end)) this.stray(`after ${name}`);
    if (name === "BHS" || name === "FHS") this.#envelope ??= line;
    if (name === "FHS") this.#file = { batches: this.#batches, messages: this.#messages.length };
    else if (name === "BHS") this.#openBatch();
    else if (name === "BTS") this.#closeBatch(line);
    else this.#closeFile(line);
  }

  stray(where: string): void {
    this.#faults.push(
      new MedtraceError("INPUT_MALFORMED", `there is text ${where} that belongs to no message`, { at: "MSH" }),
    );
  }

  finish(): Body {
    if (this.#batch !== undefined)
      this.#fault("BTS", "the batch has no trailer: it may have been cut off", this.#batch);
    if (this.#file !== undefined)
      this.#fault("FTS", "the file has no trailer: it may have been cut off", this.#file.messages);
    const unit = this.#width === "bytes" ? 1 : 2;
    const messages = this.#messages.map(({ start, end, flags }) => ({
      raw: this.#bytes.subarray(start * unit, this.#trimmed(start, end) * unit),
      width: this.#width,
      flags,
    }));
    return { messages, width: this.#width, faults: this.#faults, envelope: this.#envelope };
  }

  #openBatch(): void {
    if (this.#batch !== undefined)
      this.#fault("BTS", "a batch begins before the one before it has its trailer", this.#batch);
    this.#batch = this.#messages.length;
    this.#batches++;
  }

  #closeBatch(line: string): void {
    const first = this.#batch ?? this.#messages.length;
    if (this.#batch === undefined) this.#fault("BHS", "a batch trailer has no header", first);
    else this.#check(line, "BTS-1", this.#messages.length - first, "messages", first);
    this.#batch = undefined;
  }

  #closeFile(line: string): void {
    const file = this.#file;
    if (this.#batch !== undefined) this.#fault("BTS", "the file ends before the batch's trailer", this.#batch);
    this.#batch = undefined;
    if (file === undefined) this.#fault("FHS", "a file trailer has no header", this.#messages.length);
    else this.#check(line, "FTS-1", this.#batches - file.batches, "batches", file.messages);
    this.#file = undefined;
  }

  /** The trailer's count; an empty one says nothing. */
  #check(line: string, at: string, counted: number, what: string, first: number): void {
    const separator = line[3] ?? "|";
    const said = (line.split(separator, 2)[1] ?? "").trim();
    if (said === "" || Number(said) === counted) return;
    this.#fault(at, `the trailer's count of ${what} is not the ${counted} that came`, first);
  }

  /** A fault of the envelope around the messages from `first` on. */
  #fault(at: string, message: string, first: number): void {
    this.#faults.push(new MedtraceError("INPUT_INVALID", message, { at, hint: HINT }));
    for (const { flags } of this.#messages.slice(first)) {
      if (!flags.includes("hl7:batch-count")) flags.push("hl7:batch-count");
    }
  }

  /** The end of the message's last line: the same message is then the same bytes wherever it stood. */
  #trimmed(start: number, end: number): number {
    let last = end;
    while (last > start && this.#text.charCodeAt(last - 1) <= SPACE) last--;
    return last;
  }
}

/** The header segment of an envelope, to read its fields from; undefined where its delimiters cannot be read. */
export function envelopeSegment(line: string): Segment | undefined {
  try {
    const delimiters = readDelimiters(line);
    return new Segment(line.slice(0, 3), line, { delimiters, decode: () => "" });
  } catch {
    return undefined;
  }
}

/** BHS-11 or FHS-11: the control id that an answer to the batch refers to. */
export function envelopeControlId(segment: Segment): string {
  return field(segment, 11);
}
