/** Settings that every service shares; the only file of this package that reads process.env. */
import { type Environment, readSettings } from "@medtrace/shared/config";
import { z } from "zod";

export const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const shape = {
  LOG_LEVEL: z.enum(LOG_LEVELS, `wants one of ${LOG_LEVELS.join(", ")}`).default("info"),
};

/** How much is logged. @throws MedtraceError CONFIGURATION naming the variable. */
export function logSettings(env: Environment = process.env): { readonly level: LogLevel } {
  return { level: readSettings(shape, env).LOG_LEVEL };
}
