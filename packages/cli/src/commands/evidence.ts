/** `medtrace evidence`: a file that proves events to someone who trusts neither us nor our servers. */
import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { type AddCommand, describe, ending } from "../cli.ts";
import { EXIT_OK, Failure } from "../failure.ts";
import { openQuery, type QueryOptions, withQueryOptions } from "../query.ts";

interface Options extends QueryOptions {
  readonly event?: readonly string[];
  readonly record?: string;
  readonly subject?: string;
  readonly feed?: string;
  readonly from?: string;
  readonly to?: string;
  readonly out: string;
}

export const addEvidence: AddCommand = (program, cli) => {
  const command = describe(program, {
    usage: "evidence",
    summary: "write evidence of events to a file",
    description:
      "Writes a file that proves events: by their ids, or all that name a record or a subject and that the institution\n" +
      "may know of; or what was stated of a feed: what came, and when nothing did. medtrace verify, or the verifier on any machine, checks it without asking anyone.",
    examples: [
      "medtrace evidence --record hospital-a/DiagnosticReport/12345",
      "medtrace evidence --event 4f1c… --event 90aa… --out two-events.json",
      "medtrace evidence --subject 3q2-7wEAAAB… --from 2026-03-01T00:00:00Z --out march.json",
      "medtrace evidence --feed 'hospital-a/Feed/mllp/EHR%7CHOSPA' --from 2026-03-01T02:00:00Z --to 2026-03-01T04:00:00Z",
    ],
    exits: "0 written, 1 query has no such evidence, 2 query could not be reached or the token was refused",
  })
    .option("--event <id...>", "ids of events, 64 hex digits each")
    .option("--record <id>", "a record: all events that name it")
    .option("--subject <token>", "a subject's token: all events about the person")
    .option("--feed <id>", "a feed's id: what was stated of it")
    .option("--from <time>", "with all but --event: the earliest time, RFC 3339")
    .option("--to <time>", "with all but --event: before this time, RFC 3339")
    .option("--out <file>", "where to write it", "evidence.json");
  withQueryOptions(command).action(
    ending(async (options: Options) => {
      const { event, record, subject, feed, from, to, out } = options;
      const ways = [event, record, subject, feed].filter((way) => way !== undefined);
      if (ways.length !== 1)
        throw new Failure("wants one of --event, --record, --subject and --feed", { hint: "see --help" });
      const ask = openQuery(options, cli);
      const body = JSON.stringify({ events: event, record, subject, feed, from, to });
      const text = await ask({ method: "POST", path: "/v1/evidence", body, contentType: "application/json" });
      await writeWhole(out, text);
      const { events, batches } = JSON.parse(text) as { events: readonly unknown[]; batches: readonly unknown[] };
      cli.out(
        options.json
          ? `${JSON.stringify({ file: out, events: events.length, batches: batches.length })}\n`
          : `${out}: ${count(events.length, "event", "events")} in ${count(batches.length, "batch", "batches")}\n`,
      );
      return EXIT_OK;
    }),
  );
};

/** A reader never meets half of the file. */
async function writeWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString("hex")}.draft`;
  try {
    await writeFile(draft, text, { flag: "wx" });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
