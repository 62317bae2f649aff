/** Dead letters: log records that are anchored but could not be projected. They say where and why, never what. */

import { fromUtf8 } from "./bytes.ts";
import { canonicalBytes, type Json } from "./canonical.ts";

export const DEAD_LETTER_FORMAT = "medtrace-dead-letter/1";

/** Where the record stands, and why it could not be projected. The record itself stays in the event log. */
export interface DeadLetter {
  readonly format: typeof DEAD_LETTER_FORMAT;
  readonly stream: string;
  readonly partition: number;
  readonly offset: number;
  /** In words, without anything of what the record holds. */
  readonly reason: string;
}

export function deadLetterBytes(letter: DeadLetter): Uint8Array {
  return canonicalBytes(letter as unknown as Json);
}

/** The dead letter of some bytes; undefined where they are none that this version knows. */
export function readDeadLetter(bytes: Uint8Array): DeadLetter | undefined {
  try {
    const letter = JSON.parse(fromUtf8(bytes)) as Partial<DeadLetter>;
    const { format, stream, partition, offset, reason } = letter;
    const known = format === DEAD_LETTER_FORMAT && typeof stream === "string" && typeof reason === "string";
    return known && Number.isSafeInteger(partition) && Number.isSafeInteger(offset)
      ? (letter as DeadLetter)
      : undefined;
  } catch {
    return undefined;
  }
}
