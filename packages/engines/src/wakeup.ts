/** Waiting for something that may happen here, at once, or elsewhere, by looking again every so often. */
export class Wakeup {
  readonly #waiting: Set<() => void> = new Set();

  /** Ends every wait. */
  wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Resolves at the next {@link wake}, when the signal aborts, or after `wait_ms`. */
  async wait(wait_ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, wait_ms);
    this.#waiting.add(resolve);
    const aborted = (): void => resolve();
    signal.addEventListener("abort", aborted);
    await promise;
    signal.removeEventListener("abort", aborted);
    clearTimeout(timer);
    this.#waiting.delete(resolve);
  }
}
