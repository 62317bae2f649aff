/** Certificates for a Redis that is reached by TLS; the only file of this engine that reads process.env. */
import type { ConnectionOptions } from "node:tls";
import { type Environment, readSettings } from "@medtrace/shared/config";
import { z } from "zod";
import { tlsOptions, wrongSetting } from "../../tls-files.ts";
import type { RedisAddress } from "./address.ts";

const shape = {
  REDIS_TLS_CA: z.string().optional(),
  REDIS_TLS_CERT: z.string().optional(),
  REDIS_TLS_KEY: z.string().optional(),
};

/**
 * The TLS options of a `rediss:` address; nothing for one in clear.
 *
 * @throws MedtraceError CONFIGURATION for a file that cannot be read, or certificates for an address in clear.
 */
export function redisTls({ tls }: RedisAddress, env: Environment = process.env): ConnectionOptions {
  const settings = readSettings(shape, env);
  const files = { ca: settings.REDIS_TLS_CA, cert: settings.REDIS_TLS_CERT, key: settings.REDIS_TLS_KEY };
  if (tls) return tlsOptions("REDIS_TLS", files);
  for (const name of ["REDIS_TLS_CA", "REDIS_TLS_CERT", "REDIS_TLS_KEY"] as const) {
    if (settings[name] === undefined) continue;
    throw wrongSetting(name, "is set, where CACHE_URL is in clear", "write rediss: in CACHE_URL");
  }
  return {};
}
