/** One stream: from the ledger's head on, records into batches, one anchor in flight while the next batch grows. */
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "@medtrace/shared/errors";
import { type Batch, streamName } from "@medtrace/shared/model/batch";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Anchor, Ledger } from "@medtrace/shared/ports/ledger";
import { anchorUntilKnown } from "./anchor.ts";
import { backoff_ms } from "./backoff.ts";
import { type BatchLimits, Gathering } from "./gather.ts";
import type { StreamProgress } from "./progress.ts";
import { resumeHead } from "./resume.ts";

const IDLE_MS_MAX = 1_000;
const READ_COUNT_MAX = 512;
const READ_BYTES_MAX = 2 * 1_048_576;
/** How long anchoring goes on for what was gathered when the stream was told to end. */
const DRAIN_MS_MAX = 10_000;

export interface StreamObserver {
  anchored(stream: string, batch: Batch, anchor: Anchor, seconds: number): void;
  retried(stream: string, error: unknown, attempt: number, wait_ms: number): void;
  conflicted(stream: string, error: unknown): void;
  /** Does the anchoring of a batch; for traces: W3C traceparents of its records. */
  around?(batch: Batch, traces: ReadonlySet<string>, anchor: () => Promise<Anchor>): Promise<Anchor>;
}

export interface StreamWork {
  readonly log: EventLog;
  readonly ledger: Ledger;
  readonly partition: number;
  readonly limits: BatchLimits;
  readonly observer: StreamObserver;
  readonly progress: StreamProgress;
}

/**
 * Anchors a partition's records until the signal aborts; what was gathered by then is anchored first, as far as the
 * ledger takes it in ten seconds. After a conflict with another writer, or a failure that may pass, it starts again
 * at the ledger's head.
 *
 * @throws MedtraceError INTEGRITY (the log is not the one that the head was made from), LEDGER_REFUSED or
 * CONFIGURATION: the stream must stop and say so.
 */
export async function runStream(work: StreamWork, signal: AbortSignal): Promise<void> {
  const stream = streamName(work.log.name, work.partition);
  for (let failures = 0; !signal.aborted; ) {
    const before = work.progress.anchoredEnd;
    try {
      await followFromHead(work, signal);
    } catch (error) {
      // What could not be anchored any more stays in the log, and is anchored from the ledger's head on.
      if (signal.aborted) return;
      if (hasCode(error, "INTEGRITY", "LEDGER_REFUSED", "CONFIGURATION")) throw error;
      failures = work.progress.anchoredEnd === before ? failures + 1 : 1;
      const wait_ms = backoff_ms(failures);
      if (hasCode(error, "LEDGER_CONFLICT")) work.observer.conflicted(stream, error);
      else work.observer.retried(stream, error, failures, wait_ms);
      await sleep(wait_ms, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function followFromHead(work: StreamWork, signal: AbortSignal): Promise<void> {
  const stream = streamName(work.log.name, work.partition);
  const head = await resumeHead(work.log, work.ledger, stream, work.partition);
  const start = head?.end ?? (await work.log.ranges())[work.partition]?.first ?? 0;
  work.progress.anchored(start);
  using patience = startPatience(signal);
  const line = new AnchorLine(work, stream, head, patience.signal);
  try {
    await readAndAnchor(work, new Gathering(start, work.limits), line, signal);
  } catch (error) {
    // Nothing may be in flight when the stream starts again; a batch that is still tried is given up.
    patience.end();
    await line.over();
    throw error;
  }
}

/** Reads on until the signal aborts, then anchors the rest. */
async function readAndAnchor(work: StreamWork, from: Gathering, line: AnchorLine, signal: AbortSignal): Promise<void> {
  let gathering = from;
  /** Waits that ended early although there was nothing to read: the log ends in offsets without a record. */
  let vain = 0;
  while (!signal.aborted) {
    const grew = gathering.full ? false : await gatherMore(work, gathering);
    if (grew) vain = 0;
    line.throwIfFailed();
    const due_ms = gathering.dueIn_ms(performance.now());
    if (due_ms <= 0 && (line.free || gathering.full)) {
      await line.untilFree();
      if (signal.aborted) break;
      gathering = line.launch(gathering);
    } else if (!grew) {
      const wait_ms = Math.min(due_ms <= 0 ? work.limits.age_ms_max : due_ms, IDLE_MS_MAX);
      const early = await waitForMore(work, gathering.end, wait_ms, line, signal);
      vain = early ? vain + 1 : 0;
      if (vain > 1) await sleep(Math.min(2 ** vain, wait_ms), undefined, { signal }).catch(() => undefined);
    }
  }
  await line.untilFree();
  if (gathering.count > 0) line.launch(gathering);
  await line.untilFree();
}

async function gatherMore(work: StreamWork, gathering: Gathering): Promise<boolean> {
  const { countMax, bytesMax } = gathering.room;
  const entries = await work.log.read(work.partition, gathering.end, {
    countMax: Math.min(countMax, READ_COUNT_MAX),
    bytesMax: Math.min(bytesMax, READ_BYTES_MAX),
  });
  if (entries.length === 0) return false;
  const now_ms = performance.now();
  gathering.add(entries, now_ms);
  work.progress.read(gathering.first, now_ms);
  return true;
}

/** Waits for records, the end of the anchor in flight, or time; true where the log said that there are records. */
async function waitForMore(
  work: StreamWork,
  offset: number,
  wait_ms: number,
  line: AnchorLine,
  signal: AbortSignal,
): Promise<boolean> {
  const until_ms = performance.now() + wait_ms;
  const woken = new AbortController();
  const grown = work.log
    .waitPast(work.partition, offset, wait_ms, AbortSignal.any([signal, woken.signal]))
    .then(() => !woken.signal.aborted && performance.now() < until_ms - 1);
  try {
    return await Promise.race([grown, ...(line.free ? [] : [line.over().then(() => false)])]);
  } finally {
    woken.abort();
    grown.catch(() => undefined);
  }
}

/** One batch after the other onto the ledger, never two at a time. */
class AnchorLine {
  readonly #work: StreamWork;
  readonly #stream: string;
  readonly #signal: AbortSignal;
  #before: Batch | undefined;
  #failure: { readonly error: unknown } | undefined;
  #inFlight: Promise<void> | undefined;

  constructor(work: StreamWork, stream: string, head: Batch | undefined, signal: AbortSignal) {
    this.#work = work;
    this.#stream = stream;
    this.#signal = signal;
    this.#before = head;
  }

  get free(): boolean {
    return this.#inFlight === undefined;
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Resolves when nothing is in flight, however it went. */
  async over(): Promise<void> {
    await this.#inFlight;
  }

  /** Resolves when nothing is in flight; rejects as anchoring did. */
  async untilFree(): Promise<void> {
    await this.over();
    this.throwIfFailed();
  }

  /** Sends what was gathered as the next batch; the gathering that follows it is returned. */
  launch(gathering: Gathering): Gathering {
    const batch = gathering.cut(this.#stream, this.#before);
    this.#before = batch;
    this.#inFlight = this.#anchor(batch, gathering.traces).then(
      () => {
        this.#inFlight = undefined;
      },
      (error: unknown) => {
        this.#inFlight = undefined;
        this.#failure = { error };
      },
    );
    return new Gathering(batch.end, this.#work.limits);
  }

  async #anchor(batch: Batch, traces: ReadonlySet<string>): Promise<void> {
    const { ledger, observer, progress } = this.#work;
    const started_ms = performance.now();
    const work = (): Promise<Anchor> =>
      anchorUntilKnown(ledger, batch, this.#signal, {
        onRetry: (error, attempt, wait_ms) => observer.retried(batch.stream, error, attempt, wait_ms),
      });
    const anchor = await (observer.around?.(batch, traces, work) ?? work());
    progress.anchored(batch.end);
    observer.anchored(batch.stream, batch, anchor, (performance.now() - started_ms) / 1000);
  }
}

interface Patience extends Disposable {
  /** Aborts when trying is to end. */
  readonly signal: AbortSignal;
  end(): void;
}

/** How long anchoring is tried: as long as the stream runs, and a while for what is left when it is told to end. */
function startPatience(signal: AbortSignal): Patience {
  const tries = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const drain = (): void => {
    timer = setTimeout(() => tries.abort(), DRAIN_MS_MAX);
  };
  if (signal.aborted) drain();
  else signal.addEventListener("abort", drain, { once: true });
  return {
    signal: tries.signal,
    end: () => tries.abort(),
    [Symbol.dispose]() {
      signal.removeEventListener("abort", drain);
      clearTimeout(timer);
    },
  };
}
