/** The in-process cache: bounded in entries and in characters, least recently used out first. */
import { MedtraceError } from "@medtrace/shared/errors";
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
  let open = true;

  const drop = (name: string): void => {
    const entry = entries.get(name);
    if (entry === undefined) return;
    entries.delete(name);
    characters -= name.length + entry.value.length;
  };
  const live = (name: string): Entry | undefined => {
    const entry = entries.get(name);
    if (entry === undefined || entry.until_ms > now_ms()) return entry;
    drop(name);
    return undefined;
  };
  const put = (name: string, entry: Entry): void => {
    drop(name);
    const size = name.length + entry.value.length;
    if (size > charactersMax) return;
    entries.set(name, entry);
    characters += size;
    for (const oldest of entries.keys()) {
      if (entries.size <= entriesMax && characters <= charactersMax) break;
      drop(oldest);
    }
  };

  return {
    async get(key) {
      const entry = live(valueName(key));
      if (entry === undefined) return undefined;
      entries.delete(valueName(key));
      entries.set(valueName(key), entry);
      return entry.value;
    },
    async set(key, value, ttl_ms) {
      if (open) put(valueName(key), { value, until_ms: now_ms() + ttl_ms });
    },
    async increment(key, window_ms) {
      if (!open) return 0;
      const entry = live(counterName(key));
      const count = (entry === undefined ? 0 : Number(entry.value)) + 1;
      put(counterName(key), { value: String(count), until_ms: entry?.until_ms ?? now_ms() + window_ms });
      return count;
    },
    async ping() {
      if (!open) throw new MedtraceError("STORAGE_FAILED", "the cache is closed");
    },
    async [Symbol.asyncDispose]() {
      open = false;
      entries.clear();
      characters = 0;
    },
  };
}

function valueName(key: string): string {
  return `=${key}`;
}

function counterName(key: string): string {
  return `+${key}`;
}
