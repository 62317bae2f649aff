/** `medtrace token`: a token of the embedded issuer. */
import { openIssuer } from "@medtrace/service-kit/issuer";
import { SCOPES } from "@medtrace/service-kit/scopes";
import { type AddCommand, type CommonOptions, describe, ending } from "../cli.ts";
import { cliSettings } from "../config.ts";
import { EXIT_OK, Failure } from "../failure.ts";

interface Options extends CommonOptions {
  readonly institution: string;
  readonly scope: string;
  readonly subject?: string;
  readonly expires: string;
}

const UNITS_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

export const addToken: AddCommand = (program, cli) => {
  describe(program, {
    usage: "token",
    summary: "print a token of the embedded issuer",
    description:
      "Prints a bearer token, alone on stdout. The embedded issuer in the data folder (MEDTRACE_DATA, default ./data)\n" +
      "signs it, and is made where there is none. Where institutions have an identity provider, ask that one instead.",
    examples: [
      "medtrace token --institution hospital-a --scope trace/events.write",
      'medtrace token --institution hospital-a --scope "trace/events.write trace/lineage.read" --expires 8h',
      'curl -H "Authorization: Bearer $(medtrace token --institution hospital-a --scope trace/lineage.read)" …',
    ],
    exits: "0 printed, 2 could not be made",
  })
    .requiredOption("--institution <id>", "the institution that the token speaks for")
    .requiredOption("--scope <scopes>", `what it allows, separated by blanks: ${SCOPES.join(", ")}`)
    .option("--subject <id>", "who uses it")
    .option("--expires <time>", "how long it holds: seconds, or 30m, 8h, 7d", "1h")
    .action(
      ending(async (options: Options) => {
        const settings = cliSettings(cli.env);
        const expires_s = seconds(options.expires);
        const scopes = options.scope.split(/[\s,]+/).filter((scope) => scope !== "");
        const unknown = scopes.find((scope) => !(SCOPES as readonly string[]).includes(scope));
        if (unknown !== undefined || scopes.length === 0) {
          throw new Failure(`there is no scope ${unknown ?? "in this"}`, {
            at: "--scope",
            hint: `use ${SCOPES.join(", ")}`,
          });
        }
        const issuer = await openIssuer({ data: settings.data, ...settings.auth });
        const { institution, subject } = options;
        const token = await issuer.issueToken({ institution, scopes, expires_s, ...(subject ? { subject } : {}) });
        cli.out(options.json ? `${JSON.stringify({ token, institution, scopes, expires_s })}\n` : `${token}\n`);
        return EXIT_OK;
      }),
    );
};

function seconds(text: string): number {
  const [, number, unit = "s"] = /^(\d{1,8})([smhd]?)$/.exec(text) ?? [];
  if (number === undefined) throw new Failure("wants a time such as 3600, 30m, 8h or 7d", { at: "--expires" });
  return Number(number) * (UNITS_S[unit || "s"] ?? 1);
}
