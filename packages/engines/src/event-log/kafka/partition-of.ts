/** Which partition a key goes to: as Kafka's own clients choose it, so that every producer agrees. */

const SEED = 0x9747b28c;
const MIX = 0x5bd1e995;

/** MurmurHash2 in the 32-bit variant of Kafka's clients (org.apache.kafka.common.utils.Utils), as a signed number. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  const words = length - (length % 4);
  let hash = SEED ^ length;
  for (let at = 0; at < words; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    const mixed = Math.imul(word, MIX);
    hash = Math.imul(hash, MIX) ^ Math.imul(mixed ^ (mixed >>> 24), MIX);
  }
  if (length > words) {
    for (let at = length - 1; at >= words; at--) hash ^= (bytes[at] as number) << (8 * (at - words));
    hash = Math.imul(hash, MIX);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MIX);
  return hash ^ (hash >>> 15);
}

/** The partition of a key's UTF-8 bytes, of so many partitions. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}
