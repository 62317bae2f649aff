/** Escape sequences inside HL7 v2 values (HL7 v2.9 section 2.7). */
import type { Delimiters } from "./delimiters.ts";

import { decodeRun, designated, type Iso2022Set } from "./iso2022.ts";

const LINES_MAX = 20;
const HEX = /^X((?:[0-9A-Fa-f]{2})+)$/;
/** Local sequences, whose meaning only their systems know, and switches to character sets that are not known here. */
const KEPT = /^[ZCM][0-9A-Za-z]*$/;
/** A switch to another character set (section 2.7.5): the rest of ISO 2022's escape sequence, in hex. */
const SWITCH = /^[CM]((?:[0-9A-Fa-f]{2}){2,3})$/;
const ASCII = /^[\0-\x7f]*$/;
const FORMATTING = /^\.(br|ce|sp|sk|fi|nf|in|ti)\s?([+-]?\d{0,9})$/;

/**
 * The value with its escape sequences resolved: delimiters, hexadecimal bytes, formatting commands (line breaks become
 * line ends, the rest go), switches to JIS sets (`\M2442\`) and back. Local sequences (`\Z…\`) stay as they came, and so
 * do switches to other sets.
 *
 * @param decode text of the bytes of `\X…\`, in the message's character set.
 */
export function unescapeValue(value: string, delimiters: Delimiters, decode: (bytes: Uint8Array) => string): string {
  const mark = delimiters.escape;
  let start = value.indexOf(mark);
  if (start < 0) return value;
  /** What is done with, and then the text since the last switch to another set. */
  let done = "";
  let out = value.slice(0, start);
  let set: Iso2022Set = "roman";
  while (start >= 0) {
    const end = value.indexOf(mark, start + 1);
    if (end < 0) {
      out += value.slice(start);
      break;
    }
    const switched = designated(SWITCH.exec(value.slice(start + 1, Math.min(end, start + 8)))?.[1] ?? "");
    if (switched !== undefined) {
      done += inSet(out, set);
      out = "";
      set = switched;
    }
    const resolved = switched !== undefined ? "" : resolve(value.slice(start + 1, end), delimiters, decode);
    if (resolved === undefined && !KEPT.test(value.slice(start + 1, Math.min(end, start + 40)))) {
      // A stray mark: what looks like its end may open the next sequence.
      out += value.slice(start, end);
      start = end;
      continue;
    }
    const next = value.indexOf(mark, end + 1);
    out += (resolved ?? value.slice(start, end + 1)) + value.slice(end + 1, next < 0 ? undefined : next);
    start = next;
  }
  return done + inSet(out, set);
}

/** A text as characters of a set whose bytes came as ASCII; as it is where they did not. */
function inSet(text: string, set: Iso2022Set): string {
  return set === "roman" || !ASCII.test(text) ? text : decodeRun(Buffer.from(text, "latin1"), set);
}

function resolve(sequence: string, delimiters: Delimiters, decode: (bytes: Uint8Array) => string): string | undefined {
  switch (sequence) {
    case "F":
      return delimiters.field;
    case "S":
      return delimiters.component;
    case "T":
      return delimiters.subcomponent;
    case "R":
      return delimiters.repetition;
    case "E":
      return delimiters.escape;
    case "P":
      return delimiters.truncation;
    case "H":
    case "N":
      return "";
  }
  const hex = HEX.exec(sequence)?.[1];
  if (hex !== undefined) return decode(Buffer.from(hex, "hex"));
  const formatting = FORMATTING.exec(sequence);
  return formatting === null ? undefined : format(formatting[1] ?? "", Number(formatting[2] || 1));
}

function format(command: string, count: number): string {
  const times = Math.min(Math.max(Number.isNaN(count) ? 1 : count, 1), LINES_MAX);
  if (command === "br" || command === "ce") return "\n";
  if (command === "sp") return "\n".repeat(times);
  return command === "sk" ? " ".repeat(times) : "";
}

/** A text made safe to stand in one value: delimiters escaped, control characters (segment ends too) as spaces. */
export function escapeValue(text: string, delimiters: Delimiters): string {
  const codes = new Map([
    [delimiters.field, "F"],
    [delimiters.component, "S"],
    [delimiters.subcomponent, "T"],
    [delimiters.repetition, "R"],
    [delimiters.escape, "E"],
  ]);
  let out = "";
  for (const character of text) {
    const code = codes.get(character);
    if (code !== undefined) out += delimiters.escape + code + delimiters.escape;
    else out += character < " " || character === "\x7f" ? " " : character;
  }
  return out;
}
