/**
 * The RFC 6962 tree over the blocks, kept as hashes of its perfect subtrees: adding a block writes two of them on
 * average, and a proof reads O(log n). Nodes are named (level, position): position p of level l covers the leaves
 * p * 2^l up to (p + 1) * 2^l.
 */
import type { Bytes } from "@medtrace/shared/model/bytes";
import { nodeHash, splitPoint } from "@medtrace/shared/model/merkle";

export type ReadNode = (level: number, position: number) => Bytes;

export interface TreeNode {
  readonly level: number;
  readonly position: number;
  readonly hash: Bytes;
}

/** The nodes that come with the leaf of this index, the leaf first; `read` gives those already there. */
export function addedNodes(index: number, leaf: Bytes, read: ReadNode): TreeNode[] {
  const added: TreeNode[] = [{ level: 0, position: index, hash: leaf }];
  let hash = leaf;
  let position = index;
  for (let level = 0; position % 2 === 1; level++) {
    hash = nodeHash(read(level, position - 1), hash);
    position = Math.floor(position / 2);
    added.push({ level: level + 1, position, hash });
  }
  return added;
}

/** Root of the tree of the first `size` leaves; size is at least 1. */
export function rootOf(size: number, read: ReadNode): Bytes {
  return rangeRoot(0, size, read);
}

/** Root of the leaves first..end, a range as RFC 6962 splits them: all but the rightmost are perfect and aligned. */
function rangeRoot(first: number, end: number, read: ReadNode): Bytes {
  const split = splitPoint(end - first);
  if (split * 2 === end - first || end - first === 1) {
    const level = Math.round(Math.log2(end - first));
    return read(level, first / (end - first));
  }
  return nodeHash(rangeRoot(first, first + split, read), rangeRoot(first + split, end, read));
}

/** Audit path (RFC 6962 section 2.1.1) of a leaf in the tree of the first `size` leaves, lowest sibling first. */
export function inclusionPathOf(index: number, size: number, read: ReadNode): Bytes[] {
  const path: Bytes[] = [];
  let first = 0;
  for (let end = size; end - first > 1; ) {
    const middle = first + splitPoint(end - first);
    path.unshift(index < middle ? rangeRoot(middle, end, read) : rangeRoot(first, middle, read));
    if (index < middle) end = middle;
    else first = middle;
  }
  return path;
}

/**
 * Consistency proof (RFC 6962 section 2.1.2) from the tree of the first `size1` leaves to that of the first `size2`;
 * 1 <= size1 <= size2.
 */
export function consistencyPathOf(size1: number, size2: number, read: ReadNode): Bytes[] {
  const path: Bytes[] = [];
  let first = 0;
  let end = size2;
  while (size1 !== end) {
    const middle = first + splitPoint(end - first);
    path.unshift(size1 <= middle ? rangeRoot(middle, end, read) : rangeRoot(first, middle, read));
    if (size1 <= middle) end = middle;
    else first = middle;
  }
  // The old tree's own root is what the verifier has; a part of it must be given.
  return first === 0 ? path : [rangeRoot(first, end, read), ...path];
}
