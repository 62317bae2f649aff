import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import type { Cache } from "@medtrace/shared/ports/cache";
import { openCache } from "../open.ts";
import { openInProcessCache } from "./cache.ts";

const LONG_MS = 600_000;

async function kept(cache: Cache, keys: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const key of keys) if ((await cache.get(key)) !== undefined) found.push(key);
  return found;
}

describe("in-process cache: its bounds", () => {
  it("keeps no more entries than it may, and drops what was used longest ago", async () => {
    await using cache = openInProcessCache({ entriesMax: 3 });
    for (const key of ["a", "b", "c"]) await cache.set(key, "value", LONG_MS);
    await cache.get("a");
    await cache.set("b", "set again", LONG_MS);
    await cache.set("d", "value", LONG_MS);
    assert.deepEqual(await kept(cache, ["a", "b", "c", "d"]), ["a", "b", "d"]);
  });

  it("keeps no more characters than it may, keys and values together", async () => {
    await using cache = openInProcessCache({ charactersMax: 1_000 });
    const keys = Array.from({ length: 200 }, (_, i) => `key-${String(i).padStart(4, "0")}`);
    for (const key of keys) await cache.set(key, "x".repeat(92), LONG_MS);
    const left = await kept(cache, keys);
    assert.ok(left.length >= 8 && left.length <= 10, `${left.length} of 100 characters each`);
    assert.deepEqual(left, keys.slice(-left.length));
    await cache.set("large", "x".repeat(900), LONG_MS);
    assert.deepEqual(await kept(cache, ["large", ...keys]), ["large"]);
  });

  it("gives up on a value over its bound, and on nothing else for it", async () => {
    await using cache = openInProcessCache({ charactersMax: 1_000 });
    await cache.set("small", "value", LONG_MS);
    await cache.set("large", "value", LONG_MS);
    await cache.set("large", "x".repeat(1_001), LONG_MS);
    assert.deepEqual(await kept(cache, ["small", "large"]), ["small"]);
  });

  it("takes back the room of what expired, was set again and was dropped", async () => {
    let now_ms = 0;
    await using cache = openInProcessCache({ charactersMax: 100, now_ms: () => now_ms });
    for (let round = 0; round < 50; round++) {
      await cache.set("same", "x".repeat(40 + (round % 2)), LONG_MS);
      await cache.set(`other ${round % 3}`, "x".repeat(20), 10);
      now_ms += 11;
      assert.equal(await cache.get(`other ${round % 3}`), undefined);
      assert.ok(await cache.get("same"), `round ${round}`);
    }
  });

  it("forgets at the very end of a value's and a window's time", async () => {
    let now_ms = 1_000;
    await using cache = openInProcessCache({ now_ms: () => now_ms });
    await cache.set("key", "value", 100);
    assert.equal(await cache.increment("counter", 100), 1);
    now_ms = 1_099;
    assert.equal(await cache.get("key"), "value");
    assert.equal(await cache.increment("counter", 100), 2);
    now_ms = 1_100;
    assert.equal(await cache.get("key"), undefined);
    assert.equal(await cache.increment("counter", 100), 1);
  });
});

describe("the cache behind a URL", () => {
  it("refuses a URL that it has no engine for, and says which it has", async () => {
    for (const url of ["", "memcached://x", "in-process", "in-process:x"]) {
      await assert.rejects(openCache(url), (error) => {
        assert.ok(hasCode(error, "CONFIGURATION"));
        assert.match(error.hint ?? "", /in-process:/);
        return error.at === "CACHE_URL";
      });
    }
  });
});
