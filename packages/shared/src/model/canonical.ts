/**
 * JSON Canonicalization Scheme, RFC 8785. The canonical bytes of a value are what is hashed, logged and anchored.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Nesting beyond this is refused: the recursion must end before the stack does. */
export const CANONICAL_DEPTH_MAX = 200;

// ASCII
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const BRACKET_END = 0x5d;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
const TILDE = 0x7e;

/** Up to here, sorting keys by insertion is faster than Array.prototype.sort. */
const INSERTION_KEYS_MAX = 24;
/** Strings up to this length are written byte by byte; for longer ones a call into native code pays. */
const SHORT_CHARS_MAX = 128;
const ROOM_BYTES_MIN = 65_536;
/** What an unusually large value needed is let go again. */
const ROOM_BYTES_KEPT = 4 * 1_048_576;

/**
 * Canonical text of a JSON value (RFC 8785 section 3.2): no white space, keys sorted by UTF-16 code units, numbers as
 * ECMAScript prints them, strings with the minimal escapes. An `undefined` member is left out, as JSON.stringify does.
 *
 * @throws TypeError for NaN, Infinity, a lone surrogate, nesting over CANONICAL_DEPTH_MAX, or a value that is not JSON.
 */
export function canonicalText(value: Json): string {
  return written(value).toString("utf8");
}

/** UTF-8 bytes of {@link canonicalText}. */
export function canonicalBytes(value: Json): Uint8Array {
  return Buffer.from(written(value));
}

// Writing is synchronous, so one buffer serves every value: strings joined piece by piece cost three times as much.
let room = Buffer.allocUnsafe(ROOM_BYTES_MIN);
let end = 0;

/** The canonical bytes, until the next value is written. */
function written(value: Json): Buffer {
  end = 0;
  write(value, 0);
  const bytes = room.subarray(0, end);
  if (room.length > ROOM_BYTES_KEPT) room = Buffer.allocUnsafe(ROOM_BYTES_MIN);
  return bytes;
}

function need(bytes: number): void {
  if (end + bytes <= room.length) return;
  const larger = Buffer.allocUnsafe(Math.max(2 * room.length, end + bytes));
  room.copy(larger, 0, 0, end);
  room = larger;
}

function write(value: Json | undefined, depth: number): void {
  switch (typeof value) {
    case "string":
      writeString(value);
      return;
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`not a JSON number: ${value}`);
      // For finite numbers this is what JSON.stringify gives, -0 included.
      writeAscii(String(value));
      return;
    case "boolean":
      writeAscii(value ? "true" : "false");
      return;
    case "object":
      if (value === null) writeAscii("null");
      else if (depth >= CANONICAL_DEPTH_MAX) throw new TypeError(`nested deeper than ${CANONICAL_DEPTH_MAX}`);
      else if (Array.isArray(value)) writeArray(value, depth + 1);
      else writeObject(value as { readonly [key: string]: Json | undefined }, depth + 1);
      return;
    default:
      throw new TypeError(`not a JSON value: ${typeof value}`);
  }
}

function writeByte(byte: number): void {
  if (end === room.length) need(1);
  room[end++] = byte;
}

function writeAscii(text: string): void {
  need(text.length);
  end += room.write(text, end, "latin1");
}

function writeString(text: string): void {
  if (text.length <= SHORT_CHARS_MAX && writePlain(text)) return;
  if (!text.isWellFormed()) throw new TypeError("a string with a lone surrogate has no UTF-8 form");
  // Of well-formed strings, JSON.stringify gives what section 3.2.2.2 asks for.
  const quoted = JSON.stringify(text);
  need(3 * quoted.length);
  end += room.write(quoted, end, "utf8");
}

/** Writes a string of ASCII that needs no escape; gives false, having written nothing, for any other. */
function writePlain(text: string): boolean {
  need(text.length + 2);
  const bytes = room;
  let at = end;
  bytes[at++] = QUOTE;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < SPACE || code > TILDE || code === QUOTE || code === BACKSLASH) return false;
    bytes[at++] = code;
  }
  bytes[at++] = QUOTE;
  end = at;
  return true;
}

function writeArray(items: readonly Json[], depth: number): void {
  writeByte(BRACKET);
  for (let i = 0; i < items.length; i++) {
    if (i > 0) writeByte(COMMA);
    write(items[i], depth);
  }
  writeByte(BRACKET_END);
}

function writeObject(object: { readonly [key: string]: Json | undefined }, depth: number): void {
  const prototype = Object.getPrototypeOf(object) as unknown;
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError("not a JSON value: no plain object");
  writeByte(BRACE);
  let first = true;
  for (const key of sorted(Object.keys(object))) {
    const member = object[key];
    if (member === undefined) continue;
    if (!first) writeByte(COMMA);
    first = false;
    writeString(key);
    writeByte(COLON);
    write(member, depth);
  }
  writeByte(BRACE_END);
}

/** By UTF-16 code units, as RFC 8785 section 3.2.3 asks; both ways of comparing below do that. */
function sorted(keys: string[]): string[] {
  if (keys.length > INSERTION_KEYS_MAX) return keys.sort();
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string;
    let at = i;
    for (; at > 0 && (keys[at - 1] as string) > key; at--) keys[at] = keys[at - 1] as string;
    keys[at] = key;
  }
  return keys;
}
