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

const tracingShape = {
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .string()
    .refine((value) => /^https?:\/\//.test(value), "wants the http(s) URL of an OpenTelemetry collector")
    .optional(),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .refine((value) => Number(value) >= 0 && Number(value) <= 1, "wants a ratio from 0 to 1")
    .transform(Number)
    .default(1),
};

export interface TracingSettings {
  /** Base URL of the collector (OTLP over HTTP); undefined: no traces. */
  readonly endpoint: string | undefined;
  /** Share of traces that begin here and are kept; those that begin elsewhere are kept as their beginner decided. */
  readonly ratio: number;
}

/** Where traces go. @throws MedtraceError CONFIGURATION naming the variable. */
export function tracingSettings(env: Environment = process.env): TracingSettings {
  const settings = readSettings(tracingShape, env);
  return { endpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT, ratio: settings.OTEL_TRACES_SAMPLER_ARG };
}
