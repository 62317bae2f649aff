/**
 * The chain over a partition's rows: each row's MAC covers its place, the row before and its leaf hash, and each commit
 * leaves an authenticated end. An edited, inserted, moved or removed row, or a cut tail, does not fit any more.
 */
import type { Bytes } from "@medtrace/shared/model/bytes";
import { hmacSha256 } from "@medtrace/shared/model/hmac";

export const NO_ROW: Bytes = new Uint8Array(32);

const PLACE_BYTES = 16;
const ROW = 0;
const END = 1;

export interface Chain {
  /** @param leaf RFC 6962 leaf hash of the row's value: whoever reads the row needs it anyway. */
  row(partition: number, offset: number, before: Bytes, leaf: Bytes): Bytes;
  /** MAC of "the partition ends at `end`, after the row with this MAC". */
  end(partition: number, end: number, last: Bytes): Bytes;
}

export function createChain(key: Bytes): Chain {
  const mac = hmacSha256(key);
  const placeBytes = new Uint8Array(PLACE_BYTES);
  const place = new DataView(placeBytes.buffer);
  const over = (kind: number, partition: number, offset: number, before: Bytes, value: Bytes): Bytes => {
    place.setUint32(0, kind);
    place.setUint32(4, partition);
    place.setUint32(8, Math.floor(offset / 2 ** 32));
    place.setUint32(12, offset >>> 0);
    return mac(placeBytes, before, value);
  };
  return {
    row: (partition, offset, before, leaf) => over(ROW, partition, offset, before, leaf),
    end: (partition, end, last) => over(END, partition, end, last, new Uint8Array(0)),
  };
}
