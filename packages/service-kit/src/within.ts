/** Bounded waiting for what is good to know and not needed. */
import { setTimeout as sleep } from "node:timers/promises";

/** What was promised, or undefined where it fails or takes longer than `wait_ms`. */
export async function within<T>(wait_ms: number, promised: Promise<T>): Promise<T | undefined> {
  const late = new AbortController();
  const timeout = sleep(wait_ms, undefined, { signal: late.signal }).catch(() => undefined);
  try {
    return await Promise.race([promised.catch(() => undefined), timeout]);
  } finally {
    late.abort();
  }
}
