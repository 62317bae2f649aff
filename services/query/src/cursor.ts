/**
 * Cursors: where a list goes on, sealed by a keyed digest over the place and the query, so that one that was made up,
 * or made for another query or caller, is refused.
 */
import { timingSafeEqual } from "node:crypto";
import { MedtraceError } from "@medtrace/shared/errors";
import { utf8 } from "@medtrace/shared/model/bytes";
import type { KeyProvider } from "@medtrace/shared/ports/vault";

export interface Place {
  /** Height that the list's first page was true for: later pages are too. */
  readonly asOf: number;
  readonly at: string;
  readonly seq: number;
}

const MAC_BYTES = 16;
export const CURSOR_CHARACTERS_MAX = 256;

/** An opaque cursor for a place in the list that `query` (any text that tells queries and scopes apart) gives. */
export function cursorOf(keys: KeyProvider, query: string, { asOf, at, seq }: Place): string {
  const place = JSON.stringify([asOf, at, seq]);
  return Buffer.concat([mac(keys, query, place), Buffer.from(place)]).toString("base64url");
}

/** @throws MedtraceError INPUT_INVALID where it is not one of this query's cursors. */
export function placeOf(keys: KeyProvider, query: string, cursor: string): Place {
  const bytes = Buffer.from(cursor, "base64url");
  const place = bytes.subarray(MAC_BYTES).toString("utf8");
  if (bytes.length <= MAC_BYTES || !timingSafeEqual(bytes.subarray(0, MAC_BYTES), mac(keys, query, place))) {
    throw new MedtraceError("INPUT_INVALID", "this cursor does not belong to this query", {
      at: "cursor",
      hint: "use nextCursor of the page before, with the same path and parameters",
    });
  }
  const [asOf, at, seq] = JSON.parse(place) as [number, string, number];
  return { asOf, at, seq };
}

function mac(keys: KeyProvider, query: string, place: string): Buffer {
  const digest = keys.index(utf8(`medtrace query cursor\n${query}\n${place}`));
  return Buffer.from(digest.buffer, digest.byteOffset, MAC_BYTES);
}
