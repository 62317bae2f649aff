import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Lru } from "./lru.ts";

describe("a map that forgets", () => {
  it("keeps the half that was used last, and never more than its size", () => {
    const map = new Lru<number, number>(100);
    for (let i = 0; i < 1_000; i++) {
      map.set(i, i);
      // Used all the time.
      assert.equal(map.get(0), 0);
      const kept = Array.from({ length: i + 1 }, (_, key) => key).filter((key) => key > i - 49);
      if (i % 50 === 0) for (const key of kept) assert.equal(map.get(key), key);
    }
    const there = Array.from({ length: 1_000 }, (_, key) => key).filter((key) => map.get(key) !== undefined);
    assert.ok(there.length <= 100, `${there.length} are there`);
  });

  it("gives what was set last, and nothing once it is cleared", () => {
    const map = new Lru<string, number>(4);
    map.set("a", 1);
    map.set("b", 2);
    map.set("c", 3);
    map.set("a", 4);
    assert.equal(map.get("a"), 4);
    map.clear();
    for (const key of ["a", "b", "c"]) assert.equal(map.get(key), undefined);
  });
});
