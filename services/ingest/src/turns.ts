/** Long work in turns: who else waits on this thread waits a few milliseconds, and not for all of it. */
import { setImmediate as nextTurn } from "node:timers/promises";

const TURN_MS_MAX = 3;

/** What `map` gives for each item, in order. Rejects as `map` throws. */
export async function mapInTurns<In, Out>(items: readonly In[], map: (item: In, at: number) => Out): Promise<Out[]> {
  const mapped: Out[] = [];
  let until_ms = performance.now() + TURN_MS_MAX;
  for (const [at, item] of items.entries()) {
    if (performance.now() > until_ms) {
      await nextTurn();
      until_ms = performance.now() + TURN_MS_MAX;
    }
    mapped.push(map(item, at));
  }
  return mapped;
}
