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
import { z } from "zod";

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
  readonly frameBytesMax: number;
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
  INGEST_FRAME_BYTES_MAX: wholeNumber(1_024, 268_435_456, 16 * 1_048_576),
};

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
    frameBytesMax: settings.INGEST_FRAME_BYTES_MAX,
  };
}
