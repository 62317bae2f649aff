/** Entry of the projector's thread: opens the engines, projects until told to stop, and starts again after failures. */
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { openEventLog } from "@medtrace/engines/event-log/open";
import { openLedger } from "@medtrace/engines/ledger/open";
import { lockProjection, openProjection } from "@medtrace/engines/projection/open";
import { inBatchSpan, openTracing } from "@medtrace/service-kit/tracing";
import type { EngineSettings } from "@medtrace/shared/config";
import { hasCode, MedtraceError } from "@medtrace/shared/errors";
import { deadLetterBytes } from "@medtrace/shared/model/dead-letter";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import { type Incident, PROJECTION_LIMITS, type Projection } from "@medtrace/shared/ports/projection";
import { type ProjectorParts, runProjector } from "./projector.ts";
import { backoff_ms, type Fault, type ProjectorProgress, type ProjectorWord, STARTING, STOP } from "./status.ts";

const PROGRESS_EVERY_MS = 500;
/** How soon one that waits finds the lock free. */
const STANDBY_MS = 1_000;
/** New incidents told one by one at a time; the projection has them all. */
const INCIDENTS_TOLD_MAX = 20;

const port = parentPort;
if (port === null) throw new Error("worker.ts is started by thread.ts, as a thread");
const say = (word: ProjectorWord): void => port.postMessage(word);
const stop = new AbortController();
port.on("message", (message) => {
  if (message === STOP) stop.abort();
});

let failures = 0;
while (!stop.signal.aborted) {
  try {
    await projectOnce(workerData as EngineSettings, stop.signal);
  } catch (error) {
    if (stop.signal.aborted) break;
    if (hasCode(error, "LOCKED")) {
      failures = 0;
      say({ kind: "waiting" });
      await sleep(STANDBY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      continue;
    }
    const wait_ms = backoff_ms(failures++);
    say({ kind: "failed", fault: faultOf(error), wait_ms });
    await sleep(wait_ms, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}
port.close();

/** One run, from opened to closed engines. */
async function projectOnce(settings: EngineSettings, signal: AbortSignal): Promise<void> {
  await using lock = await lockProjection(settings.projectionUrl);
  await using eventLog = await openEventLog(settings.eventLogUrl);
  await using ledger = await openLedger(settings.ledgerUrl, { owner: settings.ledgerOwner });
  await using projection = await openProjection(settings.projectionUrl, lock);
  await using progress = await reportProgress(ledger, projection);
  say({ kind: "running" });
  const onApplied = async (): Promise<void> => {
    failures = 0;
    await progress.applied();
  };
  await using tracing = openTracing("projector");
  const around: ProjectorParts["around"] = ({ update, traces }, apply) =>
    inBatchSpan(tracing, { name: "project", attributes: { "medtrace.block": update.number }, traces }, apply);
  await using dead = deadLetters(settings.deadLettersUrl);
  await runProjector({ eventLog, ledger, projection, onApplied, onDead: dead.add, around }, signal);
}

/** The dead letters' own log, opened once there are any. */
function deadLetters(url: string): AsyncDisposable & { readonly add: NonNullable<ProjectorParts["onDead"]> } {
  let log: EventLog | undefined;
  return {
    async add(letters) {
      log ??= await openEventLog(url);
      await log.append(letters.map((letter) => ({ key: letter.stream, value: deadLetterBytes(letter) })));
    },
    async [Symbol.asyncDispose]() {
      await log?.[Symbol.asyncDispose]();
    },
  };
}

interface Progress extends AsyncDisposable {
  applied(): Promise<void>;
}

/** Tells of progress now and then; of new incidents at once. */
async function reportProgress(ledger: Ledger, projection: Projection): Promise<Progress> {
  let before = await projection.counts();
  let { incidents } = before;
  const tell = async (): Promise<void> => {
    const [checkpoint, counts, ledgerHeight] = await Promise.all([
      projection.checkpoint(),
      projection.counts(),
      ledger.height(),
    ]);
    const { leaves: _, ...counted } = counts;
    const progress: ProjectorProgress = { height: (checkpoint?.block ?? -1) + 1, ledgerHeight, ...counted };
    const fresh = { events: counts.events - before.events, batches: counts.batches - before.batches };
    before = counts;
    say({ kind: "progress", progress, fresh });
  };
  await tell();
  // A ledger that cannot be reached ends the run itself, and says why there.
  const timer = setInterval(() => void tell().catch(() => undefined), PROGRESS_EVERY_MS);
  return {
    async applied() {
      const now = (await projection.counts()).incidents;
      if (now === incidents) return;
      const fresh = await projection.incidents(Math.min(now - incidents, PROJECTION_LIMITS.pageMax));
      incidents = now;
      say({ kind: "incidents", counts: byKind(fresh), told: fresh.slice(0, INCIDENTS_TOLD_MAX).toReversed() });
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await tell().catch(() => undefined);
    },
  };
}

function byKind(incidents: readonly Incident[]): Record<Incident["kind"], number> {
  const counts = { ...STARTING.tally.incidents };
  for (const { kind } of incidents) counts[kind]++;
  return counts;
}

/** Only errors of our own are told in words: another's message may quote what it met. */
function faultOf(error: unknown): Fault {
  if (error instanceof MedtraceError) return { code: error.code, message: error.message, hint: error.hint };
  const { name, code } = error as { name?: unknown; code?: unknown };
  return { code: undefined, message: `unexpected ${String(name)} ${String(code ?? "")}`.trim(), hint: undefined };
}
