/** Settings of the ledger-writer; the only file of it that reads process.env. */
import {
  type EngineSettings,
  type Environment,
  engineSettings,
  readSettings,
  wholeNumber,
} from "@medtrace/shared/config";
import { z } from "zod";
import type { BatchLimits } from "./gather.ts";

export interface LedgerWriterSettings {
  readonly engines: EngineSettings;
  readonly host: string;
  readonly port: number;
  readonly limits: BatchLimits;
}

const shape = {
  HOST: z.string().default("127.0.0.1"),
  LEDGER_WRITER_PORT: wholeNumber(0, 65_535, 4002),
  BATCH_COUNT_MAX: wholeNumber(1, 65_536, 1024),
  BATCH_BYTES_MAX: wholeNumber(1_024, 64 * 1_048_576, 8 * 1_048_576),
  BATCH_AGE_MS_MAX: wholeNumber(1, 600_000, 200),
};

export function ledgerWriterSettings(env: Environment = process.env): LedgerWriterSettings {
  const settings = readSettings(shape, env);
  return {
    engines: engineSettings(env),
    host: settings.HOST,
    port: settings.LEDGER_WRITER_PORT,
    limits: {
      countMax: settings.BATCH_COUNT_MAX,
      bytesMax: settings.BATCH_BYTES_MAX,
      age_ms_max: settings.BATCH_AGE_MS_MAX,
    },
  };
}
