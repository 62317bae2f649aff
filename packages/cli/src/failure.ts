/** How commands fail, and what their exit codes mean. */
import { MedtraceError } from "@medtrace/shared/errors";

/** Done, and the answer is yes. */
export const EXIT_OK = 0;
/** Done, and the answer is no: something was refused, refuted or found wrong. */
export const EXIT_NO = 1;
/** Could not be done: wrong usage, no service, no permission. */
export const EXIT_CANNOT = 2;

/** A failure that is told as `medtrace: what (where) — what to do`. */
export class Failure extends Error {
  readonly at: string | undefined;
  readonly hint: string | undefined;
  readonly exitCode: number;

  constructor(
    message: string,
    details: { at?: string | undefined; hint?: string | undefined; exitCode?: number; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "Failure";
    this.at = details.at;
    this.hint = details.hint;
    this.exitCode = details.exitCode ?? EXIT_CANNOT;
  }
}

/** Any error as a failure; what nobody foresaw keeps its message. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof MedtraceError) {
    return new Failure(error.message, { at: error.at, hint: error.hint, cause: error });
  }
  if (error instanceof Error && error.name === "AbortError") return new Failure("interrupted", { cause: error });
  const { path, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { message: String(error) };
  const fault = fileFault(error);
  if (fault !== undefined) return new Failure(fault, { at: path, cause: error });
  return new Failure(message, { hint: "run again with --debug for where it comes from", cause: error });
}

/** What is wrong with a file, where the error is of a file. */
export function fileFault(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code !== undefined && Object.hasOwn(FILE_FAULTS, code) ? FILE_FAULTS[code] : undefined;
}

const FILE_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "the file may not be read or written",
  EISDIR: "this is a folder, where a file is wanted",
  ELOOP: "the links lead round in a circle",
  ENAMETOOLONG: "the name is too long",
  ENOSPC: "the disk is full",
};

/** Text that steers no terminal: file names, and what services say of them, may hold anything. */
export function printable(text: string): string {
  return text.replace(/[^\P{C}]|[\p{Zl}\p{Zp}]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}

/** For people: `medtrace: what (where) — what to do`. */
export function failureText({ message, at, hint }: Failure): string {
  const text = `medtrace: ${message}${at === undefined ? "" : ` (${at})`}${hint === undefined ? "" : ` — ${hint}`}`;
  // Several settings are told of line by line; further lines are indented, so that none can look like one of ours.
  return text
    .split("\n")
    .map((line, i) => (i === 0 ? "" : "  ") + printable(line.trim()))
    .join("\n");
}
