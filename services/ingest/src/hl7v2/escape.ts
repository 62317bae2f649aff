/** Escape sequences inside HL7 v2 values (HL7 v2.9 section 2.7). */
import type { Delimiters } from "./delimiters.ts";

const LINES_MAX = 20;
const HEX = /^X((?:[0-9A-Fa-f]{2})+)$/;
/** Local sequences and character set switches, whose meaning only their systems know. */
const KEPT = /^[ZCM][0-9A-Za-z]*$/;
const FORMATTING = /^\.(br|ce|sp|sk|fi|nf|in|ti)\s?([+-]?\d{0,9})$/;

/**
 * The value with its escape sequences resolved: delimiters, hexadecimal bytes, formatting commands (line breaks become
 * line ends, the rest go). Sequences that are unknown here (`\Z…\`, `\C…\`, `\M…\`) stay as they came.
 *
 * @param decode text of the bytes of `\X…\`, in the message's character set.
 */
export function unescapeValue(value: string, delimiters: Delimiters, decode: (bytes: Uint8Array) => string): string {
  const mark = delimiters.escape;
  let start = value.indexOf(mark);
  if (start < 0) return value;
  let out = value.slice(0, start);
  while (start >= 0) {
    const end = value.indexOf(mark, start + 1);
    if (end < 0) return out + value.slice(start);
    const resolved = resolve(value.slice(start + 1, end), delimiters, decode);
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
  return out;
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
