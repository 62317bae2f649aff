/**
 * Configuration by environment, validated at start. A service's own config.ts composes these settings and is the
 * only file of it that reads process.env.
 */
import { join, resolve } from "node:path";
import { z } from "zod";
import { MedtraceError } from "./errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads settings by a schema whose keys are the variables' names. An empty variable counts as absent.
 *
 * @throws MedtraceError CONFIGURATION listing every wrong variable and what it wants.
 */
export function readSettings<Shape extends z.ZodRawShape>(
  shape: Shape,
  env: Environment,
): z.output<z.ZodObject<Shape>> {
  const present = Object.fromEntries(Object.keys(shape).flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
  const parsed = z.object(shape).safeParse(present);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new MedtraceError("CONFIGURATION", `wrong settings:\n  ${faults.join("\n  ")}`, {
    hint: "docs/configuration.md lists every variable with its default",
  });
}

/** A whole number within bounds, from text. */
export function wholeNumber(low: number, high: number, fallback: number): z.ZodType<number> {
  const wants = `wants a whole number from ${low} to ${high}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, wants)
    .transform(Number)
    .refine((value) => value >= low && value <= high, wants)
    .default(fallback);
}

const url = (schemes: readonly string[]): z.ZodType<string | undefined> =>
  z
    .string()
    .refine(
      (value) => schemes.some((scheme) => value.startsWith(`${scheme}:`)),
      `wants a URL of ${schemes.join(": or ")}:`,
    )
    .optional();

const engineShape = {
  MEDTRACE_DATA: z.string().default("./data"),
  EVENT_LOG_URL: url(["embedded", "kafka"]),
  DEAD_LETTERS_URL: url(["embedded", "kafka"]),
  LEDGER_URL: url(["embedded", "fabric"]),
  PROJECTION_URL: url(["embedded", "mongodb"]),
  VAULT_URL: url(["embedded", "mongodb"]),
  CACHE_URL: url(["in-process", "redis", "rediss"]),
  KEYS_URL: url(["file"]),
  LEDGER_OWNER: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, "wants an MSP id: 1 to 64 of A-Z a-z 0-9 . _ -")
    .default("PlatformMSP"),
};

/** Which engine stands behind each port. */
export interface EngineSettings {
  readonly data: string;
  readonly eventLogUrl: string;
  /** A log of its own for what could not be projected. */
  readonly deadLettersUrl: string;
  readonly ledgerUrl: string;
  readonly projectionUrl: string;
  readonly vaultUrl: string;
  readonly cacheUrl: string;
  readonly keysUrl: string;
  readonly ledgerOwner: string;
}

/** Engine settings; every port is embedded in the data folder unless its variable says otherwise. */
export function engineSettings(env: Environment): EngineSettings {
  const settings = readSettings(engineShape, env);
  const data = resolve(settings.MEDTRACE_DATA);
  return {
    data,
    eventLogUrl: settings.EVENT_LOG_URL ?? `embedded:${join(data, "event-log")}`,
    deadLettersUrl: settings.DEAD_LETTERS_URL ?? deadLettersBeside(settings.EVENT_LOG_URL, data),
    ledgerUrl: settings.LEDGER_URL ?? `embedded:${join(data, "ledger")}`,
    projectionUrl: settings.PROJECTION_URL ?? `embedded:${join(data, "projection")}`,
    vaultUrl: settings.VAULT_URL ?? `embedded:${join(data, "vault")}`,
    cacheUrl: settings.CACHE_URL ?? "in-process:",
    keysUrl: settings.KEYS_URL ?? `file:${join(data, "keys")}`,
    ledgerOwner: settings.LEDGER_OWNER,
  };
}

/** Beside a Kafka topic `events` the topic `events.dead`, else a folder in the data folder. */
function deadLettersBeside(eventLogUrl: string | undefined, data: string): string {
  if (!eventLogUrl?.startsWith("kafka:")) return `embedded:${join(data, "dead-letters")}`;
  // No URL as such, where it names several brokers. One that is wrong is told of by the engine.
  const [, place = eventLogUrl, query = ""] = /^([^?]*)\??(.*)$/.exec(eventLogUrl) ?? [];
  const options = new URLSearchParams(query);
  options.set("partitions", "1");
  return `${place}.dead?${options}`;
}

/** The event log's name, by which its streams are called: a Kafka topic's own, `events` for an embedded log. */
export function eventLogName({ eventLogUrl }: Pick<EngineSettings, "eventLogUrl">): string {
  return /^kafka:\/\/[^/?]+\/([^/?]+)/.exec(eventLogUrl)?.[1] ?? "events";
}

const authShape = {
  AUTH_ISSUER: z.string().default("urn:medtrace:embedded-issuer"),
  AUTH_AUDIENCE: z.string().default("medtrace"),
  AUTH_JWKS: z
    .string()
    .refine((value) => /^(file:|https?:\/\/)/.test(value), "wants file:PATH or an http(s) URL of a JWK set")
    .optional(),
};

export interface AuthSettings {
  readonly issuer: string;
  readonly audience: string;
  /** `file:` path or URL of the JWK set; by default the embedded issuer's in the data folder. */
  readonly jwks: string;
}

export function authSettings(env: Environment): AuthSettings {
  const settings = readSettings(authShape, env);
  const { data } = engineSettings(env);
  return {
    issuer: settings.AUTH_ISSUER,
    audience: settings.AUTH_AUDIENCE,
    jwks: settings.AUTH_JWKS ?? `file:${join(data, "keys", "jwks.json")}`,
  };
}
