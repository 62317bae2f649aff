import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import { Cache } from "./cache.ts";
import type { Batches } from "./record-batch.ts";

const ALL = { countMax: 1_000, bytesMax: 1e9 };

describe("the cache of what was fetched", () => {
  it("gives what it has from an offset on, over holes, and says how far that reaches", () => {
    const cache = new Cache(2);
    cache.add(1, batches(10, 20, [10, 12, 19]));
    cache.add(1, batches(20, 30, []));
    cache.add(1, batches(30, 33, [31, 32]));
    assert.deepEqual(offsets(cache, 1, 10), [[10, 12, 19, 31, 32], 33]);
    assert.deepEqual(offsets(cache, 1, 11), [[12, 19, 31, 32], 33]);
    assert.deepEqual(offsets(cache, 1, 20), [[31, 32], 33]);
    assert.deepEqual(offsets(cache, 1, 33), [[], 33]);
    assert.deepEqual(offsets(cache, 1, 9), [[], 9]);
    assert.deepEqual(offsets(cache, 0, 10), [[], 10]);
    assert.deepEqual(
      [9, 10, 32, 33].map((offset) => cache.has(1, offset)),
      [false, true, true, false],
    );
  });

  it("ends at the limits, and gives one entry at least", () => {
    const cache = new Cache(1);
    cache.add(0, batches(0, 10, [0, 1, 2, 3, 4, 5], 100));
    const count = (countMax: number, bytesMax: number): number =>
      cache.take(0, 0, { countMax, bytesMax }).entries.length;
    assert.deepEqual(
      [count(0, 0), count(1, 1e9), count(4, 1e9), count(9, 1), count(9, 200), count(9, 201)],
      [1, 1, 4, 1, 2, 3],
    );
    assert.equal(cache.take(0, 0, { countMax: 4, bytesMax: 1e9 }).next, 4);
  });

  it("keeps what was used last when it is full, of any partition", () => {
    const cache = new Cache(2, 100_000);
    for (let i = 0; i < 40; i++) {
      cache.add(i % 2, batches(i * 100, i * 100 + 1, [i * 100], 10_000));
      cache.take(0, 0, ALL);
    }
    const kept = Array.from({ length: 40 }, (_, i) => i).filter((i) => cache.has(i % 2, i * 100));
    assert.equal(kept[0], 0);
    assert.equal(kept.at(-1), 39);
    assert.ok(kept.length >= 5 && kept.length <= 10, `${kept}`);
  });
});

function batches(first: number, next: number, at: readonly number[], bytes = 1): Batches {
  return { first, next, records: at.map((offset) => ({ offset, value: Buffer.alloc(bytes), trace: undefined })) };
}

function offsets(cache: Cache, partition: number, from: number): [number[], number] {
  const { entries, next } = cache.take(partition, from, ALL);
  return [entries.map(({ offset }) => offset), next];
}
