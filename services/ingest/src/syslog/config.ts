/** Settings of the syslog listener. */
import { type Environment, readSettings, wholeNumber } from "@medtrace/shared/config";
import { MedtraceError } from "@medtrace/shared/errors";
import { z } from "zod";
import { SYSLOG_LIMITS } from "./limits.ts";
import type { TlsVersion } from "./server.ts";

export interface SyslogSettings {
  readonly port: number;
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
  /** Authorities of client certificates. */
  readonly clientCa: string;
  readonly tlsVersionMax: TlsVersion;
  readonly messageBytesMax: number;
}

const shape = {
  INGEST_SYSLOG_PORT: wholeNumber(0, 65_535, 6514),
  INGEST_SYSLOG_TLS_CERT: z.string().optional(),
  INGEST_SYSLOG_TLS_KEY: z.string().optional(),
  INGEST_SYSLOG_TLS_CLIENT_CA: z.string().optional(),
  INGEST_SYSLOG_TLS_MAX: z.enum(["1.2", "1.3"]).default("1.2"),
  INGEST_SYSLOG_BYTES_MAX: wholeNumber(32_768, 67_108_864, SYSLOG_LIMITS.messageBytesMax),
};

/**
 * Undefined where no certificate is given: there is no syslog without TLS.
 *
 * @throws MedtraceError CONFIGURATION where some of the three files are named and others are not.
 */
export function syslogSettings(env: Environment): SyslogSettings | undefined {
  const settings = readSettings(shape, env);
  const { INGEST_SYSLOG_TLS_CERT: cert, INGEST_SYSLOG_TLS_KEY: key, INGEST_SYSLOG_TLS_CLIENT_CA: clientCa } = settings;
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  if (cert !== undefined && key !== undefined && clientCa !== undefined) {
    return {
      port: settings.INGEST_SYSLOG_PORT,
      cert,
      key,
      clientCa,
      tlsVersionMax: `TLSv${settings.INGEST_SYSLOG_TLS_MAX}`,
      messageBytesMax: settings.INGEST_SYSLOG_BYTES_MAX,
    };
  }
  throw new MedtraceError("CONFIGURATION", "syslog over TLS wants a certificate, its key and authorities of clients", {
    at: "INGEST_SYSLOG_TLS_CERT, INGEST_SYSLOG_TLS_KEY, INGEST_SYSLOG_TLS_CLIENT_CA",
    hint: "name all three PEM files, or none of them",
  });
}
