/** What operators see of ingest: metrics and log lines. Never what a message held. */
import type { Logger } from "@medtrace/service-kit/log";
import type { Metrics } from "@medtrace/service-kit/metrics";
import type { ErrorCode } from "@medtrace/shared/errors";
import type { Tallies as TalliesOf } from "./listener/tallies.ts";
import { ACK_CODES, FRAME_REFUSALS, type Tallies } from "./mllp/tally.ts";
import type { PipelineObserver } from "./pipeline/pipeline.ts";
import { MESSAGE_REFUSALS, type Tallies as SyslogTallies } from "./syslog/tally.ts";

/** Observes the pipeline. */
export function observePipeline(metrics: Metrics, log: Logger): PipelineObserver {
  const events = metrics.counter({
    name: "medtrace_ingest_events_total",
    help: "Trace events by what became of them: accepted, duplicate or conflict",
    labels: ["institution", "format", "outcome"],
  });
  const flagged = metrics.counter({
    name: "medtrace_ingest_events_flagged_total",
    help: "Trace events that were accepted although their source was odd",
    labels: ["institution", "format"],
  });
  return {
    flagged: (institution, format, count) => flagged.inc({ institution, format }, count),
    taken: (institution, format, outcome, count) => events.inc({ institution, format, outcome }, count),
    conflicted: (institution, id) => log.warn({ institution, event: id }, "an event's id came again with other bytes"),
  };
}

/** Told of each message or resource that was refused. */
export type OnRefused = (institution: string, code: ErrorCode) => void;

/** Counts what was refused, for each of the ways in. */
export function observeRefusals(
  metrics: Metrics,
): (format: "fhir" | "hl7v2" | "dicom-audit" | "prov-json") => OnRefused {
  const refused = metrics.counter({
    name: "medtrace_ingest_refused_total",
    help: "Messages and resources that were not taken, by the code of the error they were answered with",
    labels: ["institution", "format", "code"],
  });
  return (format) => (institution, code) => refused.inc({ institution, format, code });
}

/** Tells at every scrape what the MLLP listener counted. */
export function observeMllp(metrics: Metrics, tallies: Tallies): void {
  observeConnections(metrics, tallies, {
    open: { name: "medtrace_mllp_connections", help: "MLLP connections that are open" },
    refused: { name: "medtrace_mllp_connections_refused_total", help: "MLLP connections that were refused" },
  });
  countByInstitution(metrics, tallies, [
    { name: "medtrace_mllp_received_bytes_total", help: "Bytes received by MLLP", value: (t) => t.receivedBytes },
    { name: "medtrace_mllp_sent_bytes_total", help: "Bytes sent by MLLP", value: (t) => t.sentBytes },
    { name: "medtrace_mllp_frames_taken_total", help: "Frames whose content was read", value: (t) => t.framesTaken },
  ]);
  observeAnswers(metrics, tallies);
}

function observeAnswers(metrics: Metrics, tallies: Tallies): void {
  metrics.counter({
    name: "medtrace_mllp_frames_refused_total",
    help: "Frames whose content was not read",
    labels: ["institution", "reason"],
    collect(counter) {
      counter.reset();
      for (const [institution, { framesRefused }] of tallies.all()) {
        for (const reason of FRAME_REFUSALS) counter.inc({ institution, reason }, framesRefused[reason]);
      }
    },
  });
  metrics.counter({
    name: "medtrace_mllp_acknowledgments_total",
    help: "Messages by the acknowledgment code (MSA-1) that they were answered with",
    labels: ["institution", "code"],
    collect(counter) {
      counter.reset();
      for (const [institution, { answers }] of tallies.all()) {
        for (const code of ACK_CODES) counter.inc({ institution, code }, answers[code]);
      }
    },
  });
}

/** Tells at every scrape what the syslog listener counted. */
export function observeSyslog(metrics: Metrics, tallies: SyslogTallies): void {
  observeConnections(metrics, tallies, {
    open: { name: "medtrace_syslog_connections", help: "Syslog connections that are open" },
    refused: { name: "medtrace_syslog_connections_refused_total", help: "Syslog connections that were refused" },
  });
  metrics.counter({
    name: "medtrace_syslog_connections_closed_total",
    help: "Syslog connections that were closed because what came could not be taken",
    labels: ["institution", "reason"],
    collect(counter) {
      counter.reset();
      for (const [institution, { closed }] of tallies.all()) {
        for (const reason of MESSAGE_REFUSALS) counter.inc({ institution, reason }, closed[reason]);
      }
    },
  });
  countByInstitution(metrics, tallies, [
    { name: "medtrace_syslog_received_bytes_total", help: "Bytes received by syslog", value: (t) => t.receivedBytes },
    {
      name: "medtrace_syslog_messages_taken_total",
      help: "Audit messages that are durable",
      value: (t) => t.messagesTaken,
    },
    {
      name: "medtrace_syslog_messages_refused_total",
      help: "Syslog messages that are no audit message, or one that cannot be an event",
      value: (t) => t.messagesRefused,
    },
  ]);
}

interface Named {
  readonly name: string;
  readonly help: string;
}

/** Connections of a listener: how many are open, by institution, and how many were refused, by reason. */
function observeConnections(
  metrics: Metrics,
  tallies: TalliesOf<{ readonly connections: number }>,
  { open, refused }: { readonly open: Named; readonly refused: Named },
): void {
  metrics.gauge({
    ...open,
    labels: ["institution"],
    collect(gauge) {
      for (const [institution, { connections }] of tallies.all()) gauge.set({ institution }, connections);
    },
  });
  metrics.counter({
    ...refused,
    labels: ["reason"],
    collect(counter) {
      counter.reset();
      for (const [reason, count] of Object.entries(tallies.connectionsRefused)) counter.inc({ reason }, count);
    },
  });
}

/** Counters that are a number of each institution's tally. */
function countByInstitution<T>(
  metrics: Metrics,
  tallies: TalliesOf<T>,
  counters: readonly (Named & { readonly value: (tally: T) => number })[],
): void {
  for (const { name, help, value } of counters) {
    metrics.counter({
      name,
      help,
      labels: ["institution"],
      collect(counter) {
        counter.reset();
        for (const [institution, tally] of tallies.all()) counter.inc({ institution }, value(tally));
      },
    });
  }
}
