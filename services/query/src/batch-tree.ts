/**
 * A batch's tree as the projection keeps it, against the root that the ledger anchored. The stored hashes are not
 * trusted: a leaf is proven by hashing up to the root, or up to a node that was proven that way before.
 */
import { type Bytes, fromHex, sameBytes } from "@medtrace/shared/model/bytes";
import { HASH_BYTES, nodeHash } from "@medtrace/shared/model/merkle";

interface Level {
  /** Place of the level's first node in the tree. */
  readonly first: number;
  readonly size: number;
}

export class BatchTree {
  readonly #nodes: Uint8Array;
  readonly #levels: readonly Level[];
  /** 1 for each node whose hash follows from the anchored root. */
  readonly #proven: Uint8Array;

  private constructor(nodes: Uint8Array, levels: readonly Level[]) {
    this.#nodes = nodes;
    this.#levels = levels;
    this.#proven = new Uint8Array(nodes.length / HASH_BYTES);
    this.#proven[this.#proven.length - 1] = 1;
  }

  /**
   * The tree over `count` leaves, its nodes level by level from the leaves; undefined where these are not as many nodes
   * as such a tree has, or the last of them is not this root (hex).
   */
  static of(nodes: Uint8Array, count: number, root: string): BatchTree | undefined {
    const levels = levelsOf(count);
    const last = levels.at(-1);
    if (last === undefined || nodes.length !== (last.first + 1) * HASH_BYTES) return undefined;
    if (!sameBytes(nodes.subarray(-HASH_BYTES), fromHex(root))) return undefined;
    return new BatchTree(nodes, levels);
  }

  /** Bytes that it holds in memory. */
  get bytes(): number {
    return this.#nodes.length + this.#proven.length;
  }

  /** True where the anchored root commits to this leaf hash at this index. */
  proves(leaf: Bytes, index: number): boolean {
    if (!Number.isInteger(index) || index < 0 || index >= (this.#levels[0]?.size ?? 0)) return false;
    const climbed: number[] = [];
    let hash = leaf;
    let at = index;
    for (const { first, size } of this.#levels) {
      if (!sameBytes(this.#node(first + at), hash)) return false;
      if (this.#proven[first + at] === 1) {
        for (const place of climbed) this.#proven[place] = 1;
        return true;
      }
      climbed.push(first + at);
      const sibling = at ^ 1;
      if (sibling < size) {
        climbed.push(first + sibling);
        const other = this.#node(first + sibling);
        hash = at % 2 === 0 ? nodeHash(hash, other) : nodeHash(other, hash);
      }
      at >>= 1;
    }
    return false;
  }

  /** Audit path (RFC 6962 section 2.1.1) of a leaf that was {@link proves proven}, lowest sibling first. */
  path(index: number): Bytes[] {
    const path: Bytes[] = [];
    let at = index;
    for (const { first, size } of this.#levels) {
      const sibling = at ^ 1;
      if (sibling < size) path.push(this.#node(first + sibling));
      at >>= 1;
    }
    return path;
  }

  #node(place: number): Bytes {
    return this.#nodes.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES);
  }
}

function levelsOf(count: number): Level[] {
  const levels: Level[] = [];
  let first = 0;
  for (let size = count; size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    levels.push({ first, size });
    first += size;
  }
  return levels;
}
