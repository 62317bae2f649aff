/**
 * The chain over a partition's rows: each row's MAC covers its place, the row before and its value, and each commit
 * leaves an authenticated end. An edited, inserted, moved or removed row, or a cut tail, does not fit any more.
 */
import type { Bytes } from "@medtrace/shared/model/bytes";
import { hmacSha256 } from "@medtrace/shared/model/hmac";

export const NO_ROW: Bytes = new Uint8Array(32);

const PLACE_BYTES = 16;
const ROW = 0;
const END = 1;

export interface Chain {
  row(partition: number, offset: number, before: Bytes, value: Bytes): Bytes;
  /** MAC of "the partition ends at `end`, after the row with this MAC". */
  end(partition: number, end: number, last: Bytes): Bytes;
}

export function createChain(key: Bytes): Chain {
  const mac = hmacSha256(key);
  const over = (kind: number, partition: number, offset: number, before: Bytes, value: Bytes): Bytes => {
    const bytes = new Uint8Array(PLACE_BYTES + before.length + value.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, kind);
    view.setUint32(4, partition);
    view.setBigUint64(8, BigInt(offset));
    bytes.set(before, PLACE_BYTES);
    bytes.set(value, PLACE_BYTES + before.length);
    return mac(bytes);
  };
  return {
    row: (partition, offset, before, value) => over(ROW, partition, offset, before, value),
    end: (partition, end, last) => over(END, partition, end, last, new Uint8Array(0)),
  };
}
