import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { streamName } from "@medtrace/shared/model/batch";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import { Gathering } from "./gather.ts";
import { resumeHead } from "./resume.ts";
import { holedLog } from "./testing/faults.ts";
import { append, openPipe, type Pipe, STREAM } from "./testing/pipe.ts";

const LIMITS = { countMax: 100, bytesMax: 100_000, age_ms_max: 1 };

/** Anchors what the log holds beyond the head, as one batch. */
async function anchorAll({ ledger }: Pipe, log: EventLog): Promise<void> {
  const before = (await ledger.readHead(ledger.owner, STREAM))?.batch;
  const gathering = new Gathering(before?.end ?? 0, LIMITS);
  gathering.add(await log.read(0, gathering.end, { countMax: 100, bytesMax: 100_000 }), 0);
  await ledger.anchorBatch(gathering.cut(STREAM, before));
}

describe("resuming a stream", () => {
  it("has no head where nothing was anchored", async () => {
    await using pipe = await openPipe();
    assert.equal(await resumeHead(pipe.log, pipe.ledger, STREAM, 0), undefined);
  });

  it("goes on at the ledger's head when the log holds its range and more", async () => {
    await using pipe = await openPipe();
    for (const from of [0, 5]) {
      await append(pipe.log, 5, "event", from);
      await anchorAll(pipe, pipe.log);
    }
    await append(pipe.log, 3);
    const head = await resumeHead(pipe.log, pipe.ledger, streamName(pipe.log.name, 0), 0);
    assert.deepEqual([head?.sequence, head?.first, head?.end], [1, 5, 10]);
  });

  it("goes on over holes in the offsets", async () => {
    await using pipe = await openPipe();
    const log = holedLog(pipe.log);
    await append(log, 4);
    await anchorAll(pipe, log);
    const head = await resumeHead(log, pipe.ledger, STREAM, 0);
    assert.deepEqual([head?.end, head?.count], [10, 4]);
  });

  it("refuses a log that ends before the head", async () => {
    await using pipe = await openPipe();
    await append(pipe.log, 5);
    await anchorAll(pipe, pipe.log);
    const shorter = await pipe.openOtherLog();
    await append(shorter, 4);
    await assert.rejects(resumeHead(shorter, pipe.ledger, STREAM, 0), {
      code: "INTEGRITY",
      message: /ends at 4, before the ledger's head at 5/,
    });
  });

  it("refuses a log without the partition", async () => {
    await using pipe = await openPipe();
    await append(pipe.log, 1);
    await anchorAll(pipe, pipe.log);
    await assert.rejects(resumeHead(pipe.log, pipe.ledger, STREAM, 7), { code: "INTEGRITY", message: /nothing/ });
  });

  it("refuses a log that was recreated, however long it is", async () => {
    await using pipe = await openPipe();
    await append(pipe.log, 5);
    await anchorAll(pipe, pipe.log);
    const recreated = await pipe.openOtherLog();
    await append(recreated, 50, "another event");
    await assert.rejects(resumeHead(recreated, pipe.ledger, STREAM, 0), {
      code: "INTEGRITY",
      message: /not those that batch 0 anchors/,
    });
  });
});
