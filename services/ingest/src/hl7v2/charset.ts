/** Character sets of HL7 v2 messages: MSH-18, HL7 table 0211, and the names that systems use in its place. */
import { isAscii, isUtf8 } from "node:buffer";
import { MedtraceError } from "@medtrace/shared/errors";
import type { Hl7Flag } from "./flags.ts";
import { decodeIso2022 } from "./iso2022.ts";

export interface Charset {
  /** Text of bytes; what the set does not define becomes U+FFFD. */
  decode(bytes: Uint8Array): string;
  /** `plain`: every byte below 0x80 is that ASCII character. */
  readonly form: "ascii" | "utf-8" | "plain" | "other";
}

export interface Decoded {
  readonly text: string;
  readonly flags: readonly Hl7Flag[];
}

const REPLACEMENT = "\uFFFD";
const MISMATCH: readonly Hl7Flag[] = ["hl7:charset-mismatch"];
const NOT_ASCII: readonly Hl7Flag[] = ["hl7:not-ascii"];

/** By MSH-18 in capitals without blanks; the value is a label of the WHATWG Encoding Standard. */
const LABELS: ReadonlyMap<string, string> = new Map([
  ["", "ascii"],
  ["ASCII", "ascii"],
  ["US-ASCII", "ascii"],
  ["ISOIR6", "ascii"],
  ["ISO-IR6", "ascii"],
  ["UNICODE", "utf-8"],
  ["UNICODEUTF-8", "utf-8"],
  ["UTF-8", "utf-8"],
  ["UTF8", "utf-8"],
  ["UNICODEUTF-16", "utf-8"],
  ["UTF-16", "utf-8"],
  ["GB18030", "gb18030"],
  ["GB18030-2000", "gb18030"],
  ["ISOIR14", "shift_jis"],
  ["SHIFT-JIS", "shift_jis"],
  ["SHIFT_JIS", "shift_jis"],
  ["SJIS", "shift_jis"],
  ["ISOIR87", "iso-2022-jp"],
  ["ISOIR159", "iso-2022-jp"],
  ["KSX1001", "euc-kr"],
  ["BIG-5", "big5"],
  ["BIG5", "big5"],
  ...["1250", "1251", "1252", "1253", "1254", "1255", "1256", "1257", "1258"].flatMap((page): [string, string][] => [
    [`WINDOWS-${page}`, `windows-${page}`],
    [`CP${page}`, `windows-${page}`],
  ]),
]);
const ISO_8859 = /^(?:ISO-?)?8859[/-](\d{1,2})$/;

const cache = new Map<string, Charset>();
const CACHE_MAX = 100;

/**
 * The character set of a message.
 *
 * @param names the repetitions of MSH-18; the first is the default, the others are switched to by escapes (ISO 2022).
 * @throws MedtraceError INPUT_UNSUPPORTED at MSH-18 where it is not one that is decoded.
 */
export function charsetOf(names: readonly string[]): Charset {
  const key = names.join("~");
  const known = cache.get(key);
  if (known !== undefined) return known;
  const charset = open(names);
  if (cache.size < CACHE_MAX) cache.set(key, charset);
  return charset;
}

function open(names: readonly string[]): Charset {
  const labels = new Set(names.map(labelOf));
  if (labels.size > 1) labels.delete("ascii");
  // JIS X 0201 beside JIS X 0208 is what ISO-2022-JP switches between.
  if (labels.has("iso-2022-jp")) labels.delete("shift_jis");
  const [label] = labels;
  if (labels.size !== 1 || label === undefined) throw unsupported();
  if (label === "iso-2022-jp") return { form: "other", decode: decodeIso2022 };
  if (label === "ascii") return { form: "ascii", decode: (bytes) => Buffer.from(bytes).toString("latin1") };
  try {
    const decoder = new TextDecoder(label, { ignoreBOM: true });
    const form = label === "utf-8" ? "utf-8" : label.startsWith("iso-8859") ? "plain" : "other";
    return { form, decode: (bytes) => decoder.decode(bytes) };
  } catch (cause) {
    throw unsupported(cause);
  }
}

function labelOf(name: string): string {
  const key = name.toUpperCase().replaceAll(" ", "");
  const label = LABELS.get(key);
  if (label !== undefined) return label;
  const part = Number(ISO_8859.exec(key)?.[1] ?? 0);
  if (part >= 1 && part <= 16 && part !== 12) return `iso-8859-${part}`;
  throw unsupported();
}

function unsupported(cause?: unknown): MedtraceError {
  return new MedtraceError("INPUT_UNSUPPORTED", "the character set is not one that is decoded", {
    at: "MSH-18",
    hint: "use UNICODE UTF-8, or another of ASCII, 8859/1 to 8859/16, GB 18030-2000, ISO IR14, ISO IR87, KS X 1001, BIG-5",
    cause,
  });
}

/**
 * Text of a message's bytes. Bytes that are not of the declared set are read as the likeliest other one, and flagged:
 * UTF-8 under ASCII where they are valid UTF-8, else ISO 8859-1, which loses nothing.
 */
export function decodeMessage(bytes: Uint8Array, charset: Charset): Decoded {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (charset.form !== "other" && isAscii(buffer)) return { text: buffer.toString("latin1"), flags: [] };
  if (charset.form === "ascii" || charset.form === "utf-8") {
    if (isUtf8(buffer)) return { text: buffer.toString("utf8"), flags: [] };
    return { text: buffer.toString("latin1"), flags: charset.form === "ascii" ? NOT_ASCII : MISMATCH };
  }
  const text = charset.decode(bytes);
  return { text, flags: text.includes(REPLACEMENT) ? MISMATCH : [] };
}
