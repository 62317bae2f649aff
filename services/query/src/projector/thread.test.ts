import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { lockProjection } from "@medtrace/engines/projection/open";
import { createLogger, type Logger } from "@medtrace/service-kit/log";
import { utf8 } from "@medtrace/shared/model/bytes";
import { startPipe, traceBytes } from "../testing/pipe.ts";
import type { ProjectorStatus } from "./status.ts";
import { type ProjectorThread, startProjectorThread } from "./thread.ts";

const WAIT_MS_MAX = 30_000;

function collectingLog(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  return { lines, log: createLogger({ name: "projector", to: { write: (line) => void lines.push(line) } }) };
}

async function statusWhere(
  projector: ProjectorThread,
  holds: (status: ProjectorStatus) => boolean,
): Promise<ProjectorStatus> {
  for (const until = performance.now() + WAIT_MS_MAX; performance.now() < until; await sleep(20)) {
    if (holds(projector.status())) return projector.status();
  }
  throw new Error(`still ${JSON.stringify(projector.status())}`);
}

describe("the projector's thread", () => {
  it("projects beside those who write and read, says how far it is, and stops when it is told to", async () => {
    await using pipe = await startPipe();
    const { log, lines } = collectingLog();
    const projector = startProjectorThread(pipe.settings, log);
    for (let i = 0; i < 5; i++) {
      await pipe.append(traceBytes(`event ${i}`), traceBytes(`event ${i}`));
      await pipe.anchor();
    }
    const { events, duplicates, lag, restarts } = await statusWhere(projector, (status) => status.events === 5);
    assert.deepEqual([events, duplicates, lag, restarts], [5, 5, 0, 0]);
    assert.equal((await pipe.projection.counts()).events, 5);
    await projector[Symbol.asyncDispose]();
    assert.equal(projector.status().state, "stopped");
    await using _free = await lockProjection(pipe.settings.projectionUrl);
    assert.deepEqual(lines, []);
  });

  it("logs every incident, without a word of what the record holds", async () => {
    await using pipe = await startPipe();
    const { log, lines } = collectingLog();
    await pipe.append(utf8("Erika Mustermann"), traceBytes("one"));
    await pipe.anchor();
    await using projector = startProjectorThread(pipe.settings, log);
    await statusWhere(projector, ({ incidents }) => incidents === 1);
    const { tally } = await statusWhere(projector, () => lines.length > 0);
    assert.equal(tally.incidents["unreadable-event"], 1);
    assert.match(lines.join(), /unreadable-event/);
    assert.doesNotMatch(lines.join(), /Erika/);
  });

  it("waits while another projects, without an error, and takes over once that one is gone", async () => {
    await using pipe = await startPipe();
    const { log, lines } = collectingLog();
    await pipe.append(traceBytes("one"));
    await pipe.anchor();
    const lock = await lockProjection(pipe.settings.projectionUrl);
    await using projector = startProjectorThread(pipe.settings, log);
    await statusWhere(projector, ({ state }) => state === "waiting");
    await lock[Symbol.asyncDispose]();
    const running = await statusWhere(projector, ({ state, events }) => state === "running" && events === 1);
    assert.deepEqual([running.restarts, running.tally.events, running.tally.batches], [0, 1, 1]);
    assert.doesNotMatch(lines.join(), /error/);
  });

  it("stops at once while it waits to start again", async () => {
    await using pipe = await startPipe();
    const projectionUrl = "embedded:";
    const projector = startProjectorThread({ ...pipe.settings, projectionUrl }, collectingLog().log);
    await statusWhere(projector, ({ restarts }) => restarts >= 2);
    await projector[Symbol.asyncDispose]();
    assert.equal(projector.status().state, "stopped");
  });

  it("refuses loudly to go on over another ledger", async () => {
    await using pipe = await startPipe();
    const { log, lines } = collectingLog();
    await pipe.append(traceBytes("one"));
    await pipe.anchor();
    {
      await using projector = startProjectorThread(pipe.settings, log);
      await statusWhere(projector, ({ events }) => events === 1);
    }
    await using other = await startPipe();
    const settings = { ...pipe.settings, ledgerUrl: other.settings.ledgerUrl };
    await using projector = startProjectorThread(settings, log);
    const { why } = await statusWhere(projector, ({ state }) => state === "failing");
    assert.match(why ?? "", /does not hold block 0/);
    assert.match(lines.join(), /INTEGRITY/);
  });
});
