/** The in-process cache: bounded in entries and in characters, least recently used out first. */
import type { Cache } from "@medtrace/shared/ports/cache";

export interface InProcessCacheOptions {
  readonly entriesMax?: number;
  /** Keys and values together. */
  readonly charactersMax?: number;
  readonly now_ms?: () => number;
}

interface Entry {
  readonly value: string;
  readonly until_ms: number;
}

export function openInProcessCache(options: InProcessCacheOptions = {}): Cache {
  const { entriesMax = 10_000, charactersMax = 32 * 1_048_576, now_ms = Date.now } = options;
  const entries = new Map<string, Entry>();
  let characters = 0;

  const drop = (key: string): void => {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    characters -= key.length + entry.value.length;
  };
  const live = (key: string): Entry | undefined => {
    const entry = entries.get(key);
    if (entry === undefined || entry.until_ms > now_ms()) return entry;
    drop(key);
    return undefined;
  };
  const put = (key: string, entry: Entry): void => {
    drop(key);
    const size = key.length + entry.value.length;
    if (size > charactersMax) return;
    entries.set(key, entry);
    characters += size;
    for (const oldest of entries.keys()) {
      if (entries.size <= entriesMax && characters <= charactersMax) break;
      drop(oldest);
    }
  };

  return {
    async get(key) {
      const entry = live(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.value;
    },
    async set(key, value, ttl_ms) {
      put(key, { value, until_ms: now_ms() + ttl_ms });
    },
    async increment(key, window_ms) {
      const entry = live(key);
      const count = (entry === undefined ? 0 : Number(entry.value)) + 1;
      put(key, { value: String(count), until_ms: entry?.until_ms ?? now_ms() + window_ms });
      return count;
    },
    async ping() {},
    async [Symbol.asyncDispose]() {
      entries.clear();
      characters = 0;
    },
  };
}
