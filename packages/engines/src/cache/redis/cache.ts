/**
 * The cache in Redis. While its server is gone, or does not answer in time, it is an empty cache at once: nothing is
 * queued, nothing waits, and the connection is made anew in the background.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectionOptions } from "node:tls";
import { MedtraceError } from "@medtrace/shared/errors";
import { sha256Hex } from "@medtrace/shared/model/bytes";
import type { Cache } from "@medtrace/shared/ports/cache";
import { Redis } from "ioredis";
import type { RedisAddress } from "./address.ts";

/** Where one line is written when the server is lost, and one when it is back. */
export interface CacheLog {
  warn(fields: object, text: string): void;
  info(fields: object, text: string): void;
}

export interface RedisCacheOptions {
  readonly address: RedisAddress;
  readonly log?: CacheLog | undefined;
  /** How a `rediss:` server is spoken to, beyond what Node does by itself. */
  readonly tls?: ConnectionOptions;
}

/** Larger values are not kept: one of them would hold up every other answer. */
const VALUE_BYTES_MAX = 4 * 1_048_576;
/** Bytes and calls that wait for Redis at a time; beyond, the cache is empty for whoever asks. */
const WAITING_BYTES_MAX = 32 * 1_048_576;
const WAITING_CALLS_MAX = 10_000;
/** Longest wait for an answer. */
const ANSWER_MS_MAX = 1_000;
/** A connection that says nothing for so long, though it was asked, is given up. */
const SILENCE_MS_MAX = 1_500;
const CONNECT_MS_MAX = 2_000;
/** Longest that opening waits for the first connection. */
const OPEN_MS_MAX = 1_000;
const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 5_000;
/** About 300 years: Redis adds it to its clock, and refuses what overflows. */
const TTL_MS_MAX = 10_000_000_000_000;

/** The first increment, or one that finds a counter without an end, begins the window; both in one step. */
const INCREMENT = `
local count = redis.call('INCR', KEYS[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count`;

/** Opens the cache; a server that is not there now is found when it comes. Never rejects. */
export async function openRedisCache(options: RedisCacheOptions): Promise<Cache> {
  const cache = new RedisCache(options);
  await cache.settled();
  return cache;
}

class RedisCache implements Cache {
  readonly #client: Redis;
  readonly #address: RedisAddress;
  readonly #log: CacheLog | undefined;
  readonly #settled = Promise.withResolvers<void>();
  #isClosed = false;
  #isLost = false;
  /** Told once a connection: a server that refuses does so at every call. */
  #isRefusalTold = false;
  #waitingBytes = 0;
  #waitingCalls = 0;

  constructor({ address, log, tls = {} }: RedisCacheOptions) {
    this.#address = address;
    this.#log = log;
    this.#client = new Redis({
      ...connectionOf(address, tls),
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: ANSWER_MS_MAX,
      socketTimeout: SILENCE_MS_MAX,
      connectTimeout: CONNECT_MS_MAX,
      retryStrategy: reconnect_ms,
      // What every server of this protocol knows, old or new.
      protocol: 2,
      disableClientInfo: true,
      connectionName: "medtrace",
    });
    this.#client.on("ready", () => this.#back());
    this.#client.on("error", (error) => this.#gone(error));
    this.#client.on("close", () => this.#gone());
  }

  /** Resolves when the first connection is made, has failed, or takes too long. */
  async settled(): Promise<void> {
    const late = new AbortController();
    const timeout = sleep(OPEN_MS_MAX, undefined, { signal: late.signal }).catch(() => undefined);
    await Promise.race([this.#settled.promise, timeout]);
    late.abort();
  }

  async get(key: string): Promise<string | undefined> {
    const value = await this.#ask(0, (client) => client.get(this.#valueName(key)));
    return value ?? undefined;
  }

  async set(key: string, value: string, ttl_ms: number): Promise<void> {
    const name = this.#valueName(key);
    const bytes = Buffer.byteLength(value);
    // What was there before must not outlive what replaces it.
    if (!(ttl_ms > 0) || bytes > VALUE_BYTES_MAX) await this.#ask(0, (client) => client.del(name));
    else await this.#ask(bytes, (client) => client.set(name, value, "PX", whole(ttl_ms)));
  }

  async increment(key: string, window_ms: number): Promise<number> {
    const name = `${this.#address.prefix}c:${sha256Hex(key)}`;
    const count = await this.#ask(0, (client) => client.eval(INCREMENT, 1, name, whole(window_ms)));
    return typeof count === "number" ? count : 0;
  }

  async ping(): Promise<void> {
    try {
      if (this.#isClosed) throw new TypeError("closed");
      await this.#client.ping();
    } catch (cause) {
      throw new MedtraceError("STORAGE_FAILED", "the cache's Redis cannot be reached", {
        hint: "answers are right without it, and slower; see CACHE_URL",
        cause,
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#settled.resolve();
    this.#client.disconnect();
  }

  /** Keys are hashed: bounded, and no word of what was asked. */
  #valueName(key: string): string {
    return `${this.#address.prefix}v:${sha256Hex(key)}`;
  }

  /** What Redis answers; undefined where it does not, at once where it is known to be gone. */
  async #ask<T>(bytes: number, ask: (client: Redis) => Promise<T>): Promise<T | undefined> {
    if (this.#isClosed || this.#client.status !== "ready") return undefined;
    if (this.#waitingCalls >= WAITING_CALLS_MAX || this.#waitingBytes + bytes > WAITING_BYTES_MAX) return undefined;
    this.#waitingCalls++;
    this.#waitingBytes += bytes;
    try {
      return await ask(this.#client);
    } catch (error) {
      this.#refused(error);
      return undefined;
    } finally {
      this.#waitingCalls--;
      this.#waitingBytes -= bytes;
    }
  }

  #back(): void {
    this.#settled.resolve();
    this.#isRefusalTold = false;
    if (!this.#isLost) return;
    this.#isLost = false;
    this.#log?.info(this.#where(), "the cache's Redis is back");
  }

  #gone(error?: unknown): void {
    this.#settled.resolve();
    if (this.#isLost || this.#isClosed) return;
    this.#isLost = true;
    this.#log?.warn({ ...this.#where(), ...codeOf(error) }, "the cache's Redis is gone; going on without it");
  }

  /** A command failed on a connection that stands: a full memory, a replica, an answer that came too late. */
  #refused(error: unknown): void {
    if (this.#isRefusalTold || this.#isClosed || this.#client.status !== "ready") return;
    this.#isRefusalTold = true;
    this.#log?.warn({ ...this.#where(), ...codeOf(error) }, "the cache's Redis does not do what it is asked");
  }

  #where(): object {
    return { host: this.#address.host, port: this.#address.port };
  }
}

function connectionOf({ host, port, db, username, password, ...address }: RedisAddress, tls: ConnectionOptions) {
  return {
    host,
    port,
    db,
    ...(address.tls ? { tls } : {}),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

/** Waits double up to the longest, with some chance in them so that processes do not come back in step. */
function reconnect_ms(tries: number): number {
  return Math.min(RECONNECT_MS_MAX, RECONNECT_MS_MIN * 2 ** Math.min(tries, 10)) * (0.5 + Math.random() / 2);
}

/** Whole milliseconds that Redis takes: 1 at least. */
function whole(ms: number): number {
  return Math.min(TTL_MS_MAX, Math.max(1, Math.ceil(ms || 0)));
}

/** The system's code, or the first word of what Redis said (`OOM`, `READONLY`); never its text, which may quote keys. */
function codeOf(error: unknown): { readonly code?: string } {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === "string") return { code };
  const word = typeof message === "string" ? /^[A-Z]{2,20}(?= )/.exec(message)?.[0] : undefined;
  return word === undefined ? {} : { code: word };
}
