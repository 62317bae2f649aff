import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openCache } from "@medtrace/engines/cache/open";
import { hasCode } from "@medtrace/shared/errors";
import type { Cache } from "@medtrace/shared/ports/cache";
import type { Draft, Intake } from "./normalise/draft.ts";
import { limitRate } from "./rate-limit.ts";

const SECOND_MS = 1_000;
/** A cache whose server is gone counts nothing. */
const GONE: Cache = {
  get: async () => undefined,
  set: async () => undefined,
  increment: async () => 0,
  ping: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
};

/** Counts what passes; counters of the cache end with the clock that the test moves. */
class Bench {
  now_ms = 0;
  readonly passed = new Map<string, number>();
  readonly #counters = new Map<string, { count: number; end_ms: number }>();
  readonly cache: Cache = {
    ...GONE,
    increment: async (key, window_ms) => {
      const counter = this.#counters.get(key);
      const live = counter !== undefined && counter.end_ms > this.now_ms;
      const next = live ? { ...counter, count: counter.count + 1 } : { count: 1, end_ms: this.now_ms + window_ms };
      this.#counters.set(key, next);
      return next.count;
    },
  };
  readonly #intake: Intake = {
    accept: async (institution, drafts) => {
      this.passed.set(institution, (this.passed.get(institution) ?? 0) + drafts.length);
      return [];
    },
  };

  process(eventsPerSecondMax: number, cache: Cache = this.cache): Intake {
    return limitRate(this.#intake, { cache, eventsPerSecondMax, clock_ms: () => this.now_ms });
  }

  /** Sends calls of so many drafts until one is refused; gives how many events passed. */
  async exhaust(intake: Intake, institution: string, size: number, callsMax = 10_000): Promise<number> {
    const drafts = new Array<Draft>(size);
    for (let calls = 0; calls < callsMax; calls++) {
      const error = await intake.accept(institution, drafts).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error === undefined) continue;
      assert.ok(hasCode(error, "RATE_LIMITED"), String(error));
      return calls * size;
    }
    return callsMax * size;
  }
}

describe("a limit of events for each institution", () => {
  it("lets so many through in a second, and refuses more until the second is over", async () => {
    for (const max of [1, 7, 100, 2_345]) {
      const bench = new Bench();
      const intake = bench.process(max);
      for (let second = 0; second < 3; second++) {
        const passed = await bench.exhaust(intake, "north", 1);
        assert.ok(passed <= max && passed >= max * 0.95 - 1, `${passed} of ${max} in second ${second}`);
        assert.equal(await bench.exhaust(intake, "north", 1), 0);
        bench.now_ms += SECOND_MS;
      }
    }
  });

  it("holds over all processes together, and for each institution by itself", async () => {
    const bench = new Bench();
    const processes = [bench.process(1_000), bench.process(1_000), bench.process(1_000)];
    let passed = 0;
    for (const intake of processes) passed += await bench.exhaust(intake, "north", 10);
    assert.ok(passed >= 900 && passed <= 1_030, `${passed}`);
    assert.ok((await bench.exhaust(processes[0] as Intake, "south", 10)) >= 900);
  });

  it("takes a call that is larger than the limit, and makes up for it afterwards", async () => {
    const bench = new Bench();
    const intake = bench.process(100);
    let passed = 0;
    for (bench.now_ms = 0; bench.now_ms < 60 * SECOND_MS; bench.now_ms += SECOND_MS) {
      passed += await bench.exhaust(intake, "north", 1_000);
    }
    assert.ok(passed >= 5_000 && passed <= 7_000, `${passed} in a minute of 100 a second`);
  });

  it("holds in each process by itself while the cache is gone", async () => {
    const bench = new Bench();
    for (const intake of [bench.process(500, GONE), bench.process(500, GONE)]) {
      for (let second = 0; second < 3; second++) {
        const passed = await bench.exhaust(intake, "north", 1);
        assert.ok(passed > 450 && passed <= 500, `${passed}`);
        bench.now_ms += SECOND_MS;
      }
    }
  });

  it("is none where it is 0", async () => {
    const bench = new Bench();
    await using cache = await openCache("in-process:");
    assert.equal(await bench.exhaust(bench.process(0, cache), "north", 1, 5_000), 5_000);
  });

  it("counts calls at the same time like calls one after the other", async () => {
    const bench = new Bench();
    await using cache = await openCache("in-process:");
    const intake = bench.process(100, cache);
    const calls = Array.from({ length: 1_000 }, () => intake.accept("north", [{} as Draft]));
    const settled = await Promise.allSettled(calls);
    const passed = settled.filter(({ status }) => status === "fulfilled").length;
    assert.ok(passed >= 90 && passed <= 110, `${passed}`);
  });
});
