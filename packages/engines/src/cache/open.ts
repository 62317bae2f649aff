/** The cache behind a URL. Engines are loaded when they are asked for. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { Cache } from "@medtrace/shared/ports/cache";
import type { CacheLog } from "./redis/cache.ts";

export interface CacheOptions {
  /** Told when a server is lost, and when it is back. */
  readonly log?: CacheLog;
}

/**
 * Opens `in-process:`, or `redis://[user:password@]host[:port][/db][?prefix=…]` (`rediss:` for TLS), whose server may
 * come later; REDIS_TLS… in the environment say whose certificates count.
 *
 * @throws MedtraceError CONFIGURATION for another scheme, or a URL or a certificate that cannot be read.
 */
export async function openCache(url: string, { log }: CacheOptions = {}): Promise<Cache> {
  if (url === "in-process:") {
    const { openInProcessCache } = await import("./in-process/cache.ts");
    return openInProcessCache();
  }
  if (/^rediss?:/.test(url)) {
    const [{ parseRedisUrl }, { redisTls }, { openRedisCache }] = await Promise.all([
      import("./redis/address.ts"),
      import("./redis/config.ts"),
      import("./redis/cache.ts"),
    ]);
    const address = parseRedisUrl(url);
    return openRedisCache({ address, log, tls: redisTls(address) });
  }
  throw new MedtraceError("CONFIGURATION", "no cache engine for this URL", {
    at: "CACHE_URL",
    hint: "in-process: or redis://host:port/db",
  });
}
