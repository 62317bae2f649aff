import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { contentOf, type Pipe, startPipe, traceBytes } from "../testing/pipe.ts";
import { runProjector } from "./projector.ts";
import { type ReplayProgress, rebuildProjection } from "./replay.ts";
import { FINDINGS_MAX, type ProjectionFinding, verifyProjection } from "./verify-projection.ts";

const { signal } = new AbortController();

async function startFed(events = 40): Promise<Pipe> {
  const pipe = await startPipe();
  await pipe.append(
    ...Array.from({ length: events }, (_, i) =>
      traceBytes(`event ${i}`, { recipients: i % 3 === 0 ? ["laboratory"] : [], joins: [["token-1", `token-${i}`]] }),
    ),
  );
  await pipe.anchor(15);
  await runProjector({ ...pipe, blockLast: (await pipe.ledger.height()) - 1 }, signal);
  return pipe;
}

async function findingsOf(pipe: Pipe): Promise<ProjectionFinding[]> {
  const findings: ProjectionFinding[] = [];
  for await (const finding of verifyProjection(pipe, { signal })) findings.push(finding);
  return findings;
}

function edit(pipe: Pipe, sql: string): void {
  using db = new DatabaseSync(join(pipe.settings.data, "projection", "projection.sqlite"));
  db.exec(sql);
}

const kinds = (findings: readonly ProjectionFinding[]): string[] =>
  findings.map((finding) => ("table" in finding ? `${finding.table} ${finding.kind}` : finding.kind));

describe("checking the projection against ledger and log", () => {
  it("finds nothing in a sound one, be it empty, behind, or just made", async () => {
    await using pipe = await startPipe();
    assert.deepEqual(await findingsOf(pipe), []);
    await pipe.append(traceBytes("one"));
    await pipe.anchor();
    assert.deepEqual(await findingsOf(pipe), []);
    await using fed = await startFed();
    assert.deepEqual(await findingsOf(fed), []);
    await fed.append(traceBytes("one more"));
    await fed.anchor();
    assert.deepEqual(await findingsOf(fed), []);
  });

  it("finds a row that was edited, taken away or put in", async () => {
    await using pipe = await startFed();
    edit(pipe, "UPDATE event SET bytes = zeroblob(900) WHERE seq = 7");
    assert.deepEqual(kinds(await findingsOf(pipe)), ["event different"]);
    edit(pipe, "DELETE FROM joined WHERE token = 'token-9'");
    assert.deepEqual(kinds(await findingsOf(pipe)), ["event different", "join missing"]);
    edit(pipe, "INSERT INTO joined VALUES ('token-9', 'someone else', 3)");
    assert.deepEqual(kinds(await findingsOf(pipe)), ["event different", "join extra", "join missing"]);
  });

  it("finds that a record of the log was changed after it was projected", async () => {
    await using pipe = await startFed();
    {
      using db = new DatabaseSync(join(pipe.settings.data, "event-log", "log.sqlite"));
      db.exec("UPDATE record SET value = zeroblob(900) WHERE place = (SELECT max(place) FROM record)");
    }
    const found = new Set(kinds(await findingsOf(pipe)));
    for (const kind of ["batch different", "event extra", "incident missing"]) assert.ok(found.has(kind), kind);
  });

  it("says so where a row cannot be read at all", async () => {
    await using pipe = await startFed();
    edit(pipe, "UPDATE batch SET body = '{}' WHERE id = 1");
    const [finding] = await findingsOf(pipe);
    assert.equal(finding?.kind, "unreadable");
  });

  it("bounds what it tells", async () => {
    await using pipe = await startFed(300);
    edit(pipe, "DELETE FROM entry");
    const findings = await findingsOf(pipe);
    assert.equal(findings.length, FINDINGS_MAX + 1);
    assert.equal(findings.at(-1)?.kind, "more");
  });

  it("stops when it is told to", async () => {
    await using pipe = await startFed();
    const checking = verifyProjection(pipe, { signal: AbortSignal.abort(new Error("enough")) });
    await assert.rejects(checking.next(), /enough/);
  });
});

describe("rebuilding the projection", () => {
  it("gives the same content as before, telling how far it is", async () => {
    await using pipe = await startFed();
    const content = await contentOf(pipe.projection);
    edit(pipe, "DELETE FROM entry; UPDATE event SET bytes = zeroblob(900) WHERE seq = 7");
    const told: ReplayProgress[] = [];
    const counts = await rebuildProjection(pipe, { signal, onProgress: (progress) => told.push(progress) });
    assert.deepEqual(await contentOf(pipe.projection), content);
    assert.equal(counts.events, 40);
    const height = await pipe.ledger.height();
    assert.deepEqual(told.at(-1), { blocks: height, blocksTotal: height, events: 40 });
    assert.deepEqual(await findingsOf(pipe), []);
  });

  it("goes on where it was interrupted", async () => {
    await using pipe = await startFed();
    const content = await contentOf(pipe.projection);
    const stop = new AbortController();
    const onProgress = (): void => stop.abort(new Error("interrupted"));
    await assert.rejects(rebuildProjection(pipe, { signal: stop.signal, onProgress }), /interrupted/);
    await runProjector({ ...pipe, blockLast: (await pipe.ledger.height()) - 1 }, signal);
    assert.deepEqual(await contentOf(pipe.projection), content);
  });
});
