/** The ledger-writer: runs a stream for every partition it is assigned, and says of each how it stands. */
import { setTimeout as sleep } from "node:timers/promises";
import { MedtraceError } from "@medtrace/shared/errors";
import { streamName } from "@medtrace/shared/model/batch";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import { backoff_ms } from "./backoff.ts";
import type { BatchLimits } from "./gather.ts";
import { StreamProgress } from "./progress.ts";
import { runStream, type StreamObserver } from "./stream.ts";

const GROUP = "ledger-writer";

export interface StreamState {
  readonly state: "running" | "stopped";
  /** Why it stopped. */
  readonly why?: string;
  readonly partition: number;
  readonly progress: StreamProgress;
}

export interface Writer extends AsyncDisposable {
  /** How every assigned stream stands; undefined while no partitions are assigned. */
  streams(): ReadonlyMap<string, StreamState> | undefined;
}

export interface WriterObserver extends StreamObserver {
  stopped(stream: string, error: unknown): void;
  /** Partitions could not be assigned; it is tried again. */
  unassigned(error: unknown, wait_ms: number): void;
}

export interface WriterParts {
  readonly log: EventLog;
  readonly ledger: Ledger;
  readonly limits: BatchLimits;
  readonly observer: WriterObserver;
}

interface Running {
  readonly abort: AbortController;
  readonly over: Promise<void>;
}

/** Starts anchoring; disposing anchors what was gathered, then stops. */
export function startWriter(parts: WriterParts): Writer {
  const leaving = new AbortController();
  const abort = new AbortController();
  const running = new Map<number, Running>();
  let states: Map<string, StreamState> | undefined;

  const begin = (partition: number): Running => {
    const stream = streamName(parts.log.name, partition);
    const own = new AbortController();
    const progress = new StreamProgress();
    states?.set(stream, { state: "running", partition, progress });
    const over = runStream({ ...parts, partition, progress }, own.signal).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      states?.set(stream, { state: "stopped", why, partition, progress });
      parts.observer.stopped(stream, error);
    });
    return { abort: own, over };
  };

  const end = async (partition: number): Promise<void> => {
    const stream = running.get(partition);
    running.delete(partition);
    stream?.abort.abort();
    await stream?.over;
    states?.delete(streamName(parts.log.name, partition));
  };

  const endAll = (partitions: Iterable<number>): Promise<unknown> => Promise.all([...partitions].map(end));

  /** Works on what is assigned until the signal aborts, or the log gives up assigning. */
  const follow = async (onAssigned: () => void): Promise<void> => {
    for await (const partitions of parts.log.assignments(GROUP, abort.signal)) {
      onAssigned();
      if (leaving.signal.aborted) return;
      states ??= new Map();
      await endAll([...running.keys()].filter((partition) => !partitions.includes(partition)));
      if (leaving.signal.aborted) return;
      for (const partition of partitions) if (!running.has(partition)) running.set(partition, begin(partition));
    }
    throw new MedtraceError("STORAGE_FAILED", "the event log assigns no partitions any more");
  };

  const keepFollowing = async (): Promise<void> => {
    for (let failures = 0; !leaving.signal.aborted; ) {
      try {
        await follow(() => {
          failures = 0;
        });
      } catch (error) {
        if (leaving.signal.aborted) return;
        const wait_ms = backoff_ms(++failures);
        parts.observer.unassigned(error, wait_ms);
        // They may be another's from now on.
        await endAll(running.keys());
        states = undefined;
        await sleep(wait_ms, undefined, { signal: leaving.signal }).catch(() => undefined);
      }
    }
  };
  const following = keepFollowing();

  return {
    streams: () => states,
    async [Symbol.asyncDispose]() {
      leaving.abort();
      // Streams drain before the assignment is given up: the next owner must not start while one is in flight.
      await endAll(running.keys());
      abort.abort();
      await following;
    },
  };
}
