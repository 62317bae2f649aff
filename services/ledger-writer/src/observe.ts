/** What operators see of the writer: metrics and log lines. */

import type { Logger } from "@medtrace/service-kit/log";
import type { Metrics } from "@medtrace/service-kit/metrics";
import { within } from "@medtrace/service-kit/within";
import { MedtraceError } from "@medtrace/shared/errors";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { StreamState, Writer, WriterObserver } from "./writer.ts";

/** Observes every stream of a writer. */
export function observeWriter(metrics: Metrics, log: Logger): WriterObserver {
  const anchored = metrics.counter({
    name: "medtrace_ledger_writer_events_anchored_total",
    help: "Log records whose batch stands on the ledger",
    labels: ["stream"],
  });
  const batchSize = metrics.histogram({
    name: "medtrace_ledger_writer_batch_events_count",
    help: "Records in an anchored batch",
    buckets: [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536],
  });
  const latency = metrics.histogram({
    name: "medtrace_ledger_writer_anchor_seconds",
    help: "From handing a batch to the ledger until it stands there, tries included",
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  });
  const retries = metrics.counter({
    name: "medtrace_ledger_writer_anchor_retries_total",
    help: "Tries to read or to anchor that failed and were tried again",
    labels: ["code"],
  });
  const conflicts = metrics.counter({
    name: "medtrace_ledger_writer_conflicts_total",
    help: "Times another writer moved a stream's head",
    labels: ["stream"],
  });
  return {
    anchored(stream, batch, anchor, seconds) {
      anchored.inc({ stream }, batch.count);
      batchSize.observe(batch.count);
      latency.observe(seconds);
      log.debug({ stream, sequence: batch.sequence, count: batch.count, block: anchor.block }, "batch anchored");
    },
    retried(stream, error, attempt, wait_ms) {
      retries.inc({ code: codeOf(error) });
      log.warn({ stream, attempt, wait_ms, err: error }, "tried again");
    },
    conflicted(stream, error) {
      conflicts.inc({ stream });
      log.warn({ stream, err: error }, "another writer moved the head; starting again at it");
    },
    stopped(stream, error) {
      log.error({ stream, err: asError(error) }, "stream stopped");
    },
    unassigned(error, wait_ms) {
      log.error({ err: asError(error), wait_ms }, "no partitions are assigned; asking again");
    },
  };
}

/** The code of an error of ours; `unexpected` for any other, whose names nobody bounds. */
function codeOf(error: unknown): string {
  return error instanceof MedtraceError ? error.code : "unexpected";
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new MedtraceError("INTEGRITY", String(error));
}

/** Longest that a scrape waits for the event log to say where it ends. */
const ASK_MS_MAX = 1_000;

/** Tells at every scrape how far each of the writer's streams is. */
export function observeStreams(metrics: Metrics, writer: Writer, eventLog: EventLog): void {
  const streams = (): (readonly [string, StreamState])[] => [...(writer.streams() ?? [])];
  metrics.gauge({
    name: "medtrace_ledger_writer_stream_stopped",
    help: "1 where a stream stopped and needs a person; docs/runbooks/stream-stopped.md",
    labels: ["stream"],
    collect(gauge) {
      gauge.reset();
      for (const [stream, { state }] of streams()) gauge.set({ stream }, state === "stopped" ? 1 : 0);
    },
  });
  metrics.gauge({
    name: "medtrace_ledger_writer_oldest_unanchored_age_seconds",
    help: "How long ago the oldest record that is not anchored yet was read from the log; 0 where none waits",
    labels: ["stream"],
    collect(gauge) {
      gauge.reset();
      const now_ms = performance.now();
      for (const [stream, { progress }] of streams()) gauge.set({ stream }, progress.age_ms(now_ms) / 1000);
    },
  });
  metrics.gauge({
    name: "medtrace_ledger_writer_unanchored_records",
    help: "Offsets between the last anchored record and the log's end; absent while the log does not say",
    labels: ["stream"],
    async collect(gauge) {
      const ranges = await within(ASK_MS_MAX, eventLog.ranges());
      gauge.reset();
      for (const [stream, { partition, progress }] of streams()) {
        const end = ranges?.[partition]?.end;
        if (end === undefined || progress.anchoredEnd === undefined) continue;
        gauge.set({ stream }, Math.max(0, end - progress.anchoredEnd));
      }
    },
  });
}
