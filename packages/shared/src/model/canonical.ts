/**
 * JSON Canonicalization Scheme, RFC 8785. The canonical bytes of a value are what is hashed, logged and anchored.
 */
import { utf8 } from "./bytes.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Nesting beyond this is refused: the recursion must end before the stack does. */
export const CANONICAL_DEPTH_MAX = 200;

/** Up to here, sorting keys by insertion is faster than Array.prototype.sort. */
const INSERTION_KEYS_MAX = 24;
/** Members have few names, and those of strangers must not fill memory. */
const QUOTED_NAMES_MAX = 1_000;
const QUOTED_NAME_LENGTH_MAX = 64;
const quotedNames = new Map<string, string>();

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what JSON must escape
const NEEDS_CARE = /[\u0000-\u001f"\\\ud800-\udfff]/;

/**
 * Canonical text of a JSON value (RFC 8785 section 3.2): no white space, keys sorted by UTF-16 code units, numbers as
 * ECMAScript prints them, strings with the minimal escapes. An `undefined` member is left out, as JSON.stringify does.
 *
 * @throws TypeError for NaN, Infinity, a lone surrogate, nesting over CANONICAL_DEPTH_MAX, or a value that is not JSON.
 */
export function canonicalText(value: Json): string {
  return write(value, 0);
}

/** UTF-8 bytes of {@link canonicalText}. */
export function canonicalBytes(value: Json): Uint8Array {
  return utf8(canonicalText(value));
}

function write(value: Json | undefined, depth: number): string {
  switch (typeof value) {
    case "string":
      return writeString(value);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`not a JSON number: ${value}`);
      // For finite numbers this is what JSON.stringify gives, -0 included.
      return String(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      if (depth >= CANONICAL_DEPTH_MAX) throw new TypeError(`nested deeper than ${CANONICAL_DEPTH_MAX}`);
      return Array.isArray(value)
        ? writeArray(value, depth + 1)
        : writeObject(value as { readonly [key: string]: Json | undefined }, depth + 1);
    default:
      throw new TypeError(`not a JSON value: ${typeof value}`);
  }
}

function writeString(text: string): string {
  if (!NEEDS_CARE.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw new TypeError("a string with a lone surrogate has no UTF-8 form");
  return JSON.stringify(text);
}

function writeArray(items: readonly Json[], depth: number): string {
  let out = "[";
  for (let i = 0; i < items.length; i++) {
    if (i > 0) out += ",";
    out += write(items[i], depth);
  }
  return `${out}]`;
}

function writeObject(object: { readonly [key: string]: Json | undefined }, depth: number): string {
  const prototype = Object.getPrototypeOf(object) as unknown;
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError("not a JSON value: no plain object");
  let out = "{";
  for (const key of sorted(Object.keys(object))) {
    const member = object[key];
    if (member === undefined) continue;
    if (out.length > 1) out += ",";
    out += writeName(key) + write(member, depth);
  }
  return `${out}}`;
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

/** A member's name and colon; kept, since few names make up nearly all. */
function writeName(name: string): string {
  const known = quotedNames.get(name);
  if (known !== undefined) return known;
  const quoted = `${writeString(name)}:`;
  if (name.length <= QUOTED_NAME_LENGTH_MAX && quotedNames.size < QUOTED_NAMES_MAX) quotedNames.set(name, quoted);
  return quoted;
}
