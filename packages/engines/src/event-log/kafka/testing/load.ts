/** Work on a log under test, and what it must hold afterwards. */
import { strict as assert } from "node:assert";
import { hasCode } from "@medtrace/shared/errors";
import type { EventLog, LogRecord } from "@medtrace/shared/ports/event-log";
import { content, placeOf, readAll } from "@medtrace/shared/ports/event-log.contract.kit";

/** Appends from many callers, and what was acknowledged of it. */
export class Load {
  /** Values in hex, by place. */
  readonly acknowledged: Map<string, string> = new Map();
  refused: number = 0;
  readonly #log: EventLog;
  #made = 0;

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** So many callers append so many times, a few records each. */
  async run(callers: number, times: number): Promise<void> {
    await Promise.all(Array.from({ length: callers }, () => this.#append(times)));
  }

  async #append(times: number): Promise<void> {
    for (let time = 0; time < times; time++) {
      const records: LogRecord[] = Array.from({ length: 3 }, () => {
        const made = this.#made++;
        return { key: `key-${made % 50}`, value: Buffer.from(`record ${made} ${"x".repeat(made % 700)}`) };
      });
      try {
        const positions = await this.#log.append(records);
        positions.forEach((position, i) => {
          const place = placeOf(position);
          assert.ok(!this.acknowledged.has(place), `${place} was given twice`);
          this.acknowledged.set(place, Buffer.from(records[i]?.value ?? []).toString("hex"));
        });
      } catch (error) {
        assert.ok(hasCode(error, "STORAGE_FAILED", "BUSY"), String(error));
        this.refused++;
      }
    }
  }

  /** Everything that was acknowledged is at its place. */
  async assertHeld(): Promise<void> {
    const held = await content(this.#log);
    for (const [place, value] of this.acknowledged) assert.equal(held.get(place), value, place);
  }
}

/** Reads whatever is assigned, as it comes; the places of what was read. */
export function follow(
  log: EventLog,
  signal: AbortSignal,
): { readonly places: Set<string>; readonly over: Promise<unknown> } {
  const places = new Set<string>();
  const read = async (partition: number, stop: AbortSignal): Promise<void> => {
    for (let from = 0; !stop.aborted; ) {
      const some = await readAll(log, partition, from).catch(() => []);
      for (const entry of some) places.add(placeOf(entry));
      from = (some.at(-1)?.offset ?? from - 1) + 1;
      await log.waitPast(partition, from, 1_000, stop);
    }
  };
  const work = async (): Promise<void> => {
    let stop = new AbortController();
    let reading: Promise<unknown> = Promise.resolve();
    for await (const partitions of log.assignments("followers", signal)) {
      stop.abort();
      await reading;
      stop = new AbortController();
      const own = AbortSignal.any([stop.signal, signal]);
      reading = Promise.all(partitions.map((partition) => read(partition, own)));
    }
    await reading;
  };
  return { places, over: work() };
}
