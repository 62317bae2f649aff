import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { type Bytes, fromHex, hex, sha256, utf8 } from "./bytes.ts";
import {
  consistencyPath,
  inclusionPath,
  leafHash,
  merkleLevels,
  merkleRoot,
  nodeHash,
  rootFromInclusion,
  verifyConsistency,
  verifyInclusion,
} from "./merkle.ts";

/**
 * The eight leaves of Certificate Transparency's reference tests with the roots of the trees of the first 1 to 8, and
 * paths in them (google/certificate-transparency merkletree tests; the same in transparency-dev/merkle).
 */
const CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const CT_EMPTY_ROOT = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const CT_ROOTS = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const CT_INCLUSION: readonly { readonly index: number; readonly size: number; readonly path: readonly string[] }[] = [
  { index: 0, size: 1, path: [] },
  {
    index: 0,
    size: 8,
    path: [
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
  },
  {
    index: 5,
    size: 8,
    path: [
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
  },
  { index: 2, size: 3, path: ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"] },
  {
    index: 1,
    size: 5,
    path: [
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
  },
];
const CT_CONSISTENCY: readonly { readonly from: number; readonly to: number; readonly path: readonly string[] }[] = [
  { from: 1, to: 1, path: [] },
  {
    from: 1,
    to: 8,
    path: [
      "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
  },
  {
    from: 6,
    to: 8,
    path: [
      "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
  },
  {
    from: 2,
    to: 5,
    path: [
      "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
  },
  {
    from: 6,
    to: 7,
    path: [
      "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
  },
];

/** The definition of RFC 6962 section 2.1, as it is written there: slow, and nothing of ours in it but SHA-256. */
function mth(data: readonly Bytes[]): Bytes {
  if (data.length === 0) return sha256(new Uint8Array());
  if (data.length === 1) return sha256(Buffer.concat([Uint8Array.of(0), data[0] as Bytes]));
  const k = 2 ** (Math.ceil(Math.log2(data.length)) - 1);
  return sha256(Buffer.concat([Uint8Array.of(1), mth(data.slice(0, k)), mth(data.slice(k))]));
}

const DATA = Array.from({ length: 130 }, (_, i) => utf8(`leaf ${i}`));
const LEAVES = DATA.map(leafHash);
const ROOTS = Array.from({ length: 131 }, (_, size) => mth(DATA.slice(0, size)));

function flipped(hash: Bytes): Bytes {
  const copy = Uint8Array.from(hash);
  copy[13] = (copy[13] ?? 0) ^ 0x10;
  return copy;
}

test("the reference trees of Certificate Transparency have their published roots", () => {
  const leaves = CT_LEAVES.map((data) => leafHash(fromHex(data)));
  assert.equal(hex(merkleRoot([])), CT_EMPTY_ROOT);
  for (const [i, root] of CT_ROOTS.entries()) assert.equal(hex(merkleRoot(leaves.slice(0, i + 1))), root);
});

test("inclusion paths in the reference trees are the published ones, and prove their leaves", () => {
  const leaves = CT_LEAVES.map((data) => leafHash(fromHex(data)));
  for (const { index, size, path } of CT_INCLUSION) {
    const root = fromHex(CT_ROOTS[size - 1] as string);
    assert.deepEqual(inclusionPath(merkleLevels(leaves.slice(0, size)), index).map(hex), path);
    assert.ok(verifyInclusion(leaves[index] as Bytes, index, size, path.map(fromHex), root));
  }
});

test("consistency proofs between the reference trees are the published ones, and hold", () => {
  const leaves = CT_LEAVES.map((data) => leafHash(fromHex(data)));
  for (const { from, to, path } of CT_CONSISTENCY) {
    const [root1, root2] = [fromHex(CT_ROOTS[from - 1] as string), fromHex(CT_ROOTS[to - 1] as string)];
    assert.deepEqual(consistencyPath(leaves.slice(0, to), from).map(hex), path);
    assert.ok(verifyConsistency(from, to, root1, root2, path.map(fromHex)));
  }
});

test("every tree has the root that the definition gives", () => {
  for (const [size, root] of ROOTS.entries()) assert.deepEqual(merkleRoot(LEAVES.slice(0, size)), root, `size ${size}`);
});

test("every leaf of every tree up to 130 is proven; another index, size, leaf, root or path is not", () => {
  for (let size = 1; size <= 130; size++) {
    const levels = merkleLevels(LEAVES.slice(0, size));
    const root = ROOTS[size] as Bytes;
    for (let index = 0; index < size; index++) {
      const leaf = LEAVES[index] as Bytes;
      const path = inclusionPath(levels, index);
      assert.ok(verifyInclusion(leaf, index, size, path, root));
      assert.deepEqual(rootFromInclusion(leaf, index, size, path), root);
      assert.ok(!verifyInclusion(flipped(leaf), index, size, path, root));
      assert.ok(!verifyInclusion(leaf, index, size, path, flipped(root)));
      assert.ok(!verifyInclusion(leaf, index, size, [...path, leaf], root));
      assert.ok(!verifyInclusion(leaf, size, size, path, root));
      for (const other of [index ^ 1, index + 1, index - 1]) {
        assert.ok(other === index || !verifyInclusion(leaf, other, size, path, root));
      }
      for (const at of path.keys()) {
        assert.ok(!verifyInclusion(leaf, index, size, path.with(at, flipped(path[at] as Bytes)), root));
        assert.ok(!verifyInclusion(leaf, index, size, path.toSpliced(at, 1), root));
      }
    }
  }
});

test("a path that proves a leaf in one tree proves it in none of another root", () => {
  const path = inclusionPath(merkleLevels(LEAVES.slice(0, 100)), 40);
  for (let size = 1; size <= 130; size++) {
    // A path of the right length leads to the same root in another size: what the size must be, the batch says.
    const found = rootFromInclusion(LEAVES[40] as Bytes, 40, size, path);
    assert.ok(size === 100 || found === undefined || !Buffer.from(ROOTS[size] as Bytes).equals(found));
  }
});

test("every tree up to 64 is proven to begin every larger one; other roots, sizes and paths are not", () => {
  for (let to = 1; to <= 64; to++) {
    for (let from = 1; from <= to; from++) {
      const path = consistencyPath(LEAVES.slice(0, to), from);
      const [root1, root2] = [ROOTS[from] as Bytes, ROOTS[to] as Bytes];
      assert.ok(verifyConsistency(from, to, root1, root2, path), `${from} to ${to}`);
      assert.ok(!verifyConsistency(from, to, root1, flipped(root2), path));
      assert.ok(!verifyConsistency(from, to, flipped(root1), root2, path));
      assert.ok(!verifyConsistency(from, to, root1, root2, [...path, root1]));
      assert.ok(from === to || !verifyConsistency(to, from, root2, root1, path));
      for (const at of path.keys()) {
        assert.ok(!verifyConsistency(from, to, root1, root2, path.with(at, flipped(path[at] as Bytes))));
        assert.ok(!verifyConsistency(from, to, root1, root2, path.toSpliced(at, 1)));
      }
    }
  }
});

test("a tree whose past was changed is not proven to begin with it", () => {
  for (let to = 2; to <= 40; to++) {
    const leaves = LEAVES.slice(0, to);
    for (let from = 1; from < to; from++) {
      const forged = leaves.with(from - 1, flipped(leaves[from - 1] as Bytes));
      const path = consistencyPath(forged, from);
      assert.ok(!verifyConsistency(from, to, ROOTS[from] as Bytes, merkleRoot(forged), path));
    }
  }
});

test("the empty tree begins every tree, by an empty proof", () => {
  assert.deepEqual(consistencyPath(LEAVES, 0), []);
  assert.ok(verifyConsistency(0, 130, ROOTS[0] as Bytes, ROOTS[130] as Bytes, []));
  assert.ok(!verifyConsistency(0, 130, ROOTS[0] as Bytes, ROOTS[130] as Bytes, [LEAVES[0] as Bytes]));
});

test("a leaf can not be passed off as a node, nor a node as a leaf", () => {
  const [a, b] = [LEAVES[0] as Bytes, LEAVES[1] as Bytes];
  assert.notDeepEqual(leafHash(Buffer.concat([a, b])), nodeHash(a, b));
});

test("indexes and sizes that no tree has prove nothing", () => {
  const root = ROOTS[8] as Bytes;
  const path = inclusionPath(merkleLevels(LEAVES.slice(0, 8)), 3);
  for (const [index, size] of [
    [-1, 8],
    [8, 8],
    [3, 0],
    [3.5, 8],
    [3, Number.NaN],
    [3, 2 ** 53],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ] as const) {
    assert.equal(rootFromInclusion(LEAVES[3] as Bytes, index, size, path), undefined);
    assert.ok(!verifyConsistency(index, size, root, root, path));
  }
  assert.throws(() => inclusionPath(merkleLevels(LEAVES.slice(0, 8)), 8), RangeError);
  assert.throws(() => inclusionPath(merkleLevels([]), 0), RangeError);
  assert.throws(() => consistencyPath(LEAVES.slice(0, 8), 9), RangeError);
});

test("hashes of another length than 32 bytes prove nothing, and endless paths end", () => {
  const [leaf, other] = [LEAVES[0] as Bytes, LEAVES[1] as Bytes];
  const root = nodeHash(leaf, other);
  assert.ok(verifyInclusion(leaf, 0, 2, [other], root));
  const long = Buffer.concat([other, Uint8Array.of(0)]);
  for (const path of [
    [other.subarray(0, 31)],
    [long],
    [new Uint8Array()],
    Array.from({ length: 100_000 }, () => other),
  ]) {
    assert.ok(!verifyInclusion(leaf, 0, 2, path, root));
    assert.ok(!verifyConsistency(1, 2, leaf, root, path));
  }
  assert.ok(!verifyInclusion(leaf.subarray(0, 31), 0, 2, [other], root));
  assert.throws(() => nodeHash(leaf, long), RangeError);
});

test("positions beyond 32 bits are told apart", () => {
  const size = 2 ** 52 + 1;
  const path = Array.from({ length: 52 }, (_, i) => LEAVES[i] as Bytes);
  const leaf = LEAVES[60] as Bytes;
  const roots = [0, 1, 2 ** 31, 2 ** 32, 2 ** 51 + 5].map((index) =>
    rootFromInclusion(leaf, index, size, [...path, leaf]),
  );
  assert.ok(roots.every((root) => root !== undefined));
  assert.equal(new Set(roots.map((root) => hex(root as Bytes))).size, roots.length);
  assert.deepEqual(rootFromInclusion(leaf, size - 1, size, [LEAVES[0] as Bytes]), nodeHash(LEAVES[0] as Bytes, leaf));
});

test("a leaf's hash is that of its bytes, whatever was hashed before and however long they are", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 10_000 }), { maxLength: 5 }), (datas) => {
      const hashes = datas.map(leafHash);
      const expected = datas.map((data) => hex(sha256(Buffer.concat([Uint8Array.of(0), data]))));
      assert.deepEqual(hashes.map(hex), expected);
    }),
  );
  for (const size of [8_190, 8_191, 8_192, 8_193, 1_000_000]) {
    const data = new Uint8Array(size).fill(7);
    assert.equal(hex(leafHash(data)), hex(sha256(Buffer.concat([Uint8Array.of(0), data]))));
  }
});
