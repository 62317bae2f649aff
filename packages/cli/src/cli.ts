/** What every command shares: where it writes, its options, how its errors are told. */
import type { Environment } from "@medtrace/shared/config";
import { Command, CommanderError, Option } from "commander";
import { asFailure, EXIT_CANNOT, EXIT_OK, Failure, failureText } from "./failure.ts";

/** The surroundings of a command; tests give their own. */
export interface Cli {
  readonly env: Environment;
  /** Writes to stdout: the answer. */
  readonly out: (text: string) => void;
  /** Writes to stderr: progress and errors. */
  readonly err: (text: string) => void;
  /** Whether a person watches stderr. */
  readonly watched: boolean;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** Adds one command to the program; files in commands/ export one each. */
export type AddCommand = (program: Command, cli: Cli) => void;

export interface CommandText {
  /** Name and arguments, such as `publish <path...>`. */
  readonly usage: string;
  readonly summary: string;
  readonly description: string;
  /** Lines of the form `medtrace …  what that does`. */
  readonly examples: readonly string[];
  /** What the exit codes mean where it is more than done and not done. */
  readonly exits: string;
}

/** A command with the options that all have, and help with examples and exit codes. */
export function describe(program: Command, text: CommandText): Command {
  return program
    .command(text.usage)
    .summary(text.summary)
    .description(text.description.replaceAll("\n", " "))
    .option("--json", "answer, progress and errors as JSON")
    .addOption(new Option("--debug", "on an error, show where in the program it comes from"))
    .addHelpText(
      "after",
      `\nExamples:\n${text.examples.map((line) => `  ${line}`).join("\n")}\n\nExit codes: ${text.exits}`,
    );
}

class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super();
    this.code = code;
  }
}

/** A commander action that ends with an exit code. */
export function ending<Args extends readonly unknown[]>(
  action: (...args: Args) => Promise<number>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    throw new Exit(await action(...args));
  };
}

/**
 * Runs one command line.
 *
 * @param args without the program's own name.
 * @returns the exit code; never rejects.
 */
export async function runCli(args: readonly string[], commands: readonly AddCommand[], cli: Cli): Promise<number> {
  const program = new Command("medtrace")
    .description("Who used which medical record, why, and on whose behalf: kept, anchored, and provable offline.")
    .configureOutput({ writeOut: cli.out, writeErr: cli.err })
    .configureHelp({ showGlobalOptions: false })
    .exitOverride()
    .showSuggestionAfterError();
  for (const add of commands) add(program, cli);
  for (const command of program.commands)
    command.exitOverride().configureOutput({ writeOut: cli.out, writeErr: cli.err });
  try {
    await program.parseAsync([...args], { from: "user" });
    return EXIT_OK;
  } catch (error) {
    if (error instanceof Exit) return error.code;
    // Commander has told already, help on stdout and faults on stderr.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_CANNOT;
    return tell(asFailure(error), args, cli);
  }
}

function tell(failure: Failure, args: readonly string[], cli: Cli): number {
  const { message, at, hint, exitCode, cause } = failure;
  cli.err(
    args.includes("--json") ? `${JSON.stringify({ error: { message, at, hint } })}\n` : `${failureText(failure)}\n`,
  );
  if (args.includes("--debug")) {
    for (let error: unknown = cause ?? failure; error instanceof Error; error = error.cause)
      cli.err(`${error.stack}\n`);
  }
  return exitCode;
}

/** A whole number option within bounds. @throws Failure naming the option. */
export function wholeOption(name: string, low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,15}$/.test(text) && value >= low && value <= high) return value;
    throw new Failure(`wants a whole number from ${low} to ${high}`, { at: name });
  };
}
