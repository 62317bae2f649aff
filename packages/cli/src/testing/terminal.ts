/** A command line without a terminal, for tests. */
import type { Environment } from "@medtrace/shared/config";
import { type AddCommand, runCli } from "../cli.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line, and gives what it wrote. */
export async function run(args: readonly string[], commands: readonly AddCommand[], env: Environment): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await runCli(args, commands, {
    env,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    watched: false,
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

/** The lines of JSON that a command wrote. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
