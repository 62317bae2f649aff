/** The life of a process: until a signal, then a drain in order, within a deadline. */
import type { Logger } from "./log.ts";

export interface RunOptions {
  readonly log: Logger;
  /** Longest drain; then the process exits as it is. */
  readonly drain_ms_max?: number;
}

const DRAIN_MS_MAX = 30_000;
const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Waits for SIGTERM or SIGINT, then disposes of the services one after another, in the order given: what takes work
 * in first, what stores it last. Resolves when all are gone. The exit code is 1 where one failed to close (the others
 * still are closed). A second signal, or the deadline, ends the process at once with code 1.
 */
export async function runUntilSignal(services: readonly AsyncDisposable[], options: RunOptions): Promise<void> {
  const { log, drain_ms_max = DRAIN_MS_MAX } = options;
  const signal = await nextSignal();
  log.info({ signal }, "draining");
  const abandon = (why: string) => () => {
    log.error(why);
    process.exit(1);
  };
  const impatient = abandon("a second signal came: left without draining");
  for (const name of SIGNALS) process.once(name, impatient);
  const deadline = setTimeout(abandon(`not drained within ${drain_ms_max} ms`), drain_ms_max);
  try {
    for (const service of services) {
      try {
        await service[Symbol.asyncDispose]();
      } catch (error) {
        process.exitCode = 1;
        log.error({ err: error }, "a service did not close well");
      }
    }
  } finally {
    clearTimeout(deadline);
    for (const name of SIGNALS) process.off(name, impatient);
  }
  log.info("drained");
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const stop = (signal: NodeJS.Signals): void => {
      for (const name of SIGNALS) process.off(name, stop);
      resolve(signal);
    };
    for (const name of SIGNALS) process.on(name, stop);
  });
}
