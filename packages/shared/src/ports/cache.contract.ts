/** What every cache engine must do. An engine's own test calls {@link cacheContract} with its harness. */
import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cache } from "./cache.ts";
import { eventually, settles } from "./contract.child-process.ts";

/** Storage for one cache, empty at first; disposing removes it. */
export interface CacheStorage extends AsyncDisposable {
  /** Opens it; where instances share, once more beside others. */
  open(): Promise<Cache>;
}

export interface CacheHarness {
  create(): Promise<CacheStorage>;
  /** Instances of one storage see each other's values and counters. */
  readonly instancesShare: boolean;
  /** A cache whose server is not there (any more). Only where there is a server. */
  lost?(): Promise<Cache>;
}

/** Longer than any test takes. */
const LONG_MS = 600_000;
const SHORT_MS = 40;

/** Registers the suite for one engine. */
export function cacheContract(name: string, harness: CacheHarness): void {
  describe(`cache contract: ${name}`, () => {
    valuesContract(harness);
    expiryContract(harness);
    countersContract(harness);
    lossContract(harness);
  });
}

/** Runs `use` over an empty cache. */
async function withCache(harness: CacheHarness, use: (cache: Cache) => Promise<void>): Promise<void> {
  await using storage = await harness.create();
  await using cache = await storage.open();
  await use(cache);
}

function valuesContract(harness: CacheHarness): void {
  it("keeps a value under its key, the last one that was set, and nothing under others", () =>
    withCache(harness, async (cache) => {
      assert.equal(await cache.get("key"), undefined);
      await cache.set("key", "one", LONG_MS);
      assert.equal(await cache.get("key"), "one");
      await cache.set("key", "two", LONG_MS);
      assert.equal(await cache.get("key"), "two");
      for (const other of ["", "ke", "key ", "KEY", "key\u0000", "*", "k?y"]) {
        assert.equal(await cache.get(other), undefined, other);
      }
    }));

  it("tells any keys apart", () =>
    withCache(harness, async (cache) => {
      const keys = [
        "",
        " ",
        "a b",
        "a:b",
        "a\nb",
        "a\r\nb",
        "\u0000",
        "__proto__",
        "constructor",
        "{a}b",
        "*",
        "患者",
        "é",
        "e\u0301",
      ];
      keys.push("k".repeat(5_000), `${"k".repeat(5_000)}2`);
      for (const [i, key] of keys.entries()) await cache.set(key, `${i}`, LONG_MS);
      assert.deepEqual(
        await Promise.all(keys.map((key) => cache.get(key))),
        keys.map((_, i) => `${i}`),
      );
    }));

  it("gives any text back as it was: empty, odd, and large", () =>
    withCache(harness, async (cache) => {
      const values = [
        "",
        " ",
        "0",
        "null",
        "\u0000",
        "a\r\nb",
        "Ñandú 患者 \u{1F3E5}",
        '{"a":"\\u0000"}',
        "x".repeat(1_048_576),
      ];
      for (const value of values) {
        await cache.set("key", value, LONG_MS);
        assert.equal(await cache.get("key"), value);
      }
    }));

  it("takes many calls at once", () =>
    withCache(harness, async (cache) => {
      const keys = Array.from({ length: 500 }, (_, i) => `key-${i}`);
      await Promise.all(keys.map((key) => cache.set(key, `of ${key}`, LONG_MS)));
      const values = await Promise.all(keys.map((key) => cache.get(key)));
      assert.deepEqual(
        values,
        keys.map((key) => `of ${key}`),
      );
    }));

  it("is seen by every instance, where instances share", async (t) => {
    if (!harness.instancesShare) return t.diagnostic("instances of this engine share nothing");
    await using storage = await harness.create();
    await using one = await storage.open();
    await using two = await storage.open();
    await one.set("key", "value", LONG_MS);
    assert.equal(await two.get("key"), "value");
    const counts = await Promise.all([one, two, one, two].map((cache) => cache.increment("counter", LONG_MS)));
    assert.deepEqual(counts.sort(), [1, 2, 3, 4]);
  });

  it("keeps storages apart", async () => {
    await using mine = await harness.create();
    await using theirs = await harness.create();
    await using cache = await mine.open();
    await using other = await theirs.open();
    await cache.set("key", "value", LONG_MS);
    await cache.increment("counter", LONG_MS);
    assert.equal(await other.get("key"), undefined);
    assert.equal(await other.increment("counter", LONG_MS), 1);
  });
}

function expiryContract(harness: CacheHarness): void {
  it("forgets a value once its time is over, and no other", () =>
    withCache(harness, async (cache) => {
      await cache.set("stays", "value", LONG_MS);
      await cache.set("goes", "value", SHORT_MS);
      await eventually("the value is forgotten", async () => (await cache.get("goes")) === undefined);
      assert.equal(await cache.get("stays"), "value");
    }));

  it("counts a value's time from when it was last set", () =>
    withCache(harness, async (cache) => {
      await cache.set("longer", "one", SHORT_MS);
      await cache.set("longer", "two", LONG_MS);
      await cache.set("shorter", "one", LONG_MS);
      await cache.set("shorter", "two", SHORT_MS);
      await eventually("the value is forgotten", async () => (await cache.get("shorter")) === undefined);
      await sleep(2 * SHORT_MS);
      assert.equal(await cache.get("longer"), "two");
    }));

  it("does not keep a value longer for being read", () =>
    withCache(harness, async (cache) => {
      await cache.set("key", "value", 5 * SHORT_MS);
      await eventually("the value is forgotten", async () => (await cache.get("key")) === undefined);
    }));

  it("takes any time: none at all, parts of a millisecond, years", () =>
    withCache(harness, async (cache) => {
      await cache.set("key", "value", LONG_MS);
      for (const ttl_ms of [0, -1]) {
        await cache.set("key", "another", ttl_ms);
        assert.equal(await cache.get("key"), undefined, `${ttl_ms}`);
      }
      await cache.set("part", "value", 0.4);
      await eventually("the value is forgotten", async () => (await cache.get("part")) === undefined);
      await cache.set("years", "value", 1e12 + 0.5);
      assert.equal(await cache.get("years"), "value");
      assert.equal(await cache.increment("counter", 1e12 + 0.5), 1);
      assert.equal(await cache.increment("counter", 0.4), 2);
    }));
}

function countersContract(harness: CacheHarness): void {
  it("counts from 1 on, each counter for itself", () =>
    withCache(harness, async (cache) => {
      for (let count = 1; count <= 5; count++) assert.equal(await cache.increment("one", LONG_MS), count);
      assert.equal(await cache.increment("two", LONG_MS), 1);
      assert.equal(await cache.increment("one", LONG_MS), 6);
    }));

  it("gives each of many increments at once a count of its own", () =>
    withCache(harness, async (cache) => {
      const counts = await Promise.all(Array.from({ length: 200 }, () => cache.increment("counter", LONG_MS)));
      assert.deepEqual(
        counts.sort((a, b) => a - b),
        Array.from({ length: 200 }, (_, i) => i + 1),
      );
    }));

  it("begins a new window after the first increment's, however busy the counter is", () =>
    withCache(harness, async (cache) => {
      assert.equal(await cache.increment("counter", 6 * SHORT_MS), 1);
      await eventually("the counter begins again", async () => (await cache.increment("counter", 6 * SHORT_MS)) === 1);
    }));

  it("keeps counters and values of one name apart", () =>
    withCache(harness, async (cache) => {
      await cache.set("name", "value", LONG_MS);
      assert.equal(await cache.increment("name", LONG_MS), 1);
      assert.equal(await cache.get("name"), "value");
      assert.equal(await cache.increment("counter", LONG_MS), 1);
      assert.equal(await cache.get("counter"), undefined);
    }));
}

function lossContract(harness: CacheHarness): void {
  it("answers a ping while it works", () => withCache(harness, (cache) => cache.ping()));

  it("is an empty cache once it was closed, and closes twice in peace", async () => {
    await using storage = await harness.create();
    const cache = await storage.open();
    await cache.set("key", "value", LONG_MS);
    await cache.increment("counter", LONG_MS);
    await cache[Symbol.asyncDispose]();
    await assertEmpty(cache);
    await cache[Symbol.asyncDispose]();
  });

  it("is an empty cache where its server is not there", async (t) => {
    if (harness.lost === undefined) return t.diagnostic("this engine has no server");
    const cache = await settles("opening a cache without its server", harness.lost());
    try {
      await assertEmpty(cache);
    } finally {
      await settles("closing a cache without its server", cache[Symbol.asyncDispose]());
    }
  });
}

/** Nothing rejects, nothing hangs, nothing is kept or counted; only the ping says so. */
async function assertEmpty(cache: Cache): Promise<void> {
  for (let times = 0; times < 3; times++) {
    await settles("set", cache.set("key", "value", LONG_MS));
    assert.equal(await settles("get", cache.get("key")), undefined);
    assert.equal(await settles("increment", cache.increment("counter", LONG_MS)), 0);
  }
  await assert.rejects(settles("ping", cache.ping()));
}
