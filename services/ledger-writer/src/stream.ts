/** One stream: from the ledger's head on, records into batches, one anchor in flight while the next batch grows. */
import { hasCode, type MedtraceError } from "@medtrace/shared/errors";
import { type Batch, streamName } from "@medtrace/shared/model/batch";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Anchor, Ledger } from "@medtrace/shared/ports/ledger";
import { anchorUntilKnown } from "./anchor.ts";
import { type BatchLimits, Gathering } from "./gather.ts";
import { resumeHead } from "./resume.ts";

const IDLE_MS_MAX = 1_000;
const READ_COUNT_MAX = 512;
const READ_BYTES_MAX = 2 * 1_048_576;

export interface StreamObserver {
  anchored(stream: string, batch: Batch, anchor: Anchor, seconds: number): void;
  retried(stream: string, error: MedtraceError, attempt: number, wait_ms: number): void;
  conflicted(stream: string, error: MedtraceError): void;
}

export interface StreamWork {
  readonly log: EventLog;
  readonly ledger: Ledger;
  readonly partition: number;
  readonly limits: BatchLimits;
  readonly observer: StreamObserver;
}

/**
 * Anchors a partition's records until the signal aborts; what was gathered by then is anchored first. A conflict with
 * another writer starts again at the ledger's head.
 *
 * @throws MedtraceError INTEGRITY (the log is not the one that the head was made from) or LEDGER_REFUSED: the stream
 * must stop and say so.
 */
export async function runStream(work: StreamWork, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await followFromHead(work, signal);
    } catch (error) {
      if (!hasCode(error, "LEDGER_CONFLICT")) throw error;
      work.observer.conflicted(streamName(work.log.name, work.partition), error);
    }
  }
}

async function followFromHead(work: StreamWork, signal: AbortSignal): Promise<void> {
  const stream = streamName(work.log.name, work.partition);
  let before = await resumeHead(work.log, work.ledger, stream, work.partition);
  const start = before?.end ?? (await work.log.ranges())[work.partition]?.first ?? 0;
  let inFlight: InFlight | undefined;
  let gathering = new Gathering(start, work.limits);
  try {
    while (!signal.aborted) {
      const grew = gathering.full ? false : await gatherMore(work, gathering);
      if (inFlight?.failed) await inFlight.done;
      const due_ms = gathering.dueIn_ms(Date.now());
      if (due_ms <= 0 && (inFlight === undefined || inFlight.settled || gathering.full)) {
        await inFlight?.done;
        const batch = gathering.cut(stream, before);
        inFlight = launch(work, batch, signal);
        before = batch;
        gathering = new Gathering(batch.end, work.limits);
      } else if (!grew) {
        const wait_ms = Math.min(due_ms <= 0 ? work.limits.age_ms_max : due_ms, IDLE_MS_MAX);
        await Promise.race([
          work.log.waitPast(work.partition, gathering.end, wait_ms, signal),
          ...(inFlight === undefined || inFlight.settled ? [] : [inFlight.over]),
        ]);
      }
    }
  } finally {
    await inFlight?.over;
  }
  await inFlight?.done;
  if (gathering.count > 0) await launch(work, gathering.cut(stream, before), AbortSignal.timeout(10_000)).done;
}

async function gatherMore(work: StreamWork, gathering: Gathering): Promise<boolean> {
  const { countMax, bytesMax } = gathering.room;
  const entries = await work.log.read(work.partition, gathering.end, {
    countMax: Math.min(countMax, READ_COUNT_MAX),
    bytesMax: Math.min(bytesMax, READ_BYTES_MAX),
  });
  gathering.add(entries, Date.now());
  return entries.length > 0;
}

interface InFlight {
  /** Rejects as anchoring did. */
  readonly done: Promise<void>;
  /** Resolves when anchoring is over, however it went. */
  readonly over: Promise<void>;
  settled: boolean;
  failed: boolean;
}

function launch(work: StreamWork, batch: Batch, signal: AbortSignal): InFlight {
  const started = performance.now();
  const done = anchorUntilKnown(work.ledger, batch, signal, {
    onRetry: (error, attempt, wait_ms) => work.observer.retried(batch.stream, error, attempt, wait_ms),
  }).then((anchor) => work.observer.anchored(batch.stream, batch, anchor, (performance.now() - started) / 1000));
  const inFlight: InFlight = {
    done,
    over: done.then(
      () => {
        inFlight.settled = true;
      },
      () => {
        inFlight.settled = true;
        inFlight.failed = true;
      },
    ),
    settled: false,
    failed: false,
  };
  return inFlight;
}
