/** What operators see of projecting, as metrics; asked at every scrape. */
import type { Metrics } from "@medtrace/service-kit/metrics";
import { within } from "@medtrace/service-kit/within";
import type { Standing } from "../context.ts";
import type { ProjectorStatus } from "./status.ts";

/** Longest that a scrape waits for the ledger and the projection. */
const ASK_MS_MAX = 1_000;

interface Told {
  readonly name: string;
  readonly help: string;
  readonly value: (status: ProjectorStatus) => number;
}

/** Of the process that projects, or waits to. */
export function observeProjector(metrics: Metrics, status: () => ProjectorStatus): void {
  metrics.gauge({
    name: "medtrace_projector_running",
    help: "1 where this process projects; 0 where it waits for another to be gone, or fails",
    collect: (gauge) => gauge.set(status().state === "running" ? 1 : 0),
  });
  const whileRunning = ({ name, help, value }: Told): void => {
    metrics.gauge({
      name,
      help,
      collect(gauge) {
        gauge.remove();
        if (status().state === "running") gauge.set(value(status()));
      },
    });
  };
  const told: readonly Told[] = [
    { name: "medtrace_projector_projected_blocks", help: "Blocks that are projected", value: (s) => s.height },
    { name: "medtrace_projector_ledger_blocks", help: "Blocks that the ledger has", value: (s) => s.ledgerHeight },
    { name: "medtrace_projector_lag_blocks", help: "Blocks that are not projected yet", value: (s) => s.lag },
    { name: "medtrace_projector_events", help: "Events in the projection", value: (s) => s.events },
    { name: "medtrace_projector_batches", help: "Batches in the projection", value: (s) => s.batches },
    {
      name: "medtrace_projector_duplicates",
      help: "Records whose event was there already",
      value: (s) => s.duplicates,
    },
  ];
  told.forEach(whileRunning);
  observeTally(metrics, status);
}

function observeTally(metrics: Metrics, status: () => ProjectorStatus): void {
  const counted = ({ name, help, value }: Told): void => {
    metrics.counter({
      name,
      help,
      collect(counter) {
        counter.reset();
        counter.inc(value(status()));
      },
    });
  };
  const told: readonly Told[] = [
    { name: "medtrace_projector_events_projected_total", help: "Events projected", value: (s) => s.tally.events },
    { name: "medtrace_projector_batches_projected_total", help: "Batches projected", value: (s) => s.tally.batches },
    { name: "medtrace_projector_restarts_total", help: "Starts after a failure", value: (s) => s.restarts },
  ];
  told.forEach(counted);
  metrics.counter({
    name: "medtrace_projector_incidents_total",
    help: "Integrity incidents that this process found; docs/runbooks/integrity.md",
    labels: ["kind"],
    collect(counter) {
      counter.reset();
      for (const [kind, count] of Object.entries(status().tally.incidents)) counter.inc({ kind }, count);
    },
  });
}

/** Of every process that answers: what its answers are true for. */
export function observeStanding(metrics: Metrics, standing: () => Promise<Standing>): void {
  metrics.gauge({
    name: "medtrace_query_lag_blocks",
    help: "Blocks of the ledger that answers do not cover yet; absent while that cannot be told",
    async collect(gauge) {
      const now = await within(ASK_MS_MAX, standing());
      gauge.remove();
      if (now !== undefined) gauge.set(now.lag);
    },
  });
}
