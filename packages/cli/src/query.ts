/** What the commands that ask query have in common: their options, and its answers. */
import type { Command } from "commander";
import { type Cli, type CommonOptions, wholeOption } from "./cli.ts";
import { cliSettings } from "./config.ts";
import { credentials } from "./credentials.ts";
import { EXIT_NO, Failure } from "./failure.ts";
import { openService, problemOf, type ServiceRequest } from "./http.ts";

export interface QueryOptions extends CommonOptions {
  readonly institution: string;
  readonly token?: string;
  readonly retrySeconds: number;
}

export function withQueryOptions(command: Command): Command {
  return command
    .option("--institution <id>", "the institution that asks, where the token is signed here", "hospital-a")
    .option("--token <token>", "a token to ask with (default: MEDTRACE_TOKEN, else one of the embedded issuer)")
    .option("--retry-seconds <n>", "how long to try again", wholeOption("--retry-seconds", 0, 86_400), 5);
}

/** Asks query and gives the text of its answer. */
export type Ask = (request: Pick<ServiceRequest, "method" | "path" | "body" | "contentType">) => Promise<string>;

/** @throws Failure, in the returned function, with what query said where it did not answer the question. */
export function openQuery(options: QueryOptions, cli: Cli): Ask {
  const settings = cliSettings(cli.env);
  const tokens = credentials(settings, options.token, ["trace/lineage.read"]);
  const retry_s = options.retrySeconds;
  const query = openService({
    name: "query",
    url: settings.queryUrl,
    variable: "QUERY_URL",
    retry_s,
    signal: cli.signal,
  });
  return async (request) => {
    const token = await tokens.token(options.institution);
    const answer = await query.request({ ...request, token, accept: "application/json" });
    if (answer.status === 200) return answer.text;
    const { message, at, hint } = problemOf(answer.text);
    if (answer.status !== 404) throw new Failure(message, { at, hint, exitCode: EXIT_NO });
    throw new Failure("query knows of no such thing", {
      hint:
        hint ?? `check the id, and that ${options.institution} may know of it; what was just taken may take a second`,
      exitCode: EXIT_NO,
    });
  };
}
