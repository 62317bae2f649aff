/** The header of a syslog message (RFC 5424, section 6), and where its MSG begins. */
import { MedtraceError } from "@medtrace/shared/errors";

export interface SyslogMessage {
  /** PRIVAL divided by 8. */
  readonly facility: number;
  /** PRIVAL modulo 8. */
  readonly severity: number;
  /** RFC 3339, as it came; undefined for the NILVALUE. What cannot be read as a time is kept all the same. */
  readonly timestamp: string | undefined;
  readonly hostName: string | undefined;
  readonly appName: string | undefined;
  readonly processId: string | undefined;
  readonly messageId: string | undefined;
  /** MSG without its byte order mark. */
  readonly content: Uint8Array;
}

/** Longest header in bytes before the structured data: the limits of RFC 5424 added up, and some more. */
const HEADER_BYTES_MAX = 1_024;
const PRIORITY_MAX = 191;
const HEADER = /^<(\d{1,3})>1 ([!-~]{1,64}) ([!-~]{1,255}) ([!-~]{1,128}) ([!-~]{1,128}) ([!-~]{1,128}) /;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const SPACE = 0x20;
const NIL = 0x2d;
const BOM = [0xef, 0xbb, 0xbf] as const;

/**
 * Reads a syslog message.
 *
 * @throws MedtraceError INPUT_MALFORMED at the part of the header that is not as RFC 5424 has it.
 */
export function readSyslog(bytes: Uint8Array): SyslogMessage {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEADER_BYTES_MAX)).toString("latin1");
  const match = HEADER.exec(head);
  if (match === null) throw malformed("HEADER", "is not <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID");
  const [whole, priority, timestamp, hostName, appName, processId, messageId] = match;
  if (Number(priority) > PRIORITY_MAX) throw malformed("PRI", `is over ${PRIORITY_MAX}`);
  const afterData = skipStructuredData(bytes, whole.length);
  if (afterData < bytes.length && bytes[afterData] !== SPACE)
    throw malformed("STRUCTURED-DATA", "is not followed by a space");
  const start = afterData + 1;
  const isMarked = BOM.every((byte, i) => bytes[start + i] === byte);
  return {
    facility: Math.floor(Number(priority) / 8),
    severity: Number(priority) % 8,
    timestamp: unlessNil(timestamp),
    hostName: unlessNil(hostName),
    appName: unlessNil(appName),
    processId: unlessNil(processId),
    messageId: unlessNil(messageId),
    content: bytes.subarray(isMarked ? start + BOM.length : start),
  };
}

function unlessNil(text: string | undefined): string | undefined {
  return text === "-" ? undefined : text;
}

/** Place after the structured data, whose values may hold spaces, and brackets behind a backslash (section 6.3.3). */
function skipStructuredData(bytes: Uint8Array, start: number): number {
  if (bytes[start] === NIL) return start + 1;
  if (bytes[start] !== OPEN) throw malformed("STRUCTURED-DATA", "is neither - nor an element in brackets");
  let isQuoted = false;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isQuoted && byte === BACKSLASH) at++;
    else if (byte === QUOTE) isQuoted = !isQuoted;
    else if (byte === CLOSE && !isQuoted && bytes[at + 1] !== OPEN) return at + 1;
  }
  throw malformed("STRUCTURED-DATA", "does not end");
}

function malformed(at: string, why: string): MedtraceError {
  return new MedtraceError("INPUT_MALFORMED", `${at} ${why}`, {
    at,
    hint: "send syslog messages of RFC 5424, version 1",
  });
}
