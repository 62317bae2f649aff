/** What operators see of the writer: metrics and log lines. */

import type { Logger } from "@medtrace/service-kit/log";
import type { Metrics } from "@medtrace/service-kit/metrics";
import { MedtraceError } from "@medtrace/shared/errors";
import type { WriterParts } from "./writer.ts";

/** Observes every stream of a writer. */
export function observeWriter(metrics: Metrics, log: Logger): WriterParts["observer"] {
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
    help: "Tries to anchor that failed and were tried again",
    labels: ["code"],
  });
  const conflicts = metrics.counter({
    name: "medtrace_ledger_writer_conflicts_total",
    help: "Times another writer moved a stream's head",
    labels: ["stream"],
  });
  const stopped = metrics.gauge({
    name: "medtrace_ledger_writer_stream_stopped",
    help: "1 where a stream stopped and needs a person; docs/runbooks/stream-stopped.md",
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
      retries.inc({ code: error.code });
      log.warn({ stream, attempt, wait_ms, err: error }, "anchoring is tried again");
    },
    conflicted(stream, error) {
      conflicts.inc({ stream });
      log.warn({ stream, err: error }, "another writer moved the head; starting again at it");
    },
    stopped(stream, error) {
      stopped.set({ stream }, 1);
      const err = error instanceof Error ? error : new MedtraceError("INTEGRITY", String(error));
      log.error({ stream, err }, "stream stopped");
    },
  };
}
