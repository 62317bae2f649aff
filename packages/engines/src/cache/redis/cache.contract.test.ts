import { randomBytes } from "node:crypto";
import { cacheContract } from "@medtrace/shared/ports/cache.contract";
import { Redis } from "ioredis";
import { realEngine } from "../../testing/real-engines.ts";
import { openCache } from "../open.ts";
import { freePort } from "./testing/server.ts";

const url = realEngine("cache");
if (url !== undefined) {
  cacheContract("Redis", {
    instancesShare: true,
    async create() {
      const prefix = `medtrace-test:${randomBytes(8).toString("hex")}:`;
      const own = new URL(url);
      own.searchParams.set("prefix", prefix);
      return {
        open: () => openCache(own.href),
        [Symbol.asyncDispose]: () => dropKeys(url, prefix),
      };
    },
    lost: async () => openCache(`redis://127.0.0.1:${await freePort()}/0`),
  });
}

/** Removes every key of this prefix. */
async function dropKeys(server: string, prefix: string): Promise<void> {
  const client = new Redis(server);
  try {
    for await (const keys of client.scanStream({ match: `${prefix}*`, count: 1_000 })) {
      if ((keys as string[]).length > 0) await client.unlink(keys as string[]);
    }
  } finally {
    client.disconnect();
  }
}
