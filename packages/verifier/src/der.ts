/** DER (X.690), as much of it as certificates and ECDSA signatures need, read strictly. */
import { type Bytes, toHex } from "./bytes.ts";
import { Fault } from "./verdict.ts";

export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const OID = 0x06;
export const SEQUENCE = 0x30;
export const SET = 0x31;

export interface Element {
  /** The identifier octet: class, constructed, number. */
  readonly tag: number;
  readonly content: Bytes;
  /** With tag and length. */
  readonly whole: Bytes;
}

/** The elements that these bytes are, one after another to the very end; throws Fault. */
export function readElements(bytes: Bytes, at: string): readonly Element[] {
  const found: Element[] = [];
  for (let start = 0; start < bytes.length; ) {
    const tag = bytes[start] as number;
    if (tag % 32 === 31) throw new Fault(at, "DER: a tag of many bytes");
    const { length, from } = readLength(bytes, start + 1, at);
    if (length > bytes.length - from) throw new Fault(at, "DER: cut short");
    found.push({ tag, content: bytes.subarray(from, from + length), whole: bytes.subarray(start, from + length) });
    start = from + length;
  }
  return found;
}

/** Length octets in their fewest bytes, at most three: nothing here is larger. */
function readLength(bytes: Bytes, start: number, at: string): { length: number; from: number } {
  const first = bytes[start];
  if (first === undefined) throw new Fault(at, "DER: cut short");
  if (first < 0x80) return { length: first, from: start + 1 };
  const count = first - 0x80;
  if (count < 1 || count > 2) throw new Fault(at, "DER: a length that is not definite, or too large");
  let length = 0;
  for (let i = 1; i <= count; i++) length = length * 256 + (bytes[start + i] ?? 0);
  if (length < 0x80 || (count === 2 && length < 0x100)) throw new Fault(at, "DER: a length not in its fewest bytes");
  return { length, from: start + 1 + count };
}

/** The one element with this tag that the bytes are; throws Fault. */
export function readOne(bytes: Bytes, tag: number, at: string): Element {
  const [element, ...more] = readElements(bytes, at);
  if (element?.tag === tag && more.length === 0) return element;
  throw new Fault(at, `DER: one element with tag ${tag} expected`);
}

/** Contents of a SEQUENCE's or SET's elements, whose tags must be these, in order; throws Fault. */
export function readExactly(bytes: Bytes, tags: readonly number[], at: string): readonly Bytes[] {
  const elements = readElements(bytes, at);
  if (elements.length === tags.length && elements.every(({ tag }, i) => tag === tags[i])) {
    return elements.map(({ content }) => content);
  }
  throw new Fault(at, `DER: elements with tags ${tags.join(", ")} expected`);
}

/** An INTEGER of 0 or more, from its content; throws Fault. */
export function readUnsigned(content: Bytes, at: string): bigint {
  const [first = 0x80, second = 0x80] = content;
  if (first >= 0x80 || (first === 0 && content.length > 1 && second < 0x80)) {
    throw new Fault(at, "DER: a number that is negative, or not in its fewest bytes");
  }
  return BigInt(`0x${toHex(content)}`);
}

/** A BIT STRING of whole bytes, from its content; throws Fault. */
export function readBitString(content: Bytes, at: string): Bytes {
  if (content[0] === 0) return content.subarray(1);
  throw new Fault(at, "DER: a bit string that does not end with a byte");
}

/** UTCTime or GeneralizedTime in the form that RFC 5280 section 4.1.2.5 leaves them, ms since 1970; throws Fault. */
export function readTime({ tag, content }: Element, at: string): number {
  const text = String.fromCharCode(...content.subarray(0, 20));
  const pattern = tag === 0x17 ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
  const [, year = "", ...rest] = pattern.exec(text) ?? [];
  const century = tag === 0x17 ? (Number(year) < 50 ? "20" : "19") : "";
  const [month, day, hour, minute, second] = rest;
  const iso = `${century}${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = Date.parse(iso);
  // Date.parse takes 30 February for 2 March.
  const isTime = (tag === 0x17 || tag === 0x18) && Number.isFinite(time) && new Date(time).toISOString() === iso;
  if (!isTime) throw new Fault(at, "DER: not a time");
  return time;
}
