import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { openLedger } from "@medtrace/engines/ledger/open";
import { openProjection } from "@medtrace/engines/projection/open";
import { hasCode } from "@medtrace/shared/errors";
import type { Batch } from "@medtrace/shared/model/batch";
import { utf8 } from "@medtrace/shared/model/bytes";
import { contentOf, nextBatch, type Pipe, startPipe, traceBytes } from "../testing/pipe.ts";
import { type ProjectorParts, runProjector } from "./projector.ts";

const never = new AbortController().signal;
const ALL = { facets: [], order: "oldest-first", limit: 100 } as const;

async function projectAll(pipe: Pipe, more: Partial<ProjectorParts> = {}): Promise<void> {
  await runProjector({ ...pipe, blockLast: (await pipe.ledger.height()) - 1, ...more }, never);
}

async function anchorSpoiled(pipe: Pipe, partition: number, change: Partial<Batch>): Promise<void> {
  const batch = await nextBatch(pipe.eventLog, pipe.ledger, partition, 1_000);
  assert.ok(batch);
  await pipe.ledger.anchorBatch({ ...batch, ...change });
}

describe("the projector", () => {
  it("applies every event of every anchored batch, whatever the batches' sizes", async () => {
    await using pipe = await startPipe();
    await pipe.append(...Array.from({ length: 25 }, (_, i) => traceBytes(`event ${i}`)));
    await pipe.anchor(7);
    await projectAll(pipe);
    const counts = await pipe.projection.counts();
    assert.deepEqual({ ...counts }, { events: 25, batches: 4, leaves: 25, duplicates: 0, incidents: 0 });
    const { events } = await pipe.projection.find(ALL);
    assert.deepEqual(
      events.map(({ bytes }) => Buffer.from(bytes).toString()),
      Array.from({ length: 25 }, (_, i) => Buffer.from(traceBytes(`event ${i}`)).toString()),
    );
  });

  it("follows what is anchored while it runs, until it is told to stop", async () => {
    await using pipe = await startPipe();
    const stop = new AbortController();
    let applied = Promise.withResolvers<void>();
    const running = runProjector({ ...pipe, onApplied: () => applied.resolve() }, stop.signal);
    for (const name of ["one", "two", "three"]) {
      await pipe.append(traceBytes(name));
      await pipe.anchor();
      await applied.promise;
      applied = Promise.withResolvers();
    }
    stop.abort();
    await running;
    assert.equal((await pipe.projection.counts()).events, 3);
  });

  it("goes on from its own checkpoint, to the content of one that never stopped", async () => {
    await using pipe = await startPipe();
    for (let i = 0; i < 6; i++) {
      await pipe.append(traceBytes(`event ${i}`), traceBytes(`event ${Math.floor(i / 2)}`));
      await pipe.anchor();
      if (i % 2 === 0) await projectAll(pipe);
    }
    await projectAll(pipe);
    const content = await contentOf(pipe.projection);
    await pipe.projection.reset();
    await projectAll(pipe);
    assert.deepEqual(await contentOf(pipe.projection), content);
    assert.equal((await pipe.projection.counts()).duplicates, 6);
  });

  it("keeps a batch whose root is not the log's as an incident, and goes on", async () => {
    await using pipe = await startPipe();
    const partition = await pipe.append(traceBytes("one"));
    await anchorSpoiled(pipe, partition, { root: "0".repeat(64) });
    await pipe.append(traceBytes("two"));
    await pipe.anchor();
    await projectAll(pipe);
    const [incident, ...others] = await pipe.projection.incidents(10);
    assert.deepEqual(others, []);
    assert.equal(incident?.kind, "root-mismatch");
    assert.equal(
      (await pipe.projection.batch(incident?.batch ?? { owner: "", stream: "", sequence: 0 }))?.verified,
      false,
    );
    const { events } = await pipe.projection.find(ALL);
    assert.deepEqual(
      events.map(({ bytes }) => Buffer.from(bytes)),
      [Buffer.from(traceBytes("two"))],
    );
  });

  it("keeps a batch that counts more or fewer records than the log has as an incident", async () => {
    for (const change of [{ end: 9, count: 9 }, { end: 9 }, { count: 1 }]) {
      await using pipe = await startPipe();
      const partition = await pipe.append(traceBytes("one"), traceBytes("two"), traceBytes("three"));
      await anchorSpoiled(pipe, partition, { end: 3, ...change });
      await projectAll(pipe);
      const counts = await pipe.projection.counts();
      // Offsets may have holes: a range may be longer than its count.
      assert.deepEqual([counts.events, counts.incidents], change.count === undefined ? [3, 0] : [0, 1]);
    }
  });

  it("keeps a batch whose range the log refuses as an incident, and goes on", async () => {
    await using pipe = await startPipe();
    await pipe.append(traceBytes("one"), traceBytes("two"));
    await pipe.anchor();
    {
      using db = new DatabaseSync(join(pipe.settings.data, "event-log", "log.sqlite"));
      db.prepare("UPDATE record SET value = ? WHERE place = (SELECT max(place) FROM record)").run(traceBytes("other"));
    }
    await projectAll(pipe);
    const [incident] = await pipe.projection.incidents(10);
    assert.equal(incident?.kind, "range-unreadable");
    assert.equal((await pipe.projection.counts()).events, 0);
    assert.equal((await pipe.projection.checkpoint())?.block, (await pipe.ledger.height()) - 1);
  });

  it("tells of every record that is no trace event, and applies the others", async () => {
    await using pipe = await startPipe();
    const odd = Array.from({ length: 120 }, (_, i) => utf8(`not an event ${i}`));
    await pipe.append(traceBytes("one"), ...odd, traceBytes("two"));
    await pipe.anchor();
    await projectAll(pipe);
    const { events, incidents, leaves } = await pipe.projection.counts();
    assert.deepEqual([events, incidents, leaves], [2, 101, 122]);
    const [last, first] = [(await pipe.projection.incidents(1))[0], (await pipe.projection.incidents(101)).at(-1)];
    assert.match(last?.detail ?? "", /^20 more records/);
    assert.match(first?.detail ?? "", /offset 1 /);
    assert.ok(!JSON.stringify(await pipe.projection.incidents(200)).includes("not an event"));
    assert.equal((await pipe.projection.find(ALL)).events[1]?.index, 121);
  });

  it("records a conflict where an id comes again with another digest", async () => {
    await using pipe = await startPipe();
    const source = { format: "fhir-r4", type: "AuditEvent", system: "ehr", index: 0, flags: [] } as const;
    await pipe.append(traceBytes("one"), traceBytes("one", { source: { ...source, digest: "hmac-sha256:ff" } }));
    await pipe.anchor();
    await projectAll(pipe);
    assert.deepEqual(
      (await pipe.projection.incidents(10)).map(({ kind }) => kind),
      ["conflict"],
    );
  });

  it("passes over streams of other owners and of other logs", async () => {
    await using pipe = await startPipe();
    await using other = await openLedger(pipe.settings.ledgerUrl, { owner: "OtherMSP" });
    const partition = await pipe.append(traceBytes("one"));
    const batch = await nextBatch(pipe.eventLog, pipe.ledger, partition, 10);
    assert.ok(batch);
    await other.anchorBatch(batch);
    await pipe.ledger.anchorBatch({ ...batch, stream: "elsewhere-0" });
    await pipe.ledger.anchorBatch({ ...batch, stream: `${pipe.eventLog.name}-x` });
    await projectAll(pipe);
    assert.equal((await pipe.projection.counts()).batches, 0);
    assert.equal((await pipe.projection.checkpoint())?.block, (await pipe.ledger.height()) - 1);
    await pipe.projection.reset();
    await projectAll(pipe, { owner: "OtherMSP" });
    assert.equal((await pipe.projection.counts()).events, 1);
  });

  it("keeps a batch of a partition that the log does not have as an incident", async () => {
    await using pipe = await startPipe();
    const partition = await pipe.append(traceBytes("one"));
    await anchorSpoiled(pipe, partition, { stream: `${pipe.eventLog.name}-${pipe.eventLog.partitions}` });
    await projectAll(pipe);
    assert.equal((await pipe.projection.incidents(1))[0]?.kind, "range-unreadable");
  });

  it("refuses a ledger that is not the one its projection was made from, or that is shorter", async () => {
    await using pipe = await startPipe();
    await using another = await startPipe();
    await pipe.append(traceBytes("one"));
    await pipe.anchor();
    await projectAll(pipe);
    const { ledger } = another;
    const integrity = (error: unknown): boolean => hasCode(error, "INTEGRITY") && /rebuild/.test(error.hint ?? "");
    await assert.rejects(runProjector({ ...pipe, ledger }, never), integrity);
    await another.append(traceBytes("two"), traceBytes("three"));
    await another.anchor(1);
    await assert.rejects(runProjector({ ...pipe, ledger }, never), integrity);
    assert.equal((await pipe.projection.counts()).events, 1);
  });

  it("records nothing where the log cannot be asked, and says so", async () => {
    await using pipe = await startPipe();
    await pipe.append(traceBytes("one"));
    await pipe.anchor();
    const before = await contentOf(pipe.projection);
    await pipe.eventLog[Symbol.asyncDispose]();
    await assert.rejects(projectAll(pipe));
    assert.deepEqual(await contentOf(pipe.projection), before);
  });

  it("gives two projections of one ledger the same content, the second over a copy of the files", async () => {
    await using pipe = await startPipe();
    const copy = await mkdtemp(join(tmpdir(), "medtrace-copy-"));
    try {
      await pipe.append(...Array.from({ length: 30 }, (_, i) => traceBytes(`event ${i}`, { joins: [["a", `${i}`]] })));
      await pipe.anchor(4);
      await projectAll(pipe);
      const content = await contentOf(pipe.projection);
      await pipe.projection[Symbol.asyncDispose]();
      await cp(join(pipe.settings.data, "projection"), copy, { recursive: true });
      await using projection = await openProjection(`embedded:${copy}`);
      assert.deepEqual(await contentOf(projection), content);
      await projection.reset();
      await projectAll(pipe, { projection });
      assert.deepEqual(await contentOf(projection), content);
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  });
});
