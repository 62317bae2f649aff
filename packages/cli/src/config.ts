/** Settings of the command line; the only file of it that reads process.env. */
import {
  type AuthSettings,
  authSettings,
  type Environment,
  engineSettings,
  readSettings,
} from "@medtrace/shared/config";
import { z } from "zod";

export interface CliSettings {
  /** The embedded data folder. */
  readonly data: string;
  readonly auth: AuthSettings;
  readonly ingestUrl: string;
  readonly queryUrl: string;
  /** A token to use instead of one that the embedded issuer signs. */
  readonly token: string | undefined;
}

const serviceUrl = (fallback: string): z.ZodType<string> =>
  z
    .string()
    .refine((value) => /^https?:\/\/[^/]/.test(value) && URL.canParse(value), "wants an http(s) URL")
    .transform((value) => value.replace(/\/+$/, ""))
    .default(fallback);

const shape = {
  INGEST_URL: serviceUrl("http://127.0.0.1:4001"),
  QUERY_URL: serviceUrl("http://127.0.0.1:4003"),
  MEDTRACE_TOKEN: z.string().optional(),
};

/** @throws MedtraceError CONFIGURATION naming the variable. */
export function cliSettings(env: Environment): CliSettings {
  const settings = readSettings(shape, env);
  return {
    data: engineSettings(env).data,
    auth: authSettings(env),
    ingestUrl: settings.INGEST_URL,
    queryUrl: settings.QUERY_URL,
    token: settings.MEDTRACE_TOKEN,
  };
}

/** The environment of this process. */
export function processEnvironment(): Environment {
  return process.env;
}
