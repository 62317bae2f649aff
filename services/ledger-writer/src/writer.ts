/** The ledger-writer: runs a stream for every partition it is assigned, and says of each how it stands. */
import { streamName } from "@medtrace/shared/model/batch";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import type { BatchLimits } from "./gather.ts";
import { runStream, type StreamObserver } from "./stream.ts";

const GROUP = "ledger-writer";

export type StreamState = { readonly state: "running" } | { readonly state: "stopped"; readonly why: string };

export interface Writer extends AsyncDisposable {
  /** How every assigned stream stands; undefined until partitions were assigned. */
  streams(): ReadonlyMap<string, StreamState> | undefined;
}

export interface WriterParts {
  readonly log: EventLog;
  readonly ledger: Ledger;
  readonly limits: BatchLimits;
  readonly observer: StreamObserver & { stopped(stream: string, error: unknown): void };
}

interface Running {
  readonly abort: AbortController;
  readonly over: Promise<void>;
}

/** Starts anchoring; disposing anchors what was gathered, then stops. */
export function startWriter(parts: WriterParts): Writer {
  const abort = new AbortController();
  const running = new Map<number, Running>();
  let states: Map<string, StreamState> | undefined;

  const begin = (partition: number): Running => {
    const stream = streamName(parts.log.name, partition);
    const own = new AbortController();
    states?.set(stream, { state: "running" });
    const over = runStream({ ...parts, partition }, own.signal).catch((error: unknown) => {
      if (own.signal.aborted) return;
      states?.set(stream, { state: "stopped", why: error instanceof Error ? error.message : String(error) });
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

  const follow = async (): Promise<void> => {
    for await (const partitions of parts.log.assignments(GROUP, abort.signal)) {
      states ??= new Map();
      await Promise.all([...running.keys()].filter((partition) => !partitions.includes(partition)).map(end));
      for (const partition of partitions) if (!running.has(partition)) running.set(partition, begin(partition));
    }
  };
  const following = follow().catch((error: unknown) => {
    if (!abort.signal.aborted) parts.observer.stopped("every stream", error);
  });

  return {
    streams: () => states,
    async [Symbol.asyncDispose]() {
      // Streams drain before the assignment is given up: the next owner must not start while one is in flight.
      await Promise.all([...running.keys()].map(end));
      abort.abort();
      await following;
    },
  };
}
