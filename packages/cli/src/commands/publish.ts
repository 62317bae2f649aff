/** `medtrace publish`: files to ingest. */
import { stat } from "node:fs/promises";
import { type AddCommand, type CommonOptions, describe, ending, wholeOption } from "../cli.ts";
import { cliSettings } from "../config.ts";
import { credentials } from "../credentials.ts";
import { EXIT_NO, EXIT_OK, Failure } from "../failure.ts";
import { openService } from "../http.ts";
import { createBar } from "../progress.ts";
import { filesOf } from "../publish/files.ts";
import { publishFiles } from "../publish/publish.ts";
import { addToTotals, reportText, type Totals, totalsText } from "../publish/report.ts";
import { createSender } from "../publish/send.ts";

interface Options extends CommonOptions {
  readonly institution: string;
  readonly token?: string;
  readonly retrySeconds: number;
}

export const addPublish: AddCommand = (program, cli) => {
  describe(program, {
    usage: "publish <path...>",
    summary: "send HL7 v2 and FHIR files to ingest",
    description:
      "Sends files, and folders with all that is in them, to ingest (INGEST_URL). What a file holds is told by its\n" +
      "content: HL7 v2 (one message, a stream or a batch), a FHIR resource or Bundle in JSON, or NDJSON. Says for each\n" +
      "file what was accepted, flagged, duplicate and refused, and why. Sending a file again adds nothing.",
    examples: [
      "medtrace publish messages.hl7",
      "medtrace publish exports/ audit.ndjson --institution hospital-b",
      "medtrace publish exports/ --json | jq 'select(.refused > 0)'",
    ],
    exits: "0 everything was taken, 1 something was refused, 2 ingest could not be reached or the token was refused",
  })
    .option("--institution <id>", "the institution that sends, where the token is signed here", "hospital-a")
    .option("--token <token>", "a token to send with (default: MEDTRACE_TOKEN, else one of the embedded issuer)")
    .option("--retry-seconds <n>", "how long to try again", wholeOption("--retry-seconds", 0, 86_400), 30)
    .action(
      ending(async (paths: readonly string[], options: Options) => {
        const settings = cliSettings(cli.env);
        const { signal } = cli;
        const tokens = credentials(settings, options.token, ["trace/events.write"]);
        const retry_s = options.retrySeconds;
        const ingest = openService({
          name: "ingest",
          url: settings.ingestUrl,
          variable: "INGEST_URL",
          retry_s,
          signal,
        });
        const sender = createSender({ ingest, token: () => tokens.token(options.institution), retry_s, signal });
        const files = await filesOf(paths);
        if (files.length === 0) throw new Failure("there are no files here", { at: paths.join(", ") });
        const sizeOf = (file: string) =>
          stat(file).then(
            ({ size }) => size,
            () => 0,
          );
        const sizes = await Promise.all(files.map(sizeOf));
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const bar = createBar(cli, options.json !== true);
        const totals: Totals = { files: 0, accepted: 0, flagged: 0, duplicate: 0, refused: 0 };
        let done = 0;
        const progress = (bytes: number): void => {
          done += bytes;
          bar.show(total === 0 ? 1 : done / total, `${totals.files} of ${files.length} files`);
        };
        try {
          for await (const report of publishFiles(files, sender, progress)) {
            addToTotals(totals, report);
            bar.clear();
            cli.out(options.json ? `${JSON.stringify(report)}\n` : reportText(report));
          }
        } finally {
          bar.clear();
        }
        cli.out(options.json ? `${JSON.stringify({ total: totals })}\n` : totalsText(totals));
        return totals.refused > 0 ? EXIT_NO : EXIT_OK;
      }),
    );
};
