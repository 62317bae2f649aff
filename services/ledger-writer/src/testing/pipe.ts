/** A log of one or more partitions and a ledger over a temporary folder, and what the ledger must then hold. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openEmbeddedEventLog } from "@medtrace/engines/event-log/embedded/event-log";
import { openLedger } from "@medtrace/engines/ledger/open";
import { rangeLeaves } from "@medtrace/shared/log-range";
import { type Batch, batchFaults, batchHash, NO_BATCH, partitionOf } from "@medtrace/shared/model/batch";
import { hex, utf8 } from "@medtrace/shared/model/bytes";
import { merkleRoot } from "@medtrace/shared/model/merkle";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger } from "@medtrace/shared/ports/ledger";

export const STREAM = "events-0";
const WAIT_MS_MAX = 20_000;

export interface Pipe extends AsyncDisposable {
  readonly log: EventLog;
  readonly ledger: Ledger;
  /** Another connection to the same ledger. */
  openLedger(): Promise<Ledger>;
  /** Another log over another folder, of the same name. */
  openOtherLog(): Promise<EventLog>;
}

/** The embedded engines over a folder that is gone afterwards. */
export async function openPipe(partitions = 1): Promise<Pipe> {
  const folder = await mkdtemp(join(tmpdir(), "medtrace-ledger-writer-"));
  const opened: AsyncDisposable[] = [];
  const open = async <T extends AsyncDisposable>(opening: Promise<T>): Promise<T> => {
    const engine = await opening;
    opened.unshift(engine);
    return engine;
  };
  let logs = 0;
  const openLog = (): Promise<EventLog> =>
    open(openEmbeddedEventLog({ folder: join(folder, `log-${logs++}`), partitions }));
  const openAnother = (): Promise<Ledger> => open(openLedger(`embedded:${join(folder, "ledger")}`, { owner: "A" }));
  return {
    log: await openLog(),
    ledger: await openAnother(),
    openLedger: openAnother,
    openOtherLog: openLog,
    async [Symbol.asyncDispose]() {
      for (const engine of opened) await engine[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Appends records of this text, numbered from `from`; keys spread over the partitions. */
export async function append(log: EventLog, count: number, text = "event", from = 0): Promise<void> {
  await log.append(
    Array.from({ length: count }, (_, i) => ({ key: `${from + i}`, value: utf8(`${text} ${from + i}`) })),
  );
}

/** Every batch of a stream in the order of the ledger's blocks: a batch that stands there twice is there twice. */
export async function anchoredBatches(ledger: Ledger, stream: string): Promise<Batch[]> {
  const height = await ledger.height();
  const batches: Batch[] = [];
  const over = new AbortController();
  if (height === 0) return batches;
  for await (const { number, transactions } of ledger.blocks(0, over.signal)) {
    for (const { anchored } of transactions) {
      if (anchored?.owner === ledger.owner && anchored.batch.stream === stream) batches.push(anchored.batch);
    }
    if (number === height - 1) break;
  }
  over.abort();
  return batches;
}

/**
 * Asserts that the ledger's streams cover the log, each record once: no gap, no overlap, nothing twice, and every root
 * that of the log's own records. Resolves with the batches of partition 0.
 */
export async function assertCovers(ledger: Ledger, log: EventLog): Promise<Batch[]> {
  for (const { partition, first, end } of await log.ranges()) {
    const stream = `${log.name}-${partition}`;
    let before: Batch | undefined;
    for (const batch of await anchoredBatches(ledger, stream)) {
      assert.deepEqual(batchFaults(batch), []);
      assert.equal(batch.sequence, before === undefined ? 0 : before.sequence + 1, `${stream}: sequence`);
      assert.equal(batch.first, before?.end ?? first, `${stream}: first of batch ${batch.sequence}`);
      assert.equal(batch.previous, before === undefined ? NO_BATCH : batchHash(before));
      const leaves = await rangeLeaves(log, partition, batch.first, batch.end);
      assert.deepEqual([batch.count, batch.root], [leaves.length, hex(merkleRoot(leaves))]);
      before = batch;
    }
    const rest = await rangeLeaves(log, partition, before?.end ?? first, end);
    assert.equal(rest.length, 0, `${stream}: records beyond ${before?.end ?? first} are not anchored`);
  }
  return anchoredBatches(ledger, `${log.name}-0`);
}

/** Waits until the ledger has every record of the log. */
export async function untilAnchored(ledger: Ledger, log: EventLog): Promise<void> {
  await until("everything is anchored", async () => {
    const heads = new Map((await ledger.listStreams()).map(({ stream, batch }) => [stream, batch]));
    for (const { partition, first, end } of await log.ranges()) {
      const head = heads.get(`${log.name}-${partition}`);
      assert.ok(head === undefined || partitionOf(log.name, head.stream) === partition);
      if ((await rangeLeaves(log, partition, head?.end ?? first, end)).length > 0) return false;
    }
    return true;
  });
}

/** Waits until this holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const late = performance.now() + WAIT_MS_MAX; !(await holds()); await sleep(5)) {
    if (performance.now() > late) throw new Error(`in vain: ${what}`);
  }
}
