/** The ledger-writer as a running service: the writer beside its probes. */

import type { Logger } from "@medtrace/service-kit/log";
import { createMetrics } from "@medtrace/service-kit/metrics";
import { createServer, listen } from "@medtrace/service-kit/server";
import { inBatchSpan, openTracing } from "@medtrace/service-kit/tracing";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import type { FastifyInstance } from "fastify";
import type { LedgerWriterSettings } from "./config.ts";
import { observeStreams, observeWriter } from "./observe.ts";
import { startWriter, type WriterObserver } from "./writer.ts";

export interface LedgerWriterParts {
  readonly eventLog: EventLog;
  readonly ledger: Ledger;
  readonly settings: LedgerWriterSettings;
  readonly log: Logger;
}

export interface RunningLedgerWriter extends AsyncDisposable {
  /** Base URL of the probes. */
  readonly url: string;
}

/** Starts anchoring and the probes. Disposing anchors what was gathered, then stops. */
export async function startLedgerWriter({
  eventLog,
  ledger,
  settings,
  log,
}: LedgerWriterParts): Promise<RunningLedgerWriter> {
  const metrics = createMetrics();
  // What runs already is stopped again where a later step fails: a port that is taken, say.
  await using opened = new AsyncDisposableStack();
  const tracing = opened.use(openTracing("ledger-writer"));
  const observer: WriterObserver = {
    ...observeWriter(metrics, log),
    around: (batch, traces, anchor) =>
      inBatchSpan(
        tracing,
        {
          name: "anchor",
          attributes: {
            "medtrace.stream": batch.stream,
            "medtrace.sequence": batch.sequence,
            "medtrace.count": batch.count,
          },
          traces,
        },
        anchor,
      ),
  };
  // Disposed of in reverse: what was gathered is anchored before the probes say that it is gone.
  let server: FastifyInstance | undefined;
  opened.defer(async () => await server?.close());
  const writer = opened.use(startWriter({ log: eventLog, ledger, limits: settings.limits, observer }));
  observeStreams(metrics, writer, eventLog);

  const missing = async (): Promise<string[]> => {
    const streams = writer.streams();
    const stopped = [...(streams ?? [])].flatMap(([stream, state]) =>
      state.state === "stopped" ? [`stream ${stream} stopped: ${state.why}`] : [],
    );
    const reach = async (name: string, port: { ping(): Promise<void> }): Promise<string[]> =>
      port.ping().then(
        () => [],
        () => [`${name} cannot be reached`],
      );
    return [
      ...(streams === undefined ? ["no partitions assigned yet"] : []),
      ...stopped,
      ...(await reach("the event log", eventLog)),
      ...(await reach("the ledger", ledger)),
    ];
  };

  server = await createServer({ name: "ledger-writer", log, metrics, tracing, ready: missing });
  const url = await listen(server, settings);
  const running = opened.move();
  return { url, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
