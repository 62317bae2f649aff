/** Whether a service can do its work right now, asked of its dependencies sparingly. */

export interface Readiness {
  /** What is missing, in words; empty when ready. Never rejects. */
  missing(): Promise<readonly string[]>;
  /** From now on: not ready, because the service is going away. */
  drain(): void;
}

const CHECK_MS_MAX = 5_000;

/** Those who ask at once share one check, so that asking often costs the dependencies nothing. */
export function readiness(check: () => Promise<readonly string[]>, check_ms_max: number = CHECK_MS_MAX): Readiness {
  let draining = false;
  let asking: Promise<readonly string[]> | undefined;
  const ask = async (): Promise<readonly string[]> => {
    const late = Promise.withResolvers<readonly string[]>();
    const timer = setTimeout(() => late.resolve(["a dependency does not answer"]), check_ms_max);
    try {
      return await Promise.race([check(), late.promise]);
    } catch {
      return ["a dependency could not be asked"];
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    missing: async () => {
      if (draining) return ["the service is draining"];
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return await asking;
    },
    drain: () => {
      draining = true;
    },
  };
}
