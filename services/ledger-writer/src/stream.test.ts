import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import fc from "fast-check";
import { runStream, type StreamWork } from "./stream.ts";
import { type Fate, FateLedger, fault, gatedLedger, holedLog, replacing, workOn } from "./testing/faults.ts";
import { anchoredBatches, append, assertCovers, openPipe, STREAM, until, untilAnchored } from "./testing/pipe.ts";

interface Started extends AsyncDisposable {
  readonly over: Promise<void>;
  abort(): void;
}

/** A stream that runs until it is disposed of; then it drains. */
function start(work: StreamWork): Started {
  const abort = new AbortController();
  const over = runStream(work, abort.signal);
  over.catch(() => undefined);
  return {
    over,
    abort: () => abort.abort(),
    async [Symbol.asyncDispose]() {
      abort.abort();
      await over.catch(() => undefined);
    },
  };
}

/** Lets a stream anchor all that the log has, and ends it. */
async function anchorAll(log: EventLog, ledger: Ledger, work = workOn(log, ledger)): Promise<typeof work> {
  await using _stream = start(work);
  await untilAnchored(ledger, log);
  return work;
}

describe("a stream's batches", () => {
  it("are cut by count when there is much, and by age when there is little", async () => {
    await using pipe = await openPipe();
    await append(pipe.log, 50);
    await anchorAll(pipe.log, pipe.ledger);
    const counts = (await assertCovers(pipe.ledger, pipe.log)).map(({ count }) => count);
    assert.deepEqual(counts, [16, 16, 16, 2]);
  });

  it("are cut by bytes, with one record at least in each", async () => {
    await using pipe = await openPipe();
    await append(pipe.log, 6, "x".repeat(1_000));
    const limits = { countMax: 100, bytesMax: 2_000, age_ms_max: 10 };
    await anchorAll(pipe.log, pipe.ledger, workOn(pipe.log, pipe.ledger, { limits }));
    await append(pipe.log, 2, "x".repeat(5_000));
    await anchorAll(pipe.log, pipe.ledger, workOn(pipe.log, pipe.ledger, { limits }));
    const counts = (await assertCovers(pipe.ledger, pipe.log)).map(({ count }) => count);
    assert.deepEqual(counts, [2, 2, 2, 1, 1]);
  });

  it("wait for their age while they may still grow", async () => {
    await using pipe = await openPipe();
    const limits = { countMax: 5, bytesMax: 100_000, age_ms_max: 600_000 };
    await using _stream = start(workOn(pipe.log, pipe.ledger, { limits }));
    for (let i = 0; i < 5; i++) {
      assert.equal(await pipe.ledger.height(), 0);
      await append(pipe.log, 1, "event", i);
      await sleep(5);
    }
    await untilAnchored(pipe.ledger, pipe.log);
    assert.equal((await assertCovers(pipe.ledger, pipe.log)).length, 1);
  });

  it("grow while one is in flight, of which there is never more than one", async () => {
    await using pipe = await openPipe();
    const { ledger, calls, open } = gatedLedger(pipe.ledger);
    const limits = { countMax: 1_000, bytesMax: 100_000, age_ms_max: 5 };
    await using _stream = start(workOn(pipe.log, ledger, { limits }));
    await append(pipe.log, 1);
    await until("one is in flight", () => calls.length === 1);
    for (let i = 0; i < 10; i++) {
      await append(pipe.log, 3, "later", 3 * i);
      await sleep(5);
    }
    assert.equal(calls.length, 1);
    open();
    await untilAnchored(pipe.ledger, pipe.log);
    const counts = (await assertCovers(pipe.ledger, pipe.log)).map(({ count }) => count);
    assert.deepEqual(counts, [1, 30]);
  });

  it("stop growing at their bounds, however long one is in flight", async () => {
    await using pipe = await openPipe();
    const { ledger, calls, open } = gatedLedger(pipe.ledger);
    let reads = 0;
    const log = replacing(pipe.log, {
      read: (...args) => {
        reads++;
        return pipe.log.read(...args);
      },
    });
    await append(pipe.log, 100);
    await using _stream = start(workOn(log, ledger));
    await until("one is in flight and one is full", () => calls.length === 1 && reads >= 2);
    await sleep(30);
    assert.deepEqual([calls.length, reads], [1, 2]);
    open();
    await untilAnchored(pipe.ledger, pipe.log);
    await assertCovers(pipe.ledger, pipe.log);
  });

  it("cover holes in the offsets, and holes at the log's end cost no busy waiting", async () => {
    await using pipe = await openPipe();
    let reads = 0;
    const holed = holedLog(pipe.log);
    const log = replacing(holed, {
      read: (...args) => {
        reads++;
        return holed.read(...args);
      },
    });
    await append(pipe.log, 20);
    await using _stream = start(workOn(log, pipe.ledger));
    await untilAnchored(pipe.ledger, log);
    reads = 0;
    await sleep(300);
    assert.ok(reads < 100, `${reads} reads of nothing`);
    await append(pipe.log, 20, "later");
    await untilAnchored(pipe.ledger, log);
    await assertCovers(pipe.ledger, log);
  });
});

describe("a stream that starts again", () => {
  it("goes on at the ledger's head", async () => {
    await using pipe = await openPipe();
    for (let run = 0; run < 3; run++) {
      await append(pipe.log, 10, "event", 10 * run);
      const { told } = await anchorAll(pipe.log, pipe.ledger);
      assert.equal(told.anchoredBatches[0]?.first, 10 * run);
    }
    await assertCovers(pipe.ledger, pipe.log);
  });

  it("refuses a log that is shorter than the ledger's head, or another, and anchors nothing of it", async () => {
    await using pipe = await openPipe();
    await append(pipe.log, 20);
    await anchorAll(pipe.log, pipe.ledger);
    const before = await anchoredBatches(pipe.ledger, STREAM);
    const other = await pipe.openOtherLog();
    await append(other, 5);
    await assert.rejects(runStream(workOn(other, pipe.ledger), new AbortController().signal), { code: "INTEGRITY" });
    await append(other, 50, "other");
    await assert.rejects(runStream(workOn(other, pipe.ledger), new AbortController().signal), { code: "INTEGRITY" });
    assert.deepEqual(await anchoredBatches(pipe.ledger, STREAM), before);
  });
});

describe("a stream among faults", () => {
  it("waits for a ledger that is away when it starts", async () => {
    await using pipe = await openPipe();
    let away = 3;
    const ledger = replacing(pipe.ledger, {
      readHead: async (...args) => {
        if (away-- > 0) throw fault("LEDGER_UNAVAILABLE");
        return pipe.ledger.readHead(...args);
      },
    });
    await append(pipe.log, 5);
    const { told } = await anchorAll(pipe.log, pipe.ledger, workOn(pipe.log, ledger));
    assert.deepEqual(told.retries, Array(3).fill("LEDGER_UNAVAILABLE"));
    await assertCovers(pipe.ledger, pipe.log);
  });

  it("waits for a log that is away, whatever it throws", async () => {
    await using pipe = await openPipe();
    const failures: Error[] = [fault("STORAGE_FAILED"), fault("BUSY"), new TypeError("connection gone")];
    const log = replacing(pipe.log, {
      read: async (...args) => {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        return pipe.log.read(...args);
      },
    });
    await append(pipe.log, 5);
    const { told } = await anchorAll(pipe.log, pipe.ledger, workOn(log, pipe.ledger));
    assert.deepEqual(told.retries, ["STORAGE_FAILED", "BUSY", undefined]);
    await assertCovers(pipe.ledger, pipe.log);
  });

  it("stops at a record that was changed, also while the ledger is away", async () => {
    await using pipe = await openPipe();
    const { ledger, calls } = new FateLedger(pipe.ledger, Array<Fate>(1_000).fill("LEDGER_UNAVAILABLE"));
    const log = replacing(pipe.log, {
      read: (partition, offset, limits) =>
        offset >= 3 ? Promise.reject(fault("INTEGRITY")) : pipe.log.read(partition, offset, limits),
    });
    await append(pipe.log, 3);
    const limits = { countMax: 3, bytesMax: 100_000, age_ms_max: 10 };
    await assert.rejects(start(workOn(log, ledger, { limits })).over, { code: "INTEGRITY" });
    assert.ok(calls.length >= 1);
  });

  it("anchors every record once, whatever becomes of each call", async () => {
    const fates: readonly Fate[] = [
      "done",
      "done-unknown",
      "done-later",
      "LEDGER_UNKNOWN",
      "LEDGER_UNAVAILABLE",
      "LEDGER_CONFLICT",
      "LEDGER_REFUSED",
      "BUSY",
      "STORAGE_FAILED",
    ];
    const refusals = (turns: readonly Fate[]): number => turns.filter((fate) => fate === "LEDGER_REFUSED").length;
    // Of more refusals one after another it would rightly stop.
    const schedule = fc.array(fc.constantFrom(...fates), { maxLength: 8 }).filter((turns) => refusals(turns) < 5);
    await fc.assert(
      fc.asyncProperty(schedule, fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 4 }), async (turns, sizes) => {
        await using pipe = await openPipe();
        const faulty = new FateLedger(pipe.ledger, turns);
        {
          await using _stream = start(workOn(pipe.log, faulty.ledger));
          for (const [i, size] of sizes.entries()) await append(pipe.log, size, `burst ${i}`);
          await untilAnchored(pipe.ledger, pipe.log);
        }
        await faulty.settled();
        assert.ok(faulty.inFlightMax <= 1);
        await assertCovers(pipe.ledger, pipe.log);
      }),
      { numRuns: 15, endOnFailure: true },
    );
  });

  it("gives way to a batch of its own that was committed late, after it had given it up", async () => {
    await using pipe = await openPipe();
    await append(pipe.log, 4);
    const faulty = new FateLedger(pipe.ledger, ["done-later", "LEDGER_CONFLICT", "LEDGER_UNAVAILABLE"]);
    await using _stream = start(workOn(pipe.log, faulty.ledger));
    await until("given up", () => faulty.calls.length >= 2);
    await append(pipe.log, 4, "later");
    await untilAnchored(pipe.ledger, pipe.log);
    await faulty.settled();
    await assertCovers(pipe.ledger, pipe.log);
  });
});

describe("two writers that both think they own the stream", () => {
  it("anchor every record once between them", async () => {
    await using pipe = await openPipe();
    const works = [workOn(pipe.log, pipe.ledger), workOn(pipe.log, await pipe.openLedger())];
    {
      await using _one = start(works[0] as StreamWork);
      await using _other = start(works[1] as StreamWork);
      for (let i = 0; i < 20; i++) {
        await append(pipe.log, 7, "event", 7 * i);
        await sleep(5);
      }
      await untilAnchored(pipe.ledger, pipe.log);
    }
    await assertCovers(pipe.ledger, pipe.log);
  });

  it("go on where the other cut differently", async () => {
    await using pipe = await openPipe();
    const { ledger, calls, open } = gatedLedger(pipe.ledger);
    const work = workOn(pipe.log, ledger);
    await append(pipe.log, 3);
    await using _stream = start(work);
    await until("one is in flight", () => calls.length === 1);
    await append(pipe.log, 3, "more");
    await anchorAll(pipe.log, pipe.ledger);
    open();
    await until("the conflict is seen", () => work.told.conflicts === 1);
    await append(pipe.log, 3, "last");
    await untilAnchored(pipe.ledger, pipe.log);
    await assertCovers(pipe.ledger, pipe.log);
  });

  it("over different logs: the one whose log the ledger does not hold stops", async () => {
    await using pipe = await openPipe();
    const other = await pipe.openOtherLog();
    await append(other, 40, "other");
    await append(pipe.log, 5);
    const { ledger, calls, open } = gatedLedger(pipe.ledger);
    await using stream = start(workOn(other, ledger));
    await until("one is in flight", () => calls.length === 1);
    await anchorAll(pipe.log, pipe.ledger);
    open();
    await assert.rejects(stream.over, { code: "INTEGRITY" });
    await assertCovers(pipe.ledger, pipe.log);
  });
});

describe("a stream that is told to end", () => {
  it("waits for what is in flight, and anchors what was gathered behind it", async () => {
    await using pipe = await openPipe();
    const { ledger, calls, open } = gatedLedger(pipe.ledger);
    await append(pipe.log, 1);
    let read = 0;
    const log = replacing(pipe.log, {
      read: async (...args) => {
        const entries = await pipe.log.read(...args);
        read += entries.length;
        return entries;
      },
    });
    const limits = { countMax: 100, bytesMax: 100_000, age_ms_max: 1 };
    await using stream = start(workOn(log, ledger, { limits }));
    await until("one is in flight", () => calls.length === 1);
    await append(pipe.log, 5, "behind");
    await until("the rest is gathered", () => read === 6);
    stream.abort();
    open();
    await stream.over;
    assert.equal((await assertCovers(pipe.ledger, pipe.log)).length, 2);
  });

  it("goes on trying for what it has when the ledger is away for a moment", async () => {
    await using pipe = await openPipe();
    const faulty = new FateLedger(pipe.ledger, ["LEDGER_UNAVAILABLE", "done-unknown", "LEDGER_UNAVAILABLE"]);
    await append(pipe.log, 40);
    await using stream = start(workOn(pipe.log, faulty.ledger));
    await until("it is tried", () => faulty.calls.length >= 1);
    stream.abort();
    await stream.over;
    const batches = await anchoredBatches(pipe.ledger, STREAM);
    assert.ok(batches.length >= 1);
    await anchorAll(pipe.log, pipe.ledger);
    await assertCovers(pipe.ledger, pipe.log);
  });

  it("ends at once while it has nothing, and while it waits to start again", async () => {
    await using pipe = await openPipe();
    const idle = start(workOn(pipe.log, pipe.ledger));
    await sleep(20);
    idle.abort();
    await idle.over;
    const ledger = replacing(pipe.ledger, { readHead: () => Promise.reject(fault("LEDGER_UNAVAILABLE")) });
    const work = workOn(pipe.log, ledger);
    const waiting = start(work);
    await until("it waits", () => work.told.retries.length > 2);
    waiting.abort();
    await waiting.over;
  });
});

describe("a stream's progress", () => {
  it("dates the oldest record that is not anchored, over failures too, and forgets it once it is", async () => {
    await using pipe = await openPipe();
    const faulty = new FateLedger(pipe.ledger, Array<Fate>(3).fill("LEDGER_CONFLICT"));
    const work = workOn(pipe.log, faulty.ledger);
    await using _stream = start(work);
    await until("the head is known", () => work.progress.anchoredEnd === 0);
    assert.equal(work.progress.age_ms(performance.now()), 0);
    await append(pipe.log, 2);
    await until("a conflict", () => work.told.conflicts === 1);
    const early = work.progress.age_ms(performance.now());
    await until("more conflicts", () => work.told.conflicts === 3);
    assert.ok(work.progress.age_ms(performance.now()) > early);
    await untilAnchored(pipe.ledger, pipe.log);
    await until("it is told", () => work.progress.anchoredEnd === 2);
    assert.equal(work.progress.age_ms(performance.now()), 0);
  });
});
