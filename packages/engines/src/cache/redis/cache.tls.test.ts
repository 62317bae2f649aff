/** A Redis that is reached by TLS alone, by clients with a certificate alone. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import type { Cache } from "@medtrace/shared/ports/cache";
import { eventually } from "@medtrace/shared/ports/contract.child-process";
import { selfSigned } from "@medtrace/shared/testing/certificate";
import { parseRedisUrl } from "./address.ts";
import { openRedisCache } from "./cache.ts";
import { redisTls } from "./config.ts";
import { freePort, hasRedisServer, RedisServer } from "./testing/server.ts";

if (hasRedisServer()) {
  describe("a cache in a Redis with TLS", () => {
    let folder: string;
    let server: RedisServer;
    let url: string;
    let env: Record<string, string>;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "medtrace-redis-tls-"));
      const path = (name: string): string => join(folder, name);
      const own = selfSigned("redis");
      const client = selfSigned("query");
      await writeFile(path("server.pem"), own.cert);
      await writeFile(path("server.key"), own.key);
      await writeFile(path("client.pem"), client.cert);
      await writeFile(path("client.key"), client.key);
      const port = await freePort();
      const files = ["--tls-cert-file", path("server.pem"), "--tls-key-file", path("server.key")];
      server = await RedisServer.start(
        ...["--tls-port", `${port}`, ...files, "--tls-ca-cert-file", path("client.pem")],
        ...["--user", "medtrace", "on", ">right", "~*", "+@all"],
      );
      url = `rediss://medtrace:right@127.0.0.1:${port}/0`;
      env = {
        REDIS_TLS_CA: path("server.pem"),
        REDIS_TLS_CERT: path("client.pem"),
        REDIS_TLS_KEY: path("client.key"),
      };
    });
    after(async () => {
      await server?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    });

    const opened = (settings: Record<string, string>): Promise<Cache> => {
      const address = parseRedisUrl(url);
      return openRedisCache({ address, tls: redisTls(address, settings) });
    };

    it("works with the certificates and the user that the environment names", async () => {
      await using cache = await opened(env);
      await eventually("it is reached", async () => {
        await cache.set("key", "value", 600_000);
        return (await cache.get("key")) === "value";
      });
    });

    it("is empty where one side does not trust the other", async () => {
      const { REDIS_TLS_CA = "", REDIS_TLS_CERT = "" } = env;
      for (const settings of [{}, { REDIS_TLS_CA }, { ...env, REDIS_TLS_CA: REDIS_TLS_CERT }]) {
        await using cache = await opened(settings);
        await cache.set("key", "value", 600_000);
        assert.equal(await cache.get("key"), undefined);
        await assert.rejects(cache.ping(), { code: "STORAGE_FAILED" });
      }
    });

    it("is not opened with certificates that cannot be read, or that would not be used", () => {
      const clear = parseRedisUrl("redis://127.0.0.1:1/0");
      const wrong: readonly [() => unknown, RegExp][] = [
        [() => redisTls(parseRedisUrl(url), { REDIS_TLS_CA: join(folder, "none") }), /REDIS_TLS_CA: .*ENOENT/],
        [() => redisTls(parseRedisUrl(url), { REDIS_TLS_KEY: "x" }), /REDIS_TLS_CERT: is missing/],
        [() => redisTls(clear, env), /REDIS_TLS_CA: .*in clear/],
      ];
      for (const [open, message] of wrong) {
        assert.throws(open, (error) => hasCode(error, "CONFIGURATION") && message.test(error.message));
      }
      assert.deepEqual(redisTls(clear, {}), {});
    });
  });
}
