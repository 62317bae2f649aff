/** The real engines that the environment names, under names of this run's own. */
import { randomBytes } from "node:crypto";

export const LEFT_OUT = "left out: Kafka, MongoDB and Redis; npm run engines:up, then source infra/native/engines.env";

/** URLs by variable; undefined where the environment names no real event log. */
export function realEngines(env: NodeJS.ProcessEnv = process.env): Readonly<Record<string, string>> | undefined {
  const { EVENT_LOG_URL, PROJECTION_URL, VAULT_URL, CACHE_URL } = env;
  if (!EVENT_LOG_URL?.startsWith("kafka:") || PROJECTION_URL === undefined || VAULT_URL === undefined) return undefined;
  const name = `e2e-${randomBytes(4).toString("hex")}`;
  // Several hosts, as Kafka and MongoDB have them, are no URL to Node.
  const renamed = (url: string, suffix: string): string =>
    url.replace(/^([a-z]+:\/\/[^/?]+)\/[^?]*/, `$1/${name}${suffix}`);
  return {
    EVENT_LOG_URL: renamed(EVENT_LOG_URL, ""),
    PROJECTION_URL: renamed(PROJECTION_URL, ""),
    VAULT_URL: renamed(VAULT_URL, "-vault"),
    ...(CACHE_URL === undefined ? {} : { CACHE_URL }),
  };
}
