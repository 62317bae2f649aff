/** Cuts files into requests of bounded size: NDJSON at line ends, HL7 v2 where a message begins. */
import { createReadStream } from "node:fs";

/** A part of a file that is sent as one request. */
export interface Piece {
  readonly bytes: Uint8Array;
  /** Number of the first line in the file, from 1; for HL7 v2, of the first message. */
  readonly first: number;
}

/** Large enough that requests do not count, small enough for memory and for trying again. */
export const PIECE_BYTES: number = 4 * 1_048_576;
/** No line or message is longer. */
export const UNIT_BYTES_MAX: number = 32 * 1_048_576;

const LF = 0x0a;
const CR = 0x0d;
const MSH = Buffer.from("MSH");

/** Lines of an NDJSON file. @throws RangeError naming the line that is longer than {@link UNIT_BYTES_MAX}. */
export function ndjsonPieces(path: string, pieceBytes: number = PIECE_BYTES): AsyncGenerator<Piece> {
  return pieces(path, pieceBytes, lastLineEnd, (bytes) => count(bytes, LF), "line");
}

/**
 * Messages of an HL7 v2 file. A file that fits into one piece is one, its batch envelope with it; a larger one is cut
 * before MSH segments.
 *
 * @throws RangeError naming the message that is longer than {@link UNIT_BYTES_MAX}.
 */
export function hl7Pieces(path: string, pieceBytes: number = PIECE_BYTES): AsyncGenerator<Piece> {
  return pieces(path, pieceBytes, lastMessageStart, countMessages, "message");
}

/** @param cutAt the last place in the bytes where they may be cut; 0 where there is none. */
async function* pieces(
  path: string,
  pieceBytes: number,
  cutAt: (bytes: Buffer) => number,
  unitsIn: (bytes: Buffer) => number,
  unit: string,
): AsyncGenerator<Piece> {
  let held: Buffer[] = [];
  let length = 0;
  let first = 1;
  for await (const chunk of createReadStream(path, { highWaterMark: Math.min(pieceBytes, 1_048_576) })) {
    held.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length < pieceBytes) continue;
    const bytes = Buffer.concat(held);
    const end = cutAt(bytes);
    if (end === 0) {
      if (length > UNIT_BYTES_MAX) throw new RangeError(`${unit} ${first} is longer than ${UNIT_BYTES_MAX} bytes`);
      held = [bytes];
      continue;
    }
    const piece = bytes.subarray(0, end);
    yield { bytes: piece, first };
    first += unitsIn(piece);
    held = [bytes.subarray(end)];
    length = bytes.length - end;
  }
  if (length > 0) yield { bytes: Buffer.concat(held), first };
}

function lastLineEnd(bytes: Buffer): number {
  return bytes.lastIndexOf(LF) + 1;
}

function lastMessageStart(bytes: Buffer): number {
  for (let at = bytes.lastIndexOf(MSH); at > 0; at = bytes.lastIndexOf(MSH, at - 1)) {
    const before = bytes[at - 1];
    if (before === LF || before === CR) return at;
    if (before === 0x0b) return at - 1;
  }
  return 0;
}

function count(bytes: Buffer, byte: number): number {
  let found = 0;
  for (let at = bytes.indexOf(byte); at >= 0; at = bytes.indexOf(byte, at + 1)) found++;
  return found;
}

function countMessages(bytes: Buffer): number {
  let found = bytes.subarray(0, 3).equals(MSH) ? 1 : 0;
  for (let at = bytes.indexOf(MSH, 1); at >= 0; at = bytes.indexOf(MSH, at + 1)) {
    const before = bytes[at - 1];
    if (before === LF || before === CR || before === 0x0b) found++;
  }
  return found;
}
