/**
 * Log lines: JSON, one a line. What could identify a person must not get in by accident: requests, responses and
 * errors are written by serializers that pick what is safe, and members that hold payloads are censored.
 */
import { MedtraceError } from "@medtrace/shared/errors";
import { type DestinationStream, destination, type Logger as PinoLogger, pino, stdTimeFunctions } from "pino";
import { type LogLevel, logSettings } from "./config.ts";
import { activeIds } from "./tracing.ts";

export type Logger = PinoLogger;

export interface LoggerOptions {
  /** The service's name, on every line. */
  readonly name: string;
  /** Default: `LOG_LEVEL`. */
  readonly level?: LogLevel;
  /** `stderr` for commands whose stdout is their answer. Default `stdout`. */
  readonly to?: "stdout" | "stderr" | DestinationStream;
}

const PAYLOADS = ["authorization", "token", "headers", "body", "url", "query", "params", "raw", "content"];
const CAUSES_MAX = 5;

/** A logger for one service or command. */
export function createLogger({ name, level = logSettings().level, to = "stdout" }: LoggerOptions): Logger {
  const stream = typeof to === "string" ? destination({ dest: to === "stdout" ? 1 : 2, sync: true }) : to;
  return pino(
    {
      level,
      base: { service: name },
      mixin: activeIds,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: safeError, req: safeRequest, res: safeResponse },
      redact: { paths: PAYLOADS.flatMap((key) => [key, `*.${key}`]), censor: "[withheld]" },
      hooks: {
        // pino would take an error's own message for a line that has none.
        logMethod(args, method) {
          const [first, second] = args as unknown[];
          if (first instanceof Error)
            method.apply(this, [{ err: first }, second === undefined ? "error" : `${second}`]);
          else if (isObject(first) && first["err"] instanceof Error && second === undefined) {
            method.apply(this, [first, "error"]);
          } else method.apply(this, args);
        },
      },
    },
    stream,
  );
}

/** Errors whose text this project wrote about itself, and not about what someone sent. */
const TELLS_NOTHING_OF_INPUT = /^(BUSY|STORAGE_FAILED|INTEGRITY|LEDGER_|CONFIGURATION|LOCKED)/;

/**
 * What is logged of an error: its kind, code and stack frames. Messages only of our own errors about our own state,
 * since a parser's message may quote what it parsed.
 */
export function safeError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code, syscall } = error as NodeJS.ErrnoException;
  const frames = error.stack?.split("\n").filter((line) => /^\s+at /.test(line));
  const told = error instanceof MedtraceError && TELLS_NOTHING_OF_INPUT.test(error.code);
  return {
    type: error.name,
    ...(typeof code === "string" ? { code } : {}),
    ...(typeof syscall === "string" ? { syscall } : {}),
    ...(told ? { message: error.message, hint: error.hint } : {}),
    ...(frames === undefined ? {} : { stack: frames.join("\n") }),
    ...(error.cause === undefined || depth >= CAUSES_MAX ? {} : { cause: safeError(error.cause, depth + 1) }),
  };
}

function safeRequest(request: unknown): Record<string, unknown> {
  const { method, routeOptions } = request as { method?: string; routeOptions?: { url?: string } };
  return { method, route: routeOptions?.url ?? "unmatched" };
}

function safeResponse(reply: unknown): Record<string, unknown> {
  return { status: (reply as { statusCode?: number }).statusCode };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
