/** JSON from hostile bytes: strict UTF-8, bounded nesting, errors that name the place and repeat nothing of the input. */
import { MedtraceError } from "@medtrace/shared/errors";
import { type Bytes, fromUtf8 } from "@medtrace/shared/model/bytes";
import { jsonFault, lineAndColumn } from "./json-place.ts";

/** FHIR resources nest about ten deep; this leaves room for contained ones and extensions. */
export const DEPTH_MAX = 100;
/** Values of one text: a Bundle of ten thousand events has fewer, while thirty megabytes of brackets take gigabytes. */
export const VALUES_MAX = 1_000_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const BOM = 0xfeff;

/**
 * The value of JSON bytes.
 *
 * @throws MedtraceError INPUT_MALFORMED where they are not UTF-8, not JSON, nested deeper than DEPTH_MAX, or hold a
 * member named `__proto__`; INPUT_TOO_LARGE over VALUES_MAX values.
 */
export function parseJson(bytes: Bytes): unknown {
  checkShape(bytes);
  const text = decode(bytes);
  try {
    const value: unknown = JSON.parse(text);
    if (mayNameProto(text)) refuseProto(value);
    return value;
  } catch (error) {
    if (error instanceof MedtraceError) throw error;
    throw new MedtraceError("INPUT_MALFORMED", "this is not JSON", {
      at: lineAndColumn(text, jsonFault(text)),
      hint: "send one JSON value in UTF-8",
    });
  }
}

function decode(bytes: Bytes): string {
  try {
    const text = fromUtf8(bytes);
    return text.charCodeAt(0) === BOM ? text.slice(1) : text;
  } catch {
    throw new MedtraceError("INPUT_MALFORMED", "the bytes are not UTF-8", {
      at: `byte ${utf8Fault(bytes)}`,
      hint: "FHIR JSON is sent in UTF-8",
    });
  }
}

/** Offset of the first byte that is not UTF-8, or of the next after it: what is valid is the same when written again. */
function utf8Fault(bytes: Bytes): number {
  const again = Buffer.from(Buffer.from(bytes).toString("utf8"));
  return bytes.findIndex((byte, i) => byte !== again[i]);
}

/** Before JSON.parse, whose recursion and memory a hostile body could exhaust. */
function checkShape(bytes: Bytes): void {
  let depth = 0;
  let values = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    // 0x5b [ and 0x7b {; 0x5d ] and 0x7d }
    else if ((byte | 0x20) === 0x7b) {
      values++;
      if (++depth > DEPTH_MAX) {
        throw new MedtraceError("INPUT_MALFORMED", `nested deeper than ${DEPTH_MAX}`, {
          at: `byte ${i}`,
          hint: "resources nest about ten deep",
        });
      }
    } else if ((byte | 0x20) === 0x7d) depth--;
    else if (byte === COMMA && ++values > VALUES_MAX) {
      throw new MedtraceError("INPUT_TOO_LARGE", `more than ${VALUES_MAX} values`, {
        at: `byte ${i}`,
        hint: "send fewer resources at once",
      });
    }
  }
}

/** An escape may hide any of its letters. */
function mayNameProto(text: string): boolean {
  return text.includes("__proto__") || text.includes("\\u00");
}

function refuseProto(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  if (Object.hasOwn(value, "__proto__")) {
    throw new MedtraceError("INPUT_MALFORMED", "a member must not be named __proto__", {
      at: "__proto__",
      hint: "leave it out",
    });
  }
  for (const member of Object.values(value)) refuseProto(member);
}
