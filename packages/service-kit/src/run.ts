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
 * Waits for SIGTERM, SIGINT or the end of a parent that keeps it, then disposes of the services one after another, in the order given: what takes work
 * in first, what stores it last. Resolves when all are gone. The exit code is 1 where one failed to close (the others
 * still are closed). The same signal again, or the deadline, ends the process at once with code 1.
 */
export async function runUntilSignal(services: readonly AsyncDisposable[], options: RunOptions): Promise<void> {
  const { log, drain_ms_max = DRAIN_MS_MAX } = options;
  const signal = await nextSignal();
  log.info({ signal }, "draining");
  const abandon = (why: string) => () => {
    log.error(why);
    process.exit(1);
  };
  // The same again is impatience. Another is not: a terminal's Ctrl-C goes to parent and child, and the parent's word
  // to its child comes after it.
  const again = abandon("a second signal came: left without draining");
  const heard = (name: NodeJS.Signals): void => (name === signal ? again() : undefined);
  for (const name of SIGNALS) process.on(name, heard);
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
    for (const name of SIGNALS) process.off(name, heard);
  }
  log.info("drained");
}

/** A signal; or the end of the process that started this one with a channel to it, which must not leave it behind. */
function nextSignal(): Promise<NodeJS.Signals | "disconnect"> {
  return new Promise((resolve) => {
    const stop = (signal: NodeJS.Signals): void => {
      for (const name of SIGNALS) process.off(name, stop);
      resolve(signal);
    };
    for (const name of SIGNALS) process.on(name, stop);
    // Undefined where there never was a channel; false where its other end has gone already.
    const { connected } = process as { connected?: boolean };
    if (connected === true) process.once("disconnect", () => resolve("disconnect"));
    // Listening must not keep a drained process alive.
    process.channel?.unref();
    if (connected === false) resolve("disconnect");
  });
}
