/**
 * Merkle trees of RFC 6962 section 2.1 with SHA-256. Hashes are 32-byte arrays; trees of no leaves hash to SHA-256("").
 */
import { type Bytes, sameBytes, sha256 } from "./bytes.ts";

const LEAF = 0x00;
const NODE = 0x01;
export const HASH_BYTES = 32;
/** More than any proof in a tree of fewer than 2^53 leaves has. */
const HASHES_MAX = 128;

// Hashing is synchronous, so one buffer each serves every call; a new one per hash costs as much as the hash.
const leafBuffer = new Uint8Array(8_192);
const nodeBuffer = new Uint8Array(1 + 2 * HASH_BYTES);
nodeBuffer[0] = NODE;

/** Leaf hash: SHA-256(0x00 || data). */
export function leafHash(data: Bytes): Bytes {
  const size = 1 + data.length;
  const buffer = size <= leafBuffer.length ? leafBuffer.subarray(0, size) : new Uint8Array(size);
  buffer[0] = LEAF;
  buffer.set(data, 1);
  return sha256(buffer);
}

/**
 * Node hash: SHA-256(0x01 || left || right).
 *
 * @throws RangeError unless both are 32 bytes.
 */
export function nodeHash(left: Bytes, right: Bytes): Bytes {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) throw new RangeError("a node has two 32-byte hashes");
  nodeBuffer.set(left, 1);
  nodeBuffer.set(right, 1 + HASH_BYTES);
  return sha256(nodeBuffer);
}

/**
 * All levels of the tree over these leaf hashes, leaves first, root last. A level's odd last node is carried up
 * unhashed, which gives RFC 6962's tree for any size. Kept, it makes every inclusion proof a look-up.
 */
export function merkleLevels(leaves: readonly Bytes[]): readonly (readonly Bytes[])[] {
  if (leaves.length === 0) return [[], [sha256(new Uint8Array(0))]];
  const levels: Bytes[][] = [[...leaves]];
  for (let level = levels[0] as Bytes[]; level.length > 1; ) {
    const above: Bytes[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) above.push(nodeHash(level[i] as Bytes, level[i + 1] as Bytes));
    if (level.length % 2 === 1) above.push(level[level.length - 1] as Bytes);
    levels.push(above);
    level = above;
  }
  return levels;
}

/** Merkle tree hash (RFC 6962 section 2.1) of these leaf hashes. */
export function merkleRoot(leaves: readonly Bytes[]): Bytes {
  const levels = merkleLevels(leaves);
  return (levels[levels.length - 1] as readonly Bytes[])[0] as Bytes;
}

/**
 * Audit path (RFC 6962 section 2.1.1) of the leaf at `index`, lowest sibling first.
 *
 * @throws RangeError when the tree has no such leaf.
 */
export function inclusionPath(levels: readonly (readonly Bytes[])[], index: number): Bytes[] {
  const size = levels[0]?.length ?? 0;
  if (!Number.isInteger(index) || index < 0 || index >= size) throw new RangeError(`no leaf ${index} in ${size}`);
  const path: Bytes[] = [];
  let at = index;
  for (const level of levels.slice(0, -1)) {
    const sibling = level[at ^ 1];
    if (sibling !== undefined) path.push(sibling);
    at >>= 1;
  }
  return path;
}

/**
 * Root that an audit path leads to (RFC 9162 section 2.1.3.2), or undefined where the path has the wrong length for
 * this index and size, or a hash is not 32 bytes. Compare it with the root you trust.
 */
export function rootFromInclusion(leaf: Bytes, index: number, size: number, path: readonly Bytes[]): Bytes | undefined {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return undefined;
  if (!areHashes(leaf, ...path)) return undefined;
  let fn = index;
  let sn = size - 1;
  let hash = leaf;
  for (const sibling of path) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 ? hash : undefined;
}

function areHashes(...hashes: readonly Bytes[]): boolean {
  return hashes.length <= HASHES_MAX && hashes.every((hash) => hash.length === HASH_BYTES);
}

/** True where the path proves `leaf` at `index` of the tree of `size` leaves with this root. */
export function verifyInclusion(
  leaf: Bytes,
  index: number,
  size: number,
  path: readonly Bytes[],
  root: Bytes,
): boolean {
  const found = rootFromInclusion(leaf, index, size, path);
  return found !== undefined && sameBytes(found, root);
}

/**
 * Consistency proof (RFC 6962 section 2.1.2) between the first `size` leaves and all of them.
 *
 * @throws RangeError unless 0 <= size <= leaves.length.
 */
export function consistencyPath(leaves: readonly Bytes[], size: number): Bytes[] {
  if (!Number.isInteger(size) || size < 0 || size > leaves.length) {
    throw new RangeError(`no earlier size ${size} of ${leaves.length}`);
  }
  return size === 0 || size === leaves.length ? [] : subProof(size, leaves, true);
}

function subProof(size: number, leaves: readonly Bytes[], complete: boolean): Bytes[] {
  if (size === leaves.length) return complete ? [] : [merkleRoot(leaves)];
  const split = splitPoint(leaves.length);
  const left = leaves.slice(0, split);
  const right = leaves.slice(split);
  return size <= split
    ? [...subProof(size, left, complete), merkleRoot(right)]
    : [...subProof(size - split, right, false), merkleRoot(left)];
}

/** Largest power of two smaller than `size` (RFC 6962's k). */
export function splitPoint(size: number): number {
  let k = 1;
  while (k * 2 < size) k *= 2;
  return k;
}

/** True where the proof shows that the tree (size2, root2) begins with the tree (size1, root1); RFC 9162 2.1.4.2. */
export function verifyConsistency(
  size1: number,
  size2: number,
  root1: Bytes,
  root2: Bytes,
  path: readonly Bytes[],
): boolean {
  if (!Number.isSafeInteger(size1) || !Number.isSafeInteger(size2) || size1 < 0 || size1 > size2) return false;
  if (!areHashes(root1, root2, ...path)) return false;
  if (size1 === size2) return path.length === 0 && sameBytes(root1, root2);
  if (size1 === 0) return path.length === 0;
  const powerOfTwo = splitPoint(size1 + 1) === size1;
  const rest = powerOfTwo ? [root1, ...path] : [...path];
  const start = rest.shift();
  if (start === undefined) return false;
  let fn = size1 - 1;
  let sn = size2 - 1;
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  let first = start;
  let second = start;
  for (const hash of rest) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      first = nodeHash(hash, first);
      second = nodeHash(hash, second);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      second = nodeHash(second, hash);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && sameBytes(first, root1) && sameBytes(second, root2);
}
