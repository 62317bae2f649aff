import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import { fault, replacing, Told } from "./testing/faults.ts";
import { anchoredBatches, append, assertCovers, openPipe, until, untilAnchored } from "./testing/pipe.ts";
import { startWriter, type Writer, type WriterObserver } from "./writer.ts";

const LIMITS = { countMax: 16, bytesMax: 100_000, age_ms_max: 10 };

class WriterTold extends Told implements WriterObserver {
  readonly stoppedStreams: string[] = [];
  unassignedTimes = 0;

  stopped(stream: string): void {
    this.stoppedStreams.push(stream);
  }

  unassigned(): void {
    this.unassignedTimes++;
  }
}

function start(log: EventLog, ledger: Ledger): { readonly writer: Writer; readonly told: WriterTold } {
  const told = new WriterTold();
  return { told, writer: startWriter({ log, ledger, limits: LIMITS, observer: told }) };
}

/** A log that assigns what the test says. */
function assigning(log: EventLog): { readonly log: EventLog; assign(partitions: readonly number[]): void } {
  const waiting: (readonly number[])[] = [];
  let wake = Promise.withResolvers<void>();
  async function* assignments(_group: string, signal: AbortSignal): AsyncGenerator<readonly number[]> {
    signal.addEventListener("abort", () => wake.resolve(), { once: true });
    while (!signal.aborted) {
      const next = waiting.shift();
      if (next !== undefined) yield next;
      else await wake.promise;
    }
  }
  return {
    log: replacing(log, { assignments }),
    assign(partitions) {
      waiting.push(partitions);
      wake.resolve();
      wake = Promise.withResolvers();
    },
  };
}

describe("the writer", () => {
  it("anchors every partition's stream", async () => {
    await using pipe = await openPipe(4);
    const { writer } = start(pipe.log, pipe.ledger);
    await append(pipe.log, 200);
    await untilAnchored(pipe.ledger, pipe.log);
    assert.deepEqual([...(writer.streams() ?? [])].map(([stream, { state }]) => [stream, state]).sort(), [
      ["events-0", "running"],
      ["events-1", "running"],
      ["events-2", "running"],
      ["events-3", "running"],
    ]);
    await writer[Symbol.asyncDispose]();
    await assertCovers(pipe.ledger, pipe.log);
  });

  it("says which stream stopped and why, while the others go on", async () => {
    await using pipe = await openPipe(2);
    const log = replacing(pipe.log, {
      read: (partition, ...rest) =>
        partition === 1 ? Promise.reject(fault("INTEGRITY")) : pipe.log.read(partition, ...rest),
    });
    const { writer, told } = start(log, pipe.ledger);
    await append(pipe.log, 50);
    await until("one stopped, one anchored", async () => {
      const head = await pipe.ledger.readHead(pipe.ledger.owner, "events-0");
      return told.stoppedStreams.length === 1 && head?.batch.end === (await pipe.log.ranges())[0]?.end;
    });
    assert.deepEqual(told.stoppedStreams, ["events-1"]);
    assert.equal(writer.streams()?.get("events-1")?.why, "as the test wants it");
    assert.equal(writer.streams()?.get("events-0")?.state, "running");
    assert.deepEqual(await anchoredBatches(pipe.ledger, "events-1"), []);
    await writer[Symbol.asyncDispose]();
  });

  it("ends the streams that are taken from it, and goes on at the head when they come back", async () => {
    await using pipe = await openPipe(2);
    const { log, assign } = assigning(pipe.log);
    const { writer } = start(log, pipe.ledger);
    const assigned = async (...names: readonly string[]): Promise<void> => {
      assign(names.map((name) => Number(name.at(-1))));
      await until(names.join(), () => [...(writer.streams()?.keys() ?? [])].sort().join() === names.join());
    };
    await assigned("events-0", "events-1");
    await append(pipe.log, 40);
    await untilAnchored(pipe.ledger, pipe.log);
    await assigned("events-1");
    await append(pipe.log, 40, "later");
    const end = (await pipe.log.ranges())[1]?.end;
    await until("its own is anchored", async () => {
      return (await pipe.ledger.readHead(pipe.ledger.owner, "events-1"))?.batch.end === end;
    });
    assert.ok((await anchoredBatches(pipe.ledger, "events-0")).every(({ end: last }) => last < 40));
    await assigned("events-0", "events-1");
    await untilAnchored(pipe.ledger, pipe.log);
    await writer[Symbol.asyncDispose]();
    await assertCovers(pipe.ledger, pipe.log);
  });

  it("asks again where partitions cannot be assigned, or are assigned no more", async () => {
    await using pipe = await openPipe();
    let asked = 0;
    async function* assignments(group: string, signal: AbortSignal): AsyncGenerator<readonly number[]> {
      asked++;
      if (asked === 1) throw fault("STORAGE_FAILED");
      if (asked === 2) return yield [0];
      if (asked === 3) {
        yield [0];
        throw fault("STORAGE_FAILED");
      }
      yield* pipe.log.assignments(group, signal);
    }
    const { writer, told } = start(replacing(pipe.log, { assignments }), pipe.ledger);
    await append(pipe.log, 20);
    await until("asked again and again", () => asked === 4);
    await append(pipe.log, 20, "later");
    await untilAnchored(pipe.ledger, pipe.log);
    assert.equal(told.unassignedTimes, 3);
    await writer[Symbol.asyncDispose]();
    await assertCovers(pipe.ledger, pipe.log);
  });

  it("takes over when the one that had the log lets go", async () => {
    await using pipe = await openPipe();
    const first = start(pipe.log, pipe.ledger);
    const second = start(pipe.log, await pipe.openLedger());
    await append(pipe.log, 20);
    await untilAnchored(pipe.ledger, pipe.log);
    const [owner, waiting] = first.writer.streams() === undefined ? [second, first] : [first, second];
    assert.equal(waiting.writer.streams(), undefined);
    await owner.writer[Symbol.asyncDispose]();
    await append(pipe.log, 20, "later");
    await untilAnchored(pipe.ledger, pipe.log);
    assert.ok(waiting.told.anchoredBatches.length > 0);
    await waiting.writer[Symbol.asyncDispose]();
    await assertCovers(pipe.ledger, pipe.log);
  });

  it("starts no stream any more once it was told to end", async () => {
    await using pipe = await openPipe(2);
    const { log, assign } = assigning(pipe.log);
    const { writer } = start(log, pipe.ledger);
    assign([0]);
    await until("one runs", () => writer.streams()?.size === 1);
    const ended = writer[Symbol.asyncDispose]();
    assign([0, 1]);
    await ended;
    assert.equal(writer.streams()?.size, 0);
    await append(pipe.log, 20);
    assert.equal(await pipe.ledger.height(), 0);
  });
});
