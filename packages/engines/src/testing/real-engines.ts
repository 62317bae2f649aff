/** Where the real engines are that tests may use. */

const ENGINES = {
  "event-log": { variable: "EVENT_LOG_URL", scheme: "kafka:", name: "Kafka" },
  projection: { variable: "PROJECTION_URL", scheme: "mongodb:", name: "MongoDB (projection)" },
  vault: { variable: "VAULT_URL", scheme: "mongodb:", name: "MongoDB (vault)" },
  cache: { variable: "CACHE_URL", scheme: "redis:", name: "Redis" },
} as const;

/**
 * The URL of the real engine behind a port, by the variable that services take it from; undefined, and one line that says
 * so, where the environment names none.
 */
export function realEngine(port: keyof typeof ENGINES): string | undefined {
  const { variable, scheme, name } = ENGINES[port];
  // biome-ignore lint/style/noProcessEnv: which engines there are is told to tests by the environment alone
  const url = process.env[variable];
  if (url?.startsWith(scheme) === true) return url;
  console.log(`left out: ${name}; start it with npm run engines:up and source infra/native/engines.env`);
  return undefined;
}
