/** Waits between tries, in the ledger-writer. */
const WAIT_MS_MIN = 50;
const WAIT_MS_MAX = 5_000;

/** Milliseconds to wait after this many tries that failed (1 or more): each twice the last, up to five seconds. */
export function backoff_ms(failures: number): number {
  return Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** Math.min(failures - 1, 10));
}
