/** Merkle trees of RFC 6962 section 2.1 with SHA-256. Hashes are lower-case hex. */
import { type Bytes, concat, fromHex, toHex } from "./bytes.ts";

const LEAF: Bytes = Uint8Array.of(0x00);
const NODE: Bytes = Uint8Array.of(0x01);
const MEMORY_MAX = 200_000;
const encoder = new TextEncoder();

/** SHA-256 (FIPS 180-4), hex. */
export type Sha256 = (bytes: Bytes) => string | Promise<string>;

/** As WebCrypto has it, in browsers and in Node. */
export const sha256: Sha256 = async (bytes) => toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));

/** Hashes of a tree: a leaf can never be taken for an inner node, nor the other way round. */
export interface TreeHash {
  /** SHA-256(0x00 || UTF-8 of the text). */
  leafHash(text: string): string | Promise<string>;
  /** SHA-256(0x01 || left || right). */
  nodeHash(left: string, right: string): string | Promise<string>;
}

/** Remembers the nodes that it hashed: events of one batch share most of their paths. */
export function treeHash(digest: Sha256 = sha256): TreeHash {
  const memory = new Map<string, string | Promise<string>>();
  return {
    leafHash: (text) => digest(concat(LEAF, encoder.encode(text))),
    nodeHash: (left, right) => {
      const key = left + right;
      const known = memory.get(key);
      if (known !== undefined) return known;
      if (memory.size >= MEMORY_MAX) memory.clear();
      const made = digest(concat(NODE, fromHex(left), fromHex(right)));
      memory.set(key, made);
      return made;
    },
  };
}

/**
 * The root that an audit path leads to (RFC 9162 section 2.1.3.2, whose names these are), for the leaf at `index` of
 * `size` leaves; undefined where there is no such leaf or the path is longer or shorter than the tree is high there.
 */
export async function rootOfPath(
  leaf: string,
  index: number,
  size: number,
  path: readonly string[],
  hash: TreeHash,
): Promise<string | undefined> {
  if (index >= size) return undefined;
  let fn = index;
  let sn = size - 1;
  let r = leaf;
  for (const p of path) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      r = await hash.nodeHash(p, r);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      r = await hash.nodeHash(r, p);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 ? r : undefined;
}
