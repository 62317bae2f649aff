/** Ports that fail as real ones do, over engines that work. */
import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";
import type { Batch } from "@medtrace/shared/model/batch";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Anchor, Ledger } from "@medtrace/shared/ports/ledger";
import { StreamProgress } from "../progress.ts";
import type { StreamObserver, StreamWork } from "../stream.ts";

/** A port with some of its methods replaced. */
export function replacing<T extends object>(port: T, methods: Partial<T>): T {
  return new Proxy(port, {
    get(target, key) {
      const from = key in methods ? methods : target;
      const value: unknown = Reflect.get(from, key, from);
      return typeof value === "function" ? value.bind(from) : value;
    },
  });
}

export function fault(code: ErrorCode): MedtraceError {
  return new MedtraceError(code, "as the test wants it");
}

/** What becomes of one call: it goes through, fails before or after it is done, or is done while nobody waits. */
export type Fate = "done" | "done-unknown" | "done-later" | ErrorCode;

const LATER_MS = 30;

/** A ledger whose calls to anchor meet these fates in turn, and go through afterwards. */
export class FateLedger {
  readonly ledger: Ledger;
  readonly calls: Batch[] = [];
  inFlightMax = 0;
  #inFlight = 0;
  readonly #fates: Fate[];
  readonly #late: Promise<unknown>[] = [];

  constructor(real: Ledger, fates: readonly Fate[]) {
    this.#fates = [...fates];
    this.ledger = replacing(real, { anchorBatch: (batch) => this.#anchor(real, batch) });
  }

  /** Resolves when what was done later is done. */
  async settled(): Promise<void> {
    await Promise.all(this.#late);
  }

  async #anchor(real: Ledger, batch: Batch): Promise<Anchor> {
    this.calls.push(batch);
    this.inFlightMax = Math.max(this.inFlightMax, ++this.#inFlight);
    try {
      return await this.#meet(this.#fates.shift() ?? "done", real, batch);
    } finally {
      this.#inFlight--;
    }
  }

  async #meet(fate: Fate, real: Ledger, batch: Batch): Promise<Anchor> {
    if (fate === "done") return real.anchorBatch(batch);
    if (fate === "done-unknown") {
      await real.anchorBatch(batch);
      throw fault("LEDGER_UNKNOWN");
    }
    if (fate !== "done-later") throw fault(fate);
    // Where another batch has taken the place by then it is refused, and nobody hears of it.
    this.#late.push(sleep(LATER_MS).then(() => real.anchorBatch(batch).catch(() => undefined)));
    throw fault("LEDGER_UNKNOWN");
  }
}

/** A ledger that anchors nothing until it is let. */
export function gatedLedger(real: Ledger): { readonly ledger: Ledger; readonly calls: Batch[]; open(): void } {
  const gate = Promise.withResolvers<void>();
  const calls: Batch[] = [];
  const anchorBatch = async (batch: Batch): Promise<Anchor> => {
    calls.push(batch);
    await gate.promise;
    return real.anchorBatch(batch);
  };
  return { calls, open: gate.resolve, ledger: replacing(real, { anchorBatch }) };
}

/** The same log at every third offset only, so that it has holes, also at its end. */
export function holedLog(log: EventLog): EventLog {
  return replacing(log, {
    async read(partition, offset, limits) {
      const entries = await log.read(partition, Math.ceil(offset / 3), limits);
      return entries.map((entry) => ({ ...entry, offset: entry.offset * 3 }));
    },
    async ranges() {
      return (await log.ranges()).map(({ partition, first, end }) => ({ partition, first: first * 3, end: end * 3 }));
    },
    waitPast: (partition, offset, timeout_ms, signal) =>
      log.waitPast(partition, Math.floor(offset / 3), timeout_ms, signal),
  });
}

/** Records what a stream tells. */
export class Told implements StreamObserver {
  readonly anchoredBatches: Batch[] = [];
  readonly retries: string[] = [];
  conflicts = 0;

  anchored(_stream: string, batch: Batch): void {
    this.anchoredBatches.push(batch);
  }

  retried(_stream: string, error: unknown): void {
    this.retries.push((error as MedtraceError).code);
  }

  conflicted(): void {
    this.conflicts++;
  }
}

/** Work on partition 0 with short bounds. */
export function workOn(log: EventLog, ledger: Ledger, more: Partial<StreamWork> = {}): StreamWork & { told: Told } {
  const told = new Told();
  const limits = { countMax: 16, bytesMax: 100_000, age_ms_max: 10 };
  return { log, ledger, partition: 0, limits, observer: told, progress: new StreamProgress(), told, ...more };
}
