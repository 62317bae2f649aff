/** How Kafka's brokers are spoken to; the only file of this engine that reads process.env. */
import { type Environment, readSettings } from "@medtrace/shared/config";
import type { SASLOptions } from "kafkajs";
import { z } from "zod";
import { textOf, tlsOptions, wrongSetting as wrong } from "../../tls-files.ts";
import type { KafkaAccess } from "./settings.ts";

const MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512"] as const;

const shape = {
  KAFKA_TLS: z.enum(["on", "off"], "wants on or off").default("off"),
  KAFKA_TLS_CA: z.string().optional(),
  KAFKA_TLS_CERT: z.string().optional(),
  KAFKA_TLS_KEY: z.string().optional(),
  KAFKA_SASL_MECHANISM: z
    .string()
    .transform((value) => value.toLowerCase())
    .pipe(z.enum(MECHANISMS, `wants one of ${MECHANISMS.join(", ")}`))
    .optional(),
  KAFKA_SASL_USERNAME: z.string().optional(),
  KAFKA_SASL_PASSWORD: z.string().optional(),
  KAFKA_SASL_PASSWORD_FILE: z.string().optional(),
};

type Settings = z.output<z.ZodObject<typeof shape>>;

/**
 * Whether brokers are reached by TLS, with whose certificates, and as which SASL user; in clear and unnamed unless the
 * environment says otherwise.
 *
 * @throws MedtraceError CONFIGURATION for settings that contradict each other, or a file that cannot be read; no text of
 * it repeats a password.
 */
export function kafkaAccess(env: Environment = process.env): KafkaAccess {
  const settings = readSettings(shape, env);
  return { tls: tlsOf(settings), sasl: saslOf(settings) };
}

function tlsOf(settings: Settings): KafkaAccess["tls"] {
  const { KAFKA_TLS_CA: ca, KAFKA_TLS_CERT: cert, KAFKA_TLS_KEY: key } = settings;
  if (settings.KAFKA_TLS === "off") {
    for (const name of ["KAFKA_TLS_CA", "KAFKA_TLS_CERT", "KAFKA_TLS_KEY"] as const) {
      if (settings[name] !== undefined) throw wrong(name, "is set, where TLS is off", "set KAFKA_TLS=on");
    }
    return undefined;
  }
  return tlsOptions("KAFKA_TLS", { ca, cert, key });
}

function saslOf(settings: Settings): SASLOptions | undefined {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username } = settings;
  if (mechanism === undefined) {
    for (const name of ["KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD", "KAFKA_SASL_PASSWORD_FILE"] as const) {
      if (settings[name] === undefined) continue;
      throw wrong(name, "is set, where no mechanism is", `set KAFKA_SASL_MECHANISM to one of ${MECHANISMS.join(", ")}`);
    }
    return undefined;
  }
  if (mechanism === "plain" && settings.KAFKA_TLS === "off") {
    throw wrong("KAFKA_SASL_MECHANISM", "plain would send the password in clear", "set KAFKA_TLS=on, or use SCRAM");
  }
  if (username === undefined) throw wrong("KAFKA_SASL_USERNAME", "is missing", "SASL wants a user and a password");
  return { mechanism, username, password: passwordOf(settings) };
}

function passwordOf({ KAFKA_SASL_PASSWORD: password, KAFKA_SASL_PASSWORD_FILE: file }: Settings): string {
  if (password !== undefined && file !== undefined) {
    throw wrong("KAFKA_SASL_PASSWORD", "is set beside KAFKA_SASL_PASSWORD_FILE", "set one of them");
  }
  // Editors and `echo` end a file with a newline that belongs to no password.
  const found = file === undefined ? password : textOf("KAFKA_SASL_PASSWORD_FILE", file).replace(/\r?\n$/, "");
  if (found !== undefined && found !== "") return found;
  throw wrong("KAFKA_SASL_PASSWORD", "is missing", "set it, or the path of a file that holds it in …_PASSWORD_FILE");
}
