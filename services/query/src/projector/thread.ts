/** Keeps the projector running in a thread of its own, so that projecting never holds up those who ask. */
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Logger } from "@medtrace/service-kit/log";
import type { EngineSettings } from "@medtrace/shared/config";
import { MedtraceError } from "@medtrace/shared/errors";
import {
  backoff_ms,
  type Fault,
  type ProjectorStatus,
  type ProjectorTally,
  type ProjectorWord,
  STARTING,
  STOP,
} from "./status.ts";

/** Longest wait for a thread that was told to stop: it ends between two blocks. */
const STOP_MS_MAX = 15_000;

export interface ProjectorThread extends AsyncDisposable {
  status(): ProjectorStatus;
}

/**
 * Starts the projector over these engines; where another process projects already it waits, and takes over when that
 * one is gone. A failure never ends it: it is logged, shows in the status, and the
 * projector starts again after a growing wait. Disposing stops it after the block it is at.
 */
export function startProjectorThread(settings: EngineSettings, log: Logger): ProjectorThread {
  const keeper = new Keeper(settings, log);
  return {
    status: () => keeper.status,
    [Symbol.asyncDispose]: () => keeper.stop(),
  };
}

class Keeper {
  readonly #settings: EngineSettings;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #kept: Promise<void>;
  #worker: Worker | undefined;
  #crashes = 0;
  #status: ProjectorStatus = STARTING;

  constructor(settings: EngineSettings, log: Logger) {
    this.#settings = settings;
    this.#log = log;
    this.#kept = this.#keep();
  }

  get status(): ProjectorStatus {
    return this.#status;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#worker?.postMessage(STOP);
    const late = new AbortController();
    await Promise.race([this.#kept, sleep(STOP_MS_MAX, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    await this.#worker?.terminate();
    await this.#kept;
    this.#status = { ...this.#status, state: "stopped" };
  }

  /** The thread catches what fails in it; one that ends by itself crashed, and another takes its place. */
  async #keep(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const why = await this.#runWorker();
      if (this.#stopping.signal.aborted) return;
      const wait_ms = backoff_ms(this.#crashes++);
      this.#failed({ code: undefined, message: why, hint: undefined }, wait_ms);
      await sleep(wait_ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  /** Resolves with why the thread ended. */
  async #runWorker(): Promise<string> {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: this.#settings,
      resourceLimits: { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 },
    });
    this.#worker = worker;
    worker.on("message", (word: ProjectorWord) => this.#hear(word));
    let why = "the projector's thread ended";
    worker.on("error", (error: unknown) => {
      this.#log.error({ err: error }, "the projector's thread crashed");
      why = `the projector's thread crashed (${error instanceof Error ? error.name : "unknown"})`;
    });
    await new Promise((resolve) => worker.once("exit", resolve));
    this.#worker = undefined;
    return why;
  }

  #hear(word: ProjectorWord): void {
    switch (word.kind) {
      case "running":
        if (this.#status.state === "waiting") this.#log.info("this process projects now");
        this.#status = { ...this.#status, state: "running", why: undefined };
        return;
      case "waiting":
        if (this.#status.state !== "waiting") this.#log.info("another process projects; this one waits to take over");
        this.#status = { ...this.#status, state: "waiting", why: undefined };
        return;
      case "progress": {
        const { progress, fresh } = word;
        const { tally, height } = this.#status;
        if (progress.height > height) this.#crashes = 0;
        const lag = Math.max(0, progress.ledgerHeight - progress.height);
        const { events, batches } = { events: tally.events + fresh.events, batches: tally.batches + fresh.batches };
        this.#status = { ...this.#status, ...progress, lag, tally: { ...tally, events, batches } };
        return;
      }
      case "incidents": {
        for (const { kind, batch, detail } of word.told) {
          this.#log.error({ incident: kind, batch, detail }, "integrity incident; see docs/runbooks/integrity.md");
        }
        const { tally } = this.#status;
        this.#status = { ...this.#status, tally: { ...tally, incidents: sums(tally.incidents, word.counts) } };
        return;
      }
      case "failed":
        this.#failed(word.fault, word.wait_ms);
    }
  }

  #failed({ code, message, hint }: Fault, wait_ms: number): void {
    const { restarts } = this.#status;
    this.#status = { ...this.#status, state: "failing", why: message, restarts: restarts + 1 };
    const details = hint === undefined ? {} : { hint };
    const err = code === undefined ? undefined : new MedtraceError(code, message, details);
    this.#log.error({ ...(err === undefined ? { why: message } : { err }), wait_ms }, "the projector is started again");
  }
}

type Kinds = ProjectorTally["incidents"];

function sums(one: Kinds, other: Kinds): Kinds {
  const kinds = Object.keys(one) as (keyof Kinds)[];
  return Object.fromEntries(kinds.map((kind) => [kind, one[kind] + other[kind]])) as Kinds;
}
