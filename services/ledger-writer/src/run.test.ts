import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLogger, type Logger } from "@medtrace/service-kit/log";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import { type LedgerWriterSettings, ledgerWriterSettings } from "./config.ts";
import { type RunningLedgerWriter, startLedgerWriter } from "./run.ts";
import { type Fate, FateLedger, fault, replacing } from "./testing/faults.ts";
import { append, assertCovers, openPipe, until, untilAnchored } from "./testing/pipe.ts";

const QUICK = ledgerWriterSettings({ LEDGER_WRITER_PORT: "0", BATCH_AGE_MS_MAX: "10", BATCH_COUNT_MAX: "16" });

function start(
  eventLog: EventLog,
  ledger: Ledger,
  lines: string[] = [],
  settings: LedgerWriterSettings = QUICK,
): Promise<RunningLedgerWriter> {
  const log: Logger = createLogger({ name: "ledger-writer", to: { write: (line) => void lines.push(line) } });
  return startLedgerWriter({ eventLog, ledger, settings, log });
}

async function readyz({ url }: RunningLedgerWriter): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${url}/readyz`);
  return { status: answer.status, text: await answer.text() };
}

/** The value of a metric's sample; undefined where it is not told. */
async function sample({ url }: RunningLedgerWriter, name: string): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

const STOPPED = 'medtrace_ledger_writer_stream_stopped{stream="events-0"}';
const UNANCHORED = 'medtrace_ledger_writer_unanchored_records{stream="events-0"}';
const AGE = 'medtrace_ledger_writer_oldest_unanchored_age_seconds{stream="events-0"}';
const ANCHORED = 'medtrace_ledger_writer_events_anchored_total{stream="events-0"}';

describe("the running ledger-writer", () => {
  it("is ready once it works, and tells that nothing is left to anchor", async () => {
    await using pipe = await openPipe();
    await using writer = await start(pipe.log, pipe.ledger);
    await append(pipe.log, 40);
    await untilAnchored(pipe.ledger, pipe.log);
    await until("it is told", async () => (await sample(writer, ANCHORED)) === 40);
    assert.deepEqual(await Promise.all([STOPPED, UNANCHORED, AGE].map((name) => sample(writer, name))), [0, 0, 0]);
    await until("ready", async () => (await readyz(writer)).status === 200);
    assert.equal(await sample(writer, 'medtrace_ledger_writer_batch_events_count_bucket{le="16"}'), 3);
  });

  it("tells how much waits and how long, while the ledger is away", async () => {
    await using pipe = await openPipe();
    const { ledger } = new FateLedger(pipe.ledger, Array<Fate>(4).fill("LEDGER_UNAVAILABLE"));
    await using writer = await start(pipe.log, ledger);
    await append(pipe.log, 40);
    await until("it is tried again", async () => {
      const retries = 'medtrace_ledger_writer_anchor_retries_total{code="LEDGER_UNAVAILABLE"}';
      return ((await sample(writer, retries)) ?? 0) >= 2;
    });
    assert.equal(await sample(writer, UNANCHORED), 40);
    assert.ok(((await sample(writer, AGE)) ?? 0) > 0);
    await untilAnchored(pipe.ledger, pipe.log);
    await until("nothing waits", async () => (await sample(writer, AGE)) === 0);
    await assertCovers(pipe.ledger, pipe.log);
  });

  it("is not ready where a stream stopped, and says which and why, in the log too", async () => {
    await using pipe = await openPipe();
    const log = replacing(pipe.log, { read: () => Promise.reject(fault("INTEGRITY")) });
    const lines: string[] = [];
    await using writer = await start(log, pipe.ledger, lines);
    await until("it stopped", async () => (await sample(writer, STOPPED)) === 1);
    const { status, text } = await readyz(writer);
    assert.equal(status, 503);
    assert.match(text, /stream events-0 stopped: as the test wants it/);
    assert.match(lines.join(), /stream stopped/);
  });

  it("is not ready without partitions, without the log or without the ledger", async () => {
    await using pipe = await openPipe();
    const gone = (): Promise<never> => Promise.reject(fault("STORAGE_FAILED"));
    const log = replacing(pipe.log, { ping: gone, ranges: gone, assignments: () => nothing() });
    const ledger = replacing(pipe.ledger, { ping: gone });
    await using writer = await start(log, ledger);
    const { status, text } = await readyz(writer);
    assert.equal(status, 503);
    assert.match(text, /no partitions assigned yet/);
    assert.match(text, /the event log cannot be reached/);
    assert.match(text, /the ledger cannot be reached/);
    assert.equal(await sample(writer, UNANCHORED), undefined);
  });

  it("anchors what it gathered before it ends", async () => {
    await using pipe = await openPipe();
    const patient = ledgerWriterSettings({ LEDGER_WRITER_PORT: "0", BATCH_AGE_MS_MAX: "600000" });
    const writer = await start(pipe.log, pipe.ledger, [], patient);
    await append(pipe.log, 5);
    await until("it is gathered", async () => ((await sample(writer, AGE)) ?? 0) > 0);
    assert.equal(await pipe.ledger.height(), 0);
    await writer[Symbol.asyncDispose]();
    assert.equal((await assertCovers(pipe.ledger, pipe.log)).length, 1);
  });
});

/** Assigns nothing, until it is told to end. */
async function* nothing(): AsyncGenerator<readonly number[]> {
  yield* [];
}
