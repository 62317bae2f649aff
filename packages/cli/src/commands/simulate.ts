/** `medtrace simulate`: believable hospital traffic, to ingest or into files. */
import { resolve } from "node:path";
import { type AddCommand, type Cli, type CommonOptions, describe, ending, wholeOption } from "../cli.ts";
import { type CliSettings, cliSettings } from "../config.ts";
import { credentials } from "../credentials.ts";
import { EXIT_NO, EXIT_OK, Failure } from "../failure.ts";
import { openService } from "../http.ts";
import { createBar } from "../progress.ts";
import { addToTotals, countsText, reportText, type Totals } from "../publish/report.ts";
import { createSender, type Sender } from "../publish/send.ts";
import { deliver } from "../simulate/deliver.ts";
import type { SimulatedMessage } from "../simulate/desk.ts";
import { DEFAULT_START, traffic } from "../simulate/traffic.ts";
import { writeTraffic } from "../simulate/write.ts";

interface Options extends CommonOptions {
  readonly rate: number;
  readonly seconds: number;
  readonly seed: string;
  readonly start: string;
  readonly out?: string;
  readonly retrySeconds: number;
}

export const addSimulate: AddCommand = (program, cli) => {
  describe(program, {
    usage: "simulate",
    summary: "make believable hospital traffic",
    description:
      "Makes the traffic of two hospitals and a laboratory: admissions, transfers, orders, results, documents, staff who\n" +
      "read records in shifts, referrals with disclosures, break-glass, merges; HL7 v2 and FHIR. It is the same for the\n" +
      "same seed and start. Sends it to ingest, each institution with its own token, or writes files with --out.",
    examples: [
      "medtrace simulate --rate 200 --seconds 30",
      "medtrace simulate --rate 0 --seconds 100 --seed 7   as fast as ingest takes it: 100 × 100 messages",
      "medtrace simulate --rate 1000 --seconds 10 --seed 7 --out traffic   10,000 messages into files",
    ],
    exits: "0 everything was taken or written, 1 something was refused, 2 ingest could not be reached",
  })
    .option("--rate <n>", "messages a second; 0: no pause between them", wholeOption("--rate", 0, 1_000_000), 100)
    .option("--seconds <n>", "for how long", wholeOption("--seconds", 1, 604_800), 10)
    .option("--seed <text>", "another seed gives other traffic", "1")
    .option("--start <time>", "virtual time at which it begins, RFC 3339", DEFAULT_START)
    .option("--out <folder>", "write files into this folder instead of sending")
    .option("--retry-seconds <n>", "how long to try again", wholeOption("--retry-seconds", 0, 86_400), 30)
    .action(
      ending(async (options: Options) => {
        const start_ms = Date.parse(options.start);
        if (Number.isNaN(start_ms))
          throw new Failure("wants a time such as 2026-03-02T06:30:00+01:00", { at: "--start" });
        const messages = traffic({ seed: options.seed, start_ms });
        const count = (options.rate === 0 ? RATE_UNPACED : options.rate) * options.seconds;
        if (options.out !== undefined) {
          const counts = await writeTraffic(resolve(options.out), messages, count, cli.signal);
          for (const [file, written] of counts) {
            cli.out(
              options.json ? `${JSON.stringify({ file, messages: written })}\n` : `${file}  ${written} messages\n`,
            );
          }
          return EXIT_OK;
        }
        return await send(messages, count, options, cli);
      }),
    );
};

/** Messages that a second stands for where they are not paced. */
const RATE_UNPACED = 100;

/** A report that a hospital keeps: something to trace, for who has just come. */
const KEPT_REPORT = /"target":\[\{"reference":"(DiagnosticReport\/[A-Z0-9]+)"/;

/** The same messages; `found` is told of the first record worth tracing. */
function* lookedThrough(
  messages: Iterable<SimulatedMessage>,
  found: (record: string) => void,
): Iterable<SimulatedMessage> {
  let told = false;
  for (const message of messages) {
    if (!told && message.type === "Provenance") {
      const record = KEPT_REPORT.exec(new TextDecoder().decode(message.bytes))?.[1];
      if (record !== undefined) {
        told = true;
        found(`${message.institution}/${record}`);
      }
    }
    yield message;
  }
}

async function send(messages: ReturnType<typeof traffic>, count: number, options: Options, cli: Cli): Promise<number> {
  let record: string | undefined;
  const bar = createBar(cli, options.json !== true);
  const delivery = await deliver({
    messages: lookedThrough(messages, (found) => {
      record = found;
    }),
    count,
    rate: options.rate === 0 ? Number.POSITIVE_INFINITY : options.rate,
    senderOf: senders(cliSettings(cli.env), options.retrySeconds, cli),
    progress: (sent) => bar.show(sent / count, `${sent} of ${count} messages`),
    signal: cli.signal,
  }).finally(() => bar.clear());
  const totals: Totals = { files: 0, accepted: 0, flagged: 0, duplicate: 0, refused: 0 };
  for (const report of delivery.reports) {
    addToTotals(totals, report);
    cli.out(
      options.json
        ? `${JSON.stringify({ institution: report.file, ...report, file: undefined })}\n`
        : reportText(report),
    );
  }
  const { sent, seconds } = delivery;
  const rate = Math.round(sent / seconds);
  cli.out(
    options.json
      ? `${JSON.stringify({ total: { ...totals, files: undefined, sent, seconds, rate } })}\n`
      : `${sent} messages in ${seconds.toFixed(1)} s, ${rate} a second: ${countsText(totals)}\n`,
  );
  if (record !== undefined && cli.watched) cli.err(`try: npx medtrace trace ${record}\n`);
  return totals.refused > 0 ? EXIT_NO : EXIT_OK;
}

/** One sender for each institution, with a token of its own. */
function senders(settings: CliSettings, retry_s: number, { signal }: Cli): (institution: string) => Sender {
  const ingest = openService({ name: "ingest", url: settings.ingestUrl, variable: "INGEST_URL", retry_s, signal });
  const tokens = credentials(settings, undefined, ["trace/events.write"]);
  return (institution) => createSender({ ingest, token: () => tokens.token(institution), retry_s, signal });
}
