/** Where the real engines are that tests may use. */

const NATIVE = "npm run engines:up and source infra/native/engines.env";
const FABRIC =
  "npm run fabric:up (peer, orderer, osnadmin, configtxgen, cryptogen on PATH) and source infra/fabric/fabric.env";

type Port = "event-log" | "projection" | "vault" | "cache" | "ledger";

interface Engine {
  readonly variable: string;
  readonly scheme: string;
  readonly name: string;
  /** What brings it up. */
  readonly start: string;
}

const ENGINES: Readonly<Record<Port, Engine>> = {
  "event-log": { variable: "EVENT_LOG_URL", scheme: "kafka:", name: "Kafka", start: NATIVE },
  projection: { variable: "PROJECTION_URL", scheme: "mongodb:", name: "MongoDB (projection)", start: NATIVE },
  vault: { variable: "VAULT_URL", scheme: "mongodb:", name: "MongoDB (vault)", start: NATIVE },
  cache: { variable: "CACHE_URL", scheme: "redis:", name: "Redis", start: NATIVE },
  ledger: { variable: "LEDGER_URL", scheme: "fabric:", name: "Hyperledger Fabric", start: FABRIC },
};

/**
 * The URL of the real engine behind a port, by the variable that services take it from; undefined, and one line that says
 * so, where the environment names none.
 */
export function realEngine(port: Port): string | undefined {
  const { variable, scheme, name, start } = ENGINES[port];
  // biome-ignore lint/style/noProcessEnv: which engines there are is told to tests by the environment alone
  const url = process.env[variable];
  if (url?.startsWith(scheme) === true) return url;
  console.log(`left out: ${name}; start it with ${start}`);
  return undefined;
}
