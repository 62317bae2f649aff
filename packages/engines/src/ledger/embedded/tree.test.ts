import assert from "node:assert/strict";
import test from "node:test";
import { type Bytes, hex, sameBytes, utf8 } from "@medtrace/shared/model/bytes";
import {
  consistencyPath,
  inclusionPath,
  leafHash,
  merkleLevels,
  merkleRoot,
  verifyConsistency,
  verifyInclusion,
} from "@medtrace/shared/model/merkle";
import { addedNodes, consistencyPathOf, inclusionPathOf, type ReadNode, rootOf } from "./tree.ts";

const SIZE = 130;
const leaves = Array.from({ length: SIZE }, (_, i) => leafHash(utf8(`block ${i}`)));

/** Nodes as they are stored, and how often they are read. */
class Nodes {
  readonly stored: Map<string, Bytes> = new Map();
  reads = 0;

  readonly read: ReadNode = (level, position) => {
    this.reads += 1;
    return this.stored.get(`${level}/${position}`) as Bytes;
  };

  constructor(size: number) {
    for (const [i, leaf] of leaves.slice(0, size).entries()) {
      for (const { level, position, hash } of addedNodes(i, leaf, this.read)) {
        assert.ok(!this.stored.has(`${level}/${position}`), "a node is written once");
        this.stored.set(`${level}/${position}`, hash);
      }
    }
  }
}

test("the stored tree has the root of every size that it went through", () => {
  const nodes = new Nodes(SIZE);
  for (let size = 1; size <= SIZE; size++) {
    assert.deepEqual(rootOf(size, nodes.read), merkleRoot(leaves.slice(0, size)), `size ${size}`);
  }
});

test("fewer than two nodes are stored for each leaf", () => {
  assert.ok(new Nodes(SIZE).stored.size < 2 * SIZE);
});

test("every leaf is proven in every size by few reads", () => {
  const nodes = new Nodes(SIZE);
  for (let size = 1; size <= SIZE; size++) {
    const levels = merkleLevels(leaves.slice(0, size));
    const root = rootOf(size, nodes.read);
    for (let i = 0; i < size; i++) {
      nodes.reads = 0;
      const path = inclusionPathOf(i, size, nodes.read);
      assert.ok(nodes.reads <= 2 * Math.ceil(Math.log2(size)) + 1, `${nodes.reads} reads for ${i} of ${size}`);
      assert.deepEqual(path.map(hex), inclusionPath(levels, i).map(hex));
      assert.ok(verifyInclusion(leaves[i] as Bytes, i, size, path, root));
    }
  }
});

test("every earlier size is proven to be the beginning of every later one", () => {
  const nodes = new Nodes(64);
  for (let size2 = 1; size2 <= 64; size2++) {
    const root2 = rootOf(size2, nodes.read);
    for (let size1 = 1; size1 <= size2; size1++) {
      const path = consistencyPathOf(size1, size2, nodes.read);
      assert.deepEqual(path.map(hex), consistencyPath(leaves.slice(0, size2), size1).map(hex));
      assert.ok(verifyConsistency(size1, size2, rootOf(size1, nodes.read), root2, path));
    }
  }
});

test("positions beyond 32 bits keep their places", () => {
  const index = 2 ** 40 - 1;
  const asked: [number, number][] = [];
  const read: ReadNode = (level, position) => {
    asked.push([level, position]);
    return leaves[level] as Bytes;
  };
  const added = addedNodes(index, leaves[0] as Bytes, read);
  assert.deepEqual(added.at(-1)?.level, 40);
  assert.deepEqual(added.at(-1)?.position, 0);
  assert.deepEqual(asked[0], [0, index - 1]);
  const path = inclusionPathOf(index, 2 ** 40 + 1, read);
  assert.equal(path.length, 41);
  assert.ok(sameBytes(path[40] as Bytes, leaves[0] as Bytes));
});
