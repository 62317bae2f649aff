/** `medtrace trace`: where a record came from, what became of it, and who used it. */
import { Option } from "commander";
import { type AddCommand, describe, ending, wholeOption } from "../cli.ts";
import { EXIT_OK } from "../failure.ts";
import { openQuery, type QueryOptions, withQueryOptions } from "../query.ts";
import type { AccessesAnswer, LineageAnswer } from "../trace/answers.ts";
import { traceText } from "../trace/tree.ts";

interface Options extends QueryOptions {
  readonly direction: "up" | "down" | "both";
  readonly depth: number;
  readonly limit: number;
  readonly format: (typeof FORMATS)[number];
  readonly bundles?: "none" | "institution";
}

/** For people, as query answers, and as W3C PROV. */
const FORMATS = ["text", "json", "prov-json", "prov-n", "turtle", "trig", "json-ld", "prov-xml"] as const;

export const addTrace: AddCommand = (program, cli) => {
  const command = describe(program, {
    usage: "trace <record>",
    summary: "show a record's lineage and accesses",
    description:
      "Shows what a record was made from, what became of it, and every access that the institution may know of, each\n" +
      "checked against the ledger. Asks query (QUERY_URL). A record is an absolute URL, a urn:, or institution/Type/id.",
    examples: [
      "medtrace trace hospital-a/DiagnosticReport/12345",
      "medtrace trace urn:oid:2.25.1234 --direction up --depth 5",
      "medtrace trace hospital-a/DiagnosticReport/12345 --format prov-n > report.provn",
    ],
    exits: "0 shown, 1 query knows of no such record, 2 query could not be reached or the token was refused",
  })
    .addOption(
      new Option("--direction <way>", "where it came from, went to").choices(["up", "down", "both"]).default("both"),
    )
    .option("--depth <n>", "how many steps from the record", wholeOption("--depth", 1, 100), 3)
    .option("--limit <n>", "how many accesses, newest first", wholeOption("--limit", 1, 10_000), 50)
    .addOption(
      new Option("--format <form>", "for people, as JSON, or as W3C PROV (lineage alone)")
        .choices(FORMATS)
        .default("text"),
    )
    .addOption(
      new Option("--bundles <by>", "W3C PROV with a bundle for what each institution attests").choices([
        "none",
        "institution",
      ]),
    );
  withQueryOptions(command).action(
    ending(async (record: string, options: Options) => {
      const ask = openQuery(options, cli);
      const path = `/v1/records/${encodeURIComponent(record)}`;
      const { direction, depth } = options;
      const lineage = `${path}/lineage?direction=${direction}&depth=${depth}`;
      const format = options.json === true ? "json" : options.format;
      if (format !== "text" && format !== "json") {
        const bundles = options.bundles === undefined ? "" : `&bundles=${options.bundles}`;
        const document = await ask({ method: "GET", path: `${lineage}&format=${format}${bundles}` });
        cli.out(document.endsWith("\n") ? document : `${document}\n`);
        return EXIT_OK;
      }
      const found = JSON.parse(await ask({ method: "GET", path: lineage })) as LineageAnswer;
      const accesses = `${path}/accesses?limit=${options.limit}`;
      const used = JSON.parse(await ask({ method: "GET", path: accesses })) as AccessesAnswer;
      cli.out(
        format === "json"
          ? `${JSON.stringify({ lineage: found, accesses: used })}\n`
          : traceText(found, used, direction),
      );
      return EXIT_OK;
    }),
  );
};
