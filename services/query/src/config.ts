/** Settings of query; the only file of it that reads process.env. */
import { join } from "node:path";
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

/** Settings of the projector as a process of its own. */
export interface ProjectorSettings {
  readonly engines: EngineSettings;
  readonly host: string;
  readonly port: number;
}

export interface QuerySettings {
  readonly engines: EngineSettings;
  readonly auth: AuthSettings;
  readonly host: string;
  readonly port: number;
  /** Where queries report themselves to, as AuditEvents. */
  readonly ingestUrl: string;
  readonly audit: AuditSettings;
  /** Whether this process projects too, where no other does. */
  readonly projects: boolean;
  /** `count`: answers say how many events the caller may not see. */
  readonly hiddenCount: "none" | "count";
  readonly limits: QueryLimits;
}

export interface AuditSettings {
  readonly on: boolean;
  /** Folder that reports wait in until ingest has taken them. */
  readonly folder: string;
  /** Beyond this many waiting bytes, queries are refused rather than left untraced. */
  readonly spoolBytesMax: number;
}

export interface QueryLimits {
  /** Lineage and paths: hops, records, and time. */
  readonly depthMax: number;
  readonly nodesMax: number;
  readonly traversal_ms_max: number;
  readonly pageMax: number;
  readonly evidenceEventsMax: number;
  readonly feedsMax: number;
  /** How long an answer may be kept; it is true for its height as long as it is kept. */
  readonly cache_ms_max: number;
}

const shape = {
  HOST: z.string().default("127.0.0.1"),
  QUERY_PORT: wholeNumber(0, 65_535, 4003),
  INGEST_URL: z
    .string()
    .refine((value) => /^https?:\/\//.test(value), "wants an http(s) URL")
    .default("http://127.0.0.1:4001"),
  QUERY_AUDIT: z.enum(["on", "off"], "wants on or off").default("on"),
  QUERY_AUDIT_FOLDER: z.string().optional(),
  QUERY_AUDIT_BYTES_MAX: wholeNumber(65_536, 1_099_511_627_776, 1_073_741_824),
  QUERY_PROJECTOR: z.enum(["on", "off"], "wants on or off").default("on"),
  QUERY_HIDDEN_COUNT: z.enum(["none", "count"], "wants none or count").default("none"),
  QUERY_DEPTH_MAX: wholeNumber(1, 100, 10),
  QUERY_NODES_MAX: wholeNumber(1, 100_000, 2_000),
  QUERY_TRAVERSAL_MS_MAX: wholeNumber(10, 60_000, 5_000),
  QUERY_PAGE_MAX: wholeNumber(1, 1_000, 500),
  QUERY_EVIDENCE_EVENTS_MAX: wholeNumber(1, 10_000, 1_000),
  QUERY_FEEDS_MAX: wholeNumber(1, 10_000, 200),
  QUERY_CACHE_MS_MAX: wholeNumber(0, 3_600_000, 60_000),
};

export function querySettings(env: Environment = process.env): QuerySettings {
  const settings = readSettings(shape, env);
  const engines = engineSettings(env);
  return {
    engines,
    auth: authSettings(env),
    host: settings.HOST,
    port: settings.QUERY_PORT,
    ingestUrl: settings.INGEST_URL,
    audit: {
      on: settings.QUERY_AUDIT === "on",
      folder: settings.QUERY_AUDIT_FOLDER ?? join(engines.data, "query-audit"),
      spoolBytesMax: settings.QUERY_AUDIT_BYTES_MAX,
    },
    projects: settings.QUERY_PROJECTOR === "on",
    hiddenCount: settings.QUERY_HIDDEN_COUNT,
    limits: {
      depthMax: settings.QUERY_DEPTH_MAX,
      nodesMax: settings.QUERY_NODES_MAX,
      traversal_ms_max: settings.QUERY_TRAVERSAL_MS_MAX,
      pageMax: settings.QUERY_PAGE_MAX,
      evidenceEventsMax: settings.QUERY_EVIDENCE_EVENTS_MAX,
      feedsMax: settings.QUERY_FEEDS_MAX,
      cache_ms_max: settings.QUERY_CACHE_MS_MAX,
    },
  };
}

const projectorShape = {
  HOST: z.string().default("127.0.0.1"),
  PROJECTOR_PORT: wholeNumber(0, 65_535, 4004),
};

export function projectorSettings(env: Environment = process.env): ProjectorSettings {
  const settings = readSettings(projectorShape, env);
  return { engines: engineSettings(env), host: settings.HOST, port: settings.PROJECTOR_PORT };
}
