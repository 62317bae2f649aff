/** Settings of the Fabric engine; the only file of it that reads process.env. */
import { type Environment, readSettings, wholeNumber } from "@medtrace/shared/config";
import { z } from "zod";

/** How long each step of a transaction may take, and how many calls there may be at one time. */
export interface FabricLimits {
  readonly endorse_ms_max: number;
  readonly submit_ms_max: number;
  readonly commit_ms_max: number;
  readonly concurrency_max: number;
}

export interface FabricSettings {
  /** Folder of MSP folders, each named by its MSP id. */
  readonly identities: string;
  /** PEM file of the CAs of the peers' TLS certificates. */
  readonly tlsCa: string;
  readonly limits: FabricLimits;
}

const shape = {
  FABRIC_IDENTITIES: z.string({ error: "wants a folder of MSP folders, each named by its MSP id" }),
  FABRIC_TLS_CA: z.string({ error: "wants a PEM file of the CAs of the peers' TLS certificates" }),
  FABRIC_ENDORSE_MS_MAX: wholeNumber(100, 600_000, 15_000),
  FABRIC_SUBMIT_MS_MAX: wholeNumber(100, 600_000, 10_000),
  FABRIC_COMMIT_MS_MAX: wholeNumber(100, 600_000, 30_000),
  FABRIC_CONCURRENCY_MAX: wholeNumber(1, 10_000, 64),
};

/** @throws MedtraceError CONFIGURATION */
export function fabricSettings(env: Environment = process.env): FabricSettings {
  const settings = readSettings(shape, env);
  return {
    identities: settings.FABRIC_IDENTITIES,
    tlsCa: settings.FABRIC_TLS_CA,
    limits: {
      endorse_ms_max: settings.FABRIC_ENDORSE_MS_MAX,
      submit_ms_max: settings.FABRIC_SUBMIT_MS_MAX,
      commit_ms_max: settings.FABRIC_COMMIT_MS_MAX,
      concurrency_max: settings.FABRIC_CONCURRENCY_MAX,
    },
  };
}
