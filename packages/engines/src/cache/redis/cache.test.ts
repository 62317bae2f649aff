import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cache } from "@medtrace/shared/ports/cache";
import { eventually, settles } from "@medtrace/shared/ports/contract.child-process";
import { openCache } from "../open.ts";
import { parseRedisUrl } from "./address.ts";
import type { CacheLog } from "./cache.ts";
import { freePort, hasRedisServer, RedisServer } from "./testing/server.ts";

const LONG_MS = 600_000;

function collectingLog(): { readonly log: CacheLog; readonly lines: string[] } {
  const lines: string[] = [];
  const write = (fields: object, text: string): void => void lines.push(`${text} ${JSON.stringify(fields)}`);
  return { lines, log: { info: write, warn: write } };
}

describe("a Redis URL", () => {
  it("names host, port, database, credentials and prefix, each with its default but the host", () => {
    const plain = parseRedisUrl("redis://cache.example");
    assert.deepEqual(plain, {
      host: "cache.example",
      port: 6379,
      db: 0,
      tls: false,
      username: undefined,
      password: undefined,
      prefix: "medtrace:",
    });
    const full = parseRedisUrl("rediss://me:p%40ss@[::1]:7000/12?prefix=a:b:");
    assert.deepEqual(full, {
      host: "::1",
      port: 7000,
      db: 12,
      tls: true,
      username: "me",
      password: "p@ss",
      prefix: "a:b:",
    });
  });

  it("is refused where it says something else, without being repeated", async () => {
    const wrong = [
      "redis:",
      "redis://",
      "redis:///0",
      "redis://secret@h/x",
      "redis://secret@h/0/1",
      "redis://secret@h/0?prefix=",
      "redis://secret@h/0?prefix=a*",
      "redis://secret@h/0?db=1",
      "redis://secret@h/0#x",
      "redis://%zz@h/0",
      "memcached://secret@h",
    ];
    for (const url of wrong) {
      await assert.rejects(openCache(url), (error: Error & { code?: string; at?: string }) => {
        assert.deepEqual([error.code, error.at], ["CONFIGURATION", "CACHE_URL"], url);
        assert.doesNotMatch(error.message, /secret|%zz/);
        return true;
      });
    }
  });
});

/** Asks without a pause until told to stop; resolves with how many calls were answered. None may reject or hang. */
async function load(cache: Cache, signal: AbortSignal): Promise<number> {
  let calls = 0;
  const one = async (worker: number): Promise<void> => {
    for (let i = 0; !signal.aborted; i++) {
      const key = `key-${worker}-${i % 50}`;
      await settles("set", cache.set(key, "x".repeat(1_000), LONG_MS));
      const value = await settles("get", cache.get(key));
      assert.ok(value === undefined || value.length === 1_000);
      const count = await settles("increment", cache.increment(`counter-${worker}`, LONG_MS));
      assert.ok(count >= 0);
      calls += 3;
      // Answers that need no server take no turn of the event loop by themselves.
      if (i % 20 === 0) await sleep(1);
    }
  };
  await Promise.all(Array.from({ length: 20 }, (_, worker) => one(worker)));
  return calls;
}

if (hasRedisServer()) {
  describe("a cache in Redis", () => {
    it("keeps no word of a key, and no key without an end", async () => {
      await using server = await RedisServer.start();
      await using cache = await openCache(server.url);
      await cache.set("name of a patient", "value", LONG_MS);
      await cache.increment("name of a patient", LONG_MS);
      await cache.set(`long ${"k".repeat(100_000)}`, "value", LONG_MS);
      const client = server.client();
      try {
        const keys = await client.keys("*");
        assert.equal(keys.length, 3);
        for (const key of keys) {
          assert.match(key, /^medtrace:[vc]:[0-9a-f]{64}$/);
          assert.ok((await client.pttl(key)) > 0);
        }
      } finally {
        client.disconnect();
      }
    });

    it("keeps no value over its bound, nor the one that it was to replace", async () => {
      await using server = await RedisServer.start();
      await using cache = await openCache(server.url);
      await cache.set("key", "small", LONG_MS);
      await cache.set("key", "x".repeat(4 * 1_048_576 + 1), LONG_MS);
      assert.equal(await cache.get("key"), undefined);
      await cache.set("key", "x".repeat(4 * 1_048_576), LONG_MS);
      assert.equal((await cache.get("key"))?.length, 4 * 1_048_576);
    });

    it("gives a counter that lost its end a new one", async () => {
      await using server = await RedisServer.start();
      await using cache = await openCache(server.url);
      await cache.increment("counter", LONG_MS);
      const client = server.client();
      try {
        const [key = ""] = await client.keys("*");
        await client.persist(key);
        assert.equal(await cache.increment("counter", LONG_MS), 2);
        assert.ok((await client.pttl(key)) > 0);
      } finally {
        client.disconnect();
      }
    });

    it("is empty while its server is dead, full again when it is back, and says each once", async () => {
      await using server = await RedisServer.start();
      const { log, lines } = collectingLog();
      await using cache = await openCache(server.url, { log });
      // A slow machine may add a line about an answer that came too late.
      const told = (): string[] => lines.flatMap((line) => / is (gone|back)/.exec(line)?.[1] ?? []);
      const stop = new AbortController();
      const loaded = load(cache, stop.signal);
      try {
        for (let round = 1; round <= 2; round++) {
          await eventually("it works", async () => {
            await cache.set("key", "value", LONG_MS);
            return (await cache.get("key")) === "value";
          });
          await server.kill();
          await eventually("the loss is seen", () => told().at(-1) === "gone");
          assert.equal(await cache.get("key"), undefined);
          assert.equal(await cache.increment("counter", LONG_MS), 0);
          await assert.rejects(cache.ping(), { code: "STORAGE_FAILED" });
          await server.start();
          await eventually("the return is seen", () => told().at(-1) === "back");
        }
        await eventually("it works again", async () => (await cache.increment("counter", LONG_MS)) > 0);
      } finally {
        stop.abort();
        assert.ok((await loaded) > 1_000);
      }
      assert.ok(told().length >= 4);
      assert.ok(told().every((word, i) => word === (i % 2 === 0 ? "gone" : "back")));
    });

    it("does not wait for a server that has stopped answering", async () => {
      await using server = await RedisServer.start();
      const { log, lines } = collectingLog();
      await using cache = await openCache(server.url, { log });
      await cache.set("key", "value", LONG_MS);
      server.signal("SIGSTOP");
      assert.equal(await settles("get", cache.get("key")), undefined);
      await eventually("it is given up", () => lines.some((line) => / is gone/.test(line)));
      const asked = Array.from({ length: 1_000 }, () => cache.get("key"));
      assert.deepEqual(new Set(await settles("get", Promise.all(asked))), new Set([undefined]));
      server.signal("SIGCONT");
      await eventually("it is back", async () => (await cache.get("key")) === "value");
    });

    it("is empty where the server refuses, and says so once", async () => {
      await using server = await RedisServer.start("--maxmemory", "1", "--maxmemory-policy", "noeviction");
      const { log, lines } = collectingLog();
      await using cache = await openCache(server.url, { log });
      for (let i = 0; i < 3; i++) {
        await cache.set("key", "value", LONG_MS);
        assert.equal(await cache.get("key"), undefined);
        assert.equal(await cache.increment("counter", LONG_MS), 0);
      }
      assert.equal(lines.length, 1);
      assert.match(lines.join(), /OOM/);
    });

    it("is empty where its credentials are not taken, and never writes them down", async () => {
      await using server = await RedisServer.start();
      const client = server.client();
      await client.config("SET", "requirepass", "right");
      client.disconnect();
      const { log, lines } = collectingLog();
      const wrong = `redis://:wrong-password@127.0.0.1:${server.port}/0`;
      await using cache = await openCache(wrong, { log });
      await cache.set("key", "value", LONG_MS);
      assert.equal(await cache.get("key"), undefined);
      await assert.rejects(cache.ping(), { code: "STORAGE_FAILED" });
      assert.doesNotMatch(lines.join(), /wrong-password/);
      await using right = await openCache(`redis://:right@127.0.0.1:${server.port}/0`);
      await right.set("key", "value", LONG_MS);
      assert.equal(await right.get("key"), "value");
    });

    it("finds a server that comes later", async () => {
      const port = await freePort();
      const { log, lines } = collectingLog();
      await using cache = await openCache(`redis://127.0.0.1:${port}/0`, { log });
      await eventually("it is missed", () => lines.length === 1);
      assert.match(lines.join(), /ECONNREFUSED/);
      await using server = await RedisServer.at(port);
      await eventually("it is found", () => lines.length === 2);
      await cache.set("key", "value", LONG_MS);
      assert.equal(await cache.get("key"), "value");
      assert.equal(server.port, port);
    });
  });
}
