/** `medtrace start`: every service, in one process on embedded engines, else each in its own. */
import { createLogger } from "@medtrace/service-kit/log";
import { runUntilSignal } from "@medtrace/service-kit/run";
import { type AddCommand, type CommonOptions, describe, ending } from "../cli.ts";
import { type Places, startEmbedded } from "../embedded.ts";
import { EXIT_OK } from "../failure.ts";
import { startProcesses, wantsProcesses } from "../processes.ts";

export const addStart: AddCommand = (program, cli) => {
  describe(program, {
    usage: "start",
    summary: "run every service, on one data folder or on real engines",
    description:
      "Starts ingest, ledger-writer, projector and query over the data folder (MEDTRACE_DATA, default ./data), which is made\n" +
      "where there is none. Where EVENT_LOG_URL, PROJECTION_URL, VAULT_URL or LEDGER_URL name real engines, each service is a\n" +
      "process of its own. Says where the services are once they are ready; log lines go to stderr. Ctrl-C drains and ends.",
    examples: [
      "medtrace start",
      "MEDTRACE_DATA=/srv/medtrace INGEST_PORT=8001 medtrace start",
      "medtrace start --json",
      ". infra/native/engines.env && medtrace start",
    ],
    exits: "0 drained, 1 a service did not close well, 2 could not start",
  })
    .option("--processes", "each service in a process of its own, on embedded engines too")
    .action(
      ending(async (options: CommonOptions & { readonly processes?: boolean }) => {
        const level = cli.env["LOG_LEVEL"] === undefined ? { level: "warn" as const } : {};
        const logOf = (name: string) => createLogger({ name, to: "stderr", ...level });
        const log = logOf("medtrace");
        const apart = options.processes === true || wantsProcesses(cli.env);
        const places = apart ? await startProcesses(cli.env, log) : await startEmbedded(cli.env, logOf);
        cli.out(options.json ? placesLine(places) : banner(places));
        await runUntilSignal(places.services, { log });
        return Number(process.exitCode ?? EXIT_OK);
      }),
    );
};

function placesLine({ ingest, mllp, syslog, ledgerWriter, query, data }: Places): string {
  return `${JSON.stringify({ ingest, mllp, syslog, ledgerWriter, query, data })}\n`;
}

function banner({ ingest, mllp, syslog, ledgerWriter, query, data }: Places): string {
  return `medtrace is up, on the data folder ${data}
  ingest         ${ingest}   FHIR and HL7 v2 by HTTP; docs at ${ingest}/docs
  MLLP           ${mllp}${syslog === undefined ? "" : `\n  syslog, TLS    ${syslog}`}
  ledger-writer  ${ledgerWriter}
  query          ${query}   lineage, evidence; docs at ${query}/docs

Try, in another terminal:
  npx medtrace simulate --seconds 5
  npx medtrace fsck
Ctrl-C ends it.
`;
}
