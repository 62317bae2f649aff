/**
 * The sets that ISO 2022 switches between in Japanese messages: by ESC in the bytes (HL7 table 0211, ISO IR87 and
 * IR159), or by `\C…\` and `\M…\` in a value (HL7 v2.9 section 2.7.5). WHATWG's ISO-2022-JP knows no JIS X 0212.
 */
import { holdWithin, SWITCHES_MAX } from "./limits.ts";

export type Iso2022Set = "roman" | "katakana" | "jis-x-0208" | "jis-x-0212";

const ESC = 0x1b;
const LINE_END = /[\r\n]/;
/** By what follows ESC, in hex as HL7's escape sequences have it. Roman stands for ASCII too: they differ in two signs. */
const SETS: ReadonlyMap<string, Iso2022Set> = new Map([
  ["2842", "roman"],
  ["284A", "roman"],
  ["2849", "katakana"],
  ["2440", "jis-x-0208"],
  ["2442", "jis-x-0208"],
  ["242844", "jis-x-0212"],
]);
const HIGH = 0x80;
/** EUC-JP's mark of a character of JIS X 0212. */
const SINGLE_SHIFT_3 = 0x8f;

const shiftJis = new TextDecoder("shift_jis", { ignoreBOM: true });
const eucJp = new TextDecoder("euc-jp", { ignoreBOM: true });

/** The set that a sequence designates, by its hex without ESC; undefined where it is none of these. */
export function designated(hex: string): Iso2022Set | undefined {
  return SETS.get(hex.toUpperCase());
}

/** Text of 7-bit characters of one set; of `roman`, JIS X 0201's half-width katakana may stand among them. */
export function decodeRun(bytes: Uint8Array, set: Iso2022Set): string {
  if (set === "roman") return shiftJis.decode(bytes);
  const high = bytes.map((byte) => byte | HIGH);
  if (set === "katakana") return shiftJis.decode(high);
  if (set === "jis-x-0208") return eucJp.decode(high);
  const marked = new Uint8Array(Math.ceil(high.length / 2) * 3);
  for (let at = 0, to = 0; at < high.length; at += 2, to += 3)
    marked.set([SINGLE_SHIFT_3, ...high.subarray(at, at + 2)], to);
  return eucJp.decode(marked);
}

/**
 * Text of bytes that switch by ESC; each line begins in ASCII (RFC 1468).
 *
 * @throws MedtraceError INPUT_TOO_LARGE over SWITCHES_MAX.
 */
export function decodeIso2022(bytes: Uint8Array): string {
  let text = "";
  let set: Iso2022Set = "roman";
  let start = 0;
  let switches = 0;
  for (let at = bytes.indexOf(ESC); at >= 0; at = bytes.indexOf(ESC, start)) {
    holdWithin(++switches, SWITCHES_MAX, "switches of character sets in a message", "MSH-18");
    text += runs(bytes.subarray(start, at), set);
    const three = Buffer.from(bytes.subarray(at + 1, at + 4)).toString("hex");
    const [code = ""] = [three, three.slice(0, 4)].filter((hex) => designated(hex) !== undefined);
    set = designated(code) ?? "roman";
    if (code === "") text += "\uFFFD";
    start = at + 1 + code.length / 2;
  }
  return text + runs(bytes.subarray(start), set);
}

/** A run up to the next ESC; what stands after a line's end in it is ASCII again. */
function runs(bytes: Uint8Array, set: Iso2022Set): string {
  if (set === "roman") return decodeRun(bytes, set);
  const end = Buffer.from(bytes).toString("latin1").search(LINE_END);
  if (end < 0) return decodeRun(bytes, set);
  return decodeRun(bytes.subarray(0, end), set) + decodeRun(bytes.subarray(end), "roman");
}
