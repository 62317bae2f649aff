/** Where a Redis is, as its URL says it. */
import { MedtraceError } from "@medtrace/shared/errors";

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** What every key begins with. */
  readonly prefix: string;
}

const PORT = 6379;
const PREFIX = "medtrace:";
const PREFIX_PATTERN = /^[A-Za-z0-9:._-]{1,64}$/;
const DB_PATTERN = /^\/?(\d{1,5})?$/;

/**
 * Reads `redis://[user:password@]host[:port][/db][?prefix=…]`; `rediss:` speaks TLS. Without a database it is 0,
 * without a prefix `medtrace:`.
 *
 * @throws MedtraceError CONFIGURATION; it does not repeat the URL, which may hold a password.
 */
export function parseRedisUrl(url: string): RedisAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^rediss?:$/.test(parsed.protocol) || parsed.hostname === "") {
    throw wrong("it is not redis://host:port/db");
  }
  const db = DB_PATTERN.exec(parsed.pathname);
  if (db === null) throw wrong("the database is not a number");
  const prefix = parsed.searchParams.get("prefix") ?? PREFIX;
  if (!PREFIX_PATTERN.test(prefix)) throw wrong("the prefix is not 1 to 64 of A-Z a-z 0-9 : . _ -");
  const unknown = [...parsed.searchParams.keys()].filter((name) => name !== "prefix");
  if (unknown.length > 0 || parsed.hash !== "") throw wrong("it has more than ?prefix= after the database");
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, ""),
    port: parsed.port === "" ? PORT : Number(parsed.port),
    db: Number(db[1] ?? 0),
    tls: parsed.protocol === "rediss:",
    username: decoded(parsed.username),
    password: decoded(parsed.password),
    prefix,
  };
}

function decoded(text: string): string | undefined {
  try {
    return text === "" ? undefined : decodeURIComponent(text);
  } catch {
    throw wrong("user or password is not percent-encoded well");
  }
}

function wrong(why: string): MedtraceError {
  return new MedtraceError("CONFIGURATION", `no Redis can be reached by this URL: ${why}`, {
    at: "CACHE_URL",
    hint: "redis://host:6379/0, redis://user:password@host:6379/0?prefix=medtrace:, or rediss: for TLS",
  });
}
