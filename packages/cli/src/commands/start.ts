/** `medtrace start`: the embedded medtrace, every service in one process. */
import { createLogger } from "@medtrace/service-kit/log";
import { runUntilSignal } from "@medtrace/service-kit/run";
import { type AddCommand, type CommonOptions, describe, ending } from "../cli.ts";
import { type Embedded, startEmbedded } from "../embedded.ts";
import { EXIT_OK } from "../failure.ts";

export const addStart: AddCommand = (program, cli) => {
  describe(program, {
    usage: "start",
    summary: "run everything in this process, on one data folder",
    description:
      "Starts ingest, ledger-writer, projector and query over the data folder (MEDTRACE_DATA, default ./data), which is made\n" +
      "where there is none. Says where the services are once they are ready; log lines go to stderr. Ctrl-C drains and ends.",
    examples: [
      "medtrace start",
      "MEDTRACE_DATA=/srv/medtrace INGEST_PORT=8001 medtrace start",
      "medtrace start --json",
    ],
    exits: "0 drained, 1 a service did not close well, 2 could not start",
  }).action(
    ending(async (options: CommonOptions) => {
      const level = cli.env["LOG_LEVEL"] === undefined ? { level: "warn" as const } : {};
      const logOf = (name: string) => createLogger({ name, to: "stderr", ...level });
      const embedded = await startEmbedded(cli.env, logOf);
      cli.out(options.json ? placesLine(embedded) : banner(embedded));
      await runUntilSignal(embedded.services, { log: logOf("medtrace") });
      return Number(process.exitCode ?? EXIT_OK);
    }),
  );
};

function placesLine({ ingest, mllp, ledgerWriter, query, data }: Embedded): string {
  return `${JSON.stringify({ ingest, mllp, ledgerWriter, query, data })}\n`;
}

function banner({ ingest, mllp, ledgerWriter, query, data }: Embedded): string {
  return `medtrace is up, on the data folder ${data}
  ingest         ${ingest}   FHIR and HL7 v2 by HTTP; docs at ${ingest}/docs
  MLLP           ${mllp}
  ledger-writer  ${ledgerWriter}
  query          ${query}   lineage, evidence; docs at ${query}/docs

Try, in another terminal:
  npx medtrace simulate --seconds 5
  npx medtrace fsck
Ctrl-C ends it.
`;
}
