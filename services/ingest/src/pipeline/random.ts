import { randomFillSync } from "node:crypto";

/** Random bytes drawn in blocks, so that one system call serves many events. */
export function randomSource(blockBytes = 16_384): (length: number) => Uint8Array {
  const block = new Uint8Array(blockBytes);
  let used = blockBytes;
  return (length) => {
    if (used + length > blockBytes) {
      randomFillSync(block);
      used = 0;
    }
    used += length;
    return block.slice(used - length, used);
  };
}
