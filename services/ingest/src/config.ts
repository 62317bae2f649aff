/** Settings of ingest; the only file of it that reads process.env. */
import {
  type AuthSettings,
  authSettings,
  type EngineSettings,
  type Environment,
  engineSettings,
  readSettings,
  wholeNumber,
} from "@medtrace/shared/config";
import { MedtraceError } from "@medtrace/shared/errors";
import { z } from "zod";
import { type FeedSettings, feedSettings } from "./feeds/config.ts";
import { MLLP_LIMITS, type MllpLimits } from "./mllp/limits.ts";
import type { MllpTlsFiles } from "./mllp/tls.ts";
import { type SyslogSettings, syslogSettings } from "./syslog/config.ts";

export interface IngestSettings {
  readonly engines: EngineSettings;
  readonly auth: AuthSettings;
  readonly host: string;
  readonly port: number;
  readonly mllpPort: number;
  /** The institution that the MLLP listener speaks for. */
  readonly mllpInstitution: string;
  /** File of the institutions' directory; undefined: the one that ships. */
  readonly directory: string | undefined;
  /** Offset for source times that carry none. */
  readonly zone: string;
  readonly bodyBytesMax: number;
  /** Of one institution, over all processes; 0: any number. */
  readonly eventsPerSecondMax: number;
  readonly mllpLimits: Partial<MllpLimits>;
  /** Undefined: MLLP over plain TCP. */
  readonly mllpTls: MllpTlsFiles | undefined;
  /** Undefined: no syslog. */
  readonly syslog: SyslogSettings | undefined;
  readonly feeds: FeedSettings;
}

const shape = {
  HOST: z.string().default("127.0.0.1"),
  INGEST_PORT: wholeNumber(0, 65_535, 4001),
  INGEST_MLLP_PORT: wholeNumber(0, 65_535, 2575),
  INGEST_MLLP_INSTITUTION: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, "wants an institution: 1 to 64 of A-Z a-z 0-9 . _ -")
    .default("hospital-a"),
  INGEST_DIRECTORY: z.string().optional(),
  INGEST_ZONE: z
    .string()
    .regex(/^[+-]([01]\d|2[0-3]):[0-5]\d$/, "wants an offset such as +01:00")
    .default("+00:00"),
  INGEST_BODY_BYTES_MAX: wholeNumber(1_024, 1_073_741_824, 32 * 1_048_576),
  INGEST_EVENTS_PER_SECOND_MAX: wholeNumber(0, 1_000_000, 0),
  INGEST_FRAME_BYTES_MAX: wholeNumber(1_024, 268_435_456, MLLP_LIMITS.frameBytesMax),
  INGEST_MLLP_CONNECTIONS_MAX: wholeNumber(1, 65_535, MLLP_LIMITS.connectionsMax),
  INGEST_MLLP_IDLE_MS_MAX: wholeNumber(1_000, 86_400_000, MLLP_LIMITS.idle_ms_max),
  INGEST_MLLP_FRAME_MS_MAX: wholeNumber(1_000, 3_600_000, MLLP_LIMITS.frame_ms_max),
  INGEST_MLLP_TLS_CERT: z.string().optional(),
  INGEST_MLLP_TLS_KEY: z.string().optional(),
  INGEST_MLLP_TLS_CLIENT_CA: z.string().optional(),
};

/** @throws MedtraceError CONFIGURATION, saying which variable is wrong. */
export function ingestSettings(env: Environment = process.env): IngestSettings {
  const settings = readSettings(shape, env);
  return {
    engines: engineSettings(env),
    auth: authSettings(env),
    host: settings.HOST,
    port: settings.INGEST_PORT,
    mllpPort: settings.INGEST_MLLP_PORT,
    mllpInstitution: settings.INGEST_MLLP_INSTITUTION,
    directory: settings.INGEST_DIRECTORY,
    zone: settings.INGEST_ZONE,
    bodyBytesMax: settings.INGEST_BODY_BYTES_MAX,
    eventsPerSecondMax: settings.INGEST_EVENTS_PER_SECOND_MAX,
    mllpLimits: {
      frameBytesMax: settings.INGEST_FRAME_BYTES_MAX,
      connectionsMax: settings.INGEST_MLLP_CONNECTIONS_MAX,
      idle_ms_max: settings.INGEST_MLLP_IDLE_MS_MAX,
      frame_ms_max: settings.INGEST_MLLP_FRAME_MS_MAX,
    },
    mllpTls: tlsFiles(settings.INGEST_MLLP_TLS_CERT, settings.INGEST_MLLP_TLS_KEY, settings.INGEST_MLLP_TLS_CLIENT_CA),
    syslog: syslogSettings(env),
    feeds: feedSettings(env),
  };
}

/** Half of what TLS needs must not quietly mean none of it. */
function tlsFiles(cert?: string, key?: string, clientCa?: string): MllpTlsFiles | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key, clientCa };
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  throw new MedtraceError("CONFIGURATION", "MLLP over TLS wants both a certificate and its key", {
    at: cert === undefined ? "INGEST_MLLP_TLS_CERT" : "INGEST_MLLP_TLS_KEY",
    hint: "set INGEST_MLLP_TLS_CERT and INGEST_MLLP_TLS_KEY; INGEST_MLLP_TLS_CLIENT_CA is for client certificates",
  });
}
