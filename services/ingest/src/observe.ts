/** What operators see of ingest: metrics and log lines. Never what a message held. */
import type { Logger } from "@medtrace/service-kit/log";
import type { Metrics } from "@medtrace/service-kit/metrics";
import type { PipelineObserver } from "./pipeline/pipeline.ts";

/** Observes the pipeline. */
export function observePipeline(metrics: Metrics, log: Logger): PipelineObserver {
  const events = metrics.counter({
    name: "medtrace_ingest_events_total",
    help: "Trace events by what became of them: accepted, duplicate or conflict",
    labels: ["institution", "format", "outcome"],
  });
  return {
    taken: (institution, format, outcome, count) => events.inc({ institution, format, outcome }, count),
    conflicted: (institution, id) => log.warn({ institution, event: id }, "an event's id came again with other bytes"),
  };
}
