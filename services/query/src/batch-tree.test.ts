import assert from "node:assert/strict";
import test from "node:test";
import { hex, utf8 } from "@medtrace/shared/model/bytes";
import { HASH_BYTES, inclusionPath, leafHash, merkleLevels, verifyInclusion } from "@medtrace/shared/model/merkle";
import { BatchTree } from "./batch-tree.ts";

function batch(count: number): { leaves: Uint8Array[]; nodes: Buffer; root: Uint8Array } {
  const leaves = Array.from({ length: count }, (_, i) => leafHash(utf8(`event ${i}`)));
  const levels = merkleLevels(leaves);
  return { leaves, nodes: Buffer.concat(levels.flat()), root: levels.at(-1)?.[0] as Uint8Array };
}

test("every leaf of a tree of any size is proven, with the audit path of RFC 6962", () => {
  for (const count of [1, 2, 3, 5, 8, 13, 100]) {
    const { leaves, nodes, root } = batch(count);
    const tree = BatchTree.of(nodes, count, hex(root));
    assert.ok(tree !== undefined);
    leaves.forEach((leaf, i) => {
      assert.ok(tree.proves(leaf, i));
      assert.ok(verifyInclusion(leaf, i, count, tree.path(i), root));
      assert.deepEqual(tree.path(i).map(hex), inclusionPath(merkleLevels(leaves), i).map(hex));
    });
  }
});

test("no leaf is proven at another's place, nor beyond the tree", () => {
  const { leaves, nodes, root } = batch(13);
  const tree = BatchTree.of(nodes, 13, hex(root));
  for (const index of [-1, 1, 12, 13, 0.5, Number.NaN])
    assert.equal(tree?.proves(leaves[0] as Uint8Array, index), false);
  assert.equal(tree?.proves(leafHash(utf8("another event")), 0), false);
});

test("with any one stored hash changed, no leaf that depends on it is proven, whatever was proven before", () => {
  const { leaves, nodes, root } = batch(13);
  for (let place = 0; place < nodes.length / HASH_BYTES - 1; place++) {
    const edited = Buffer.from(nodes);
    edited.writeUInt8(edited.readUInt8(place * HASH_BYTES) ^ 1, place * HASH_BYTES);
    const tree = BatchTree.of(edited, 13, hex(root));
    assert.ok(tree !== undefined);
    const proven = leaves.map((leaf, i) => tree.proves(leaf, i) && verifyInclusion(leaf, i, 13, tree.path(i), root));
    const told = leaves.map((leaf, i) => tree.proves(leaf, i));
    assert.deepEqual(told, proven);
    if (place < 13) assert.equal(told[place], false);
  }
});

test("a tree of another size, or with another root, is none", () => {
  const { nodes, root } = batch(13);
  assert.equal(BatchTree.of(nodes, 12, hex(root)), undefined);
  assert.equal(BatchTree.of(nodes.subarray(HASH_BYTES), 13, hex(root)), undefined);
  assert.equal(BatchTree.of(nodes, 13, "0".repeat(64)), undefined);
  assert.equal(BatchTree.of(new Uint8Array(0), 0, hex(root)), undefined);
});
