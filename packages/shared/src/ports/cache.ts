/**
 * Cache: makes answers faster and keeps rate limits; never needed for a right answer. An engine that loses its
 * server, or was closed, MUST behave as an empty cache. Contract: ports/cache.contract.ts, run over every engine.
 */
export interface Cache extends AsyncDisposable {
  /** The value kept under the key, or undefined. Never rejects. */
  get(key: string): Promise<string | undefined>;
  /** Keeps a value for at most `ttl_ms`. Never rejects. */
  set(key: string, value: string, ttl_ms: number): Promise<void>;
  /**
   * Adds one to a counter that starts at 0 and is forgotten `window_ms` after its first increment; resolves with the
   * new count (0 where the server is gone, so that a limit based on it lets through). Never rejects. Counters have
   * names of their own: one that is also a value's key is another thing.
   */
  increment(key: string, window_ms: number): Promise<number>;
  /** Rejects when the server cannot be reached; for /readyz only. */
  ping(): Promise<void>;
}
