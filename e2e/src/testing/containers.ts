/** Kafka, MongoDB and Redis in containers of the images that docker-compose.yml names, for one run. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "@medtrace/engines/cache/redis/testing/server";
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from "testcontainers";

const ROOT = join(import.meta.dirname, "../../..");
const INITIATE = join(ROOT, "packages/engines/src/mongodb/initiate.ts");
/** Images may have to be fetched first. */
const START_MS_MAX = 600_000;
const CLUSTER_ID = "4L6g3nShT-eMCtK--X86sw";
const run = promisify(execFile);

export interface ContainedEngines extends AsyncDisposable {
  /** URLs by the variable that services take them from. */
  readonly env: Readonly<Record<string, string>>;
}

/** Whether containers can be run here. */
export async function hasContainers(): Promise<boolean> {
  return await getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
}

/** Starts one broker, a replica set of one, and a Redis; each listens on one port, the same inside and outside. */
export async function startContainedEngines(): Promise<ContainedEngines> {
  const started: StartedTestContainer[] = [];
  const end = async (): Promise<void> => {
    await Promise.all(started.map((container) => container.stop()));
  };
  const start = async (container: GenericContainer): Promise<void> => {
    started.push(await container.start());
  };
  try {
    const [kafkaPort, mongodbPort, redisPort] = [await freePort(), await freePort(), await freePort()];
    // All of them, even where one fails: what still starts then could not be ended.
    const starting = [start(kafka(kafkaPort)), start(mongodb(mongodbPort)), start(redis(redisPort))];
    const failed = (await Promise.allSettled(starting)).find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    await run(process.execPath, [INITIATE, `127.0.0.1:${mongodbPort}`]);
    const database = (name: string): string => `mongodb://127.0.0.1:${mongodbPort}/${name}?replicaSet=rs0`;
    return {
      env: {
        EVENT_LOG_URL: `kafka://127.0.0.1:${kafkaPort}/events`,
        PROJECTION_URL: database("medtrace"),
        VAULT_URL: database("medtrace_vault"),
        CACHE_URL: `redis://127.0.0.1:${redisPort}/0`,
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function kafka(port: number): GenericContainer {
  return listening("KAFKA_IMAGE", port).withEnvironment({
    CLUSTER_ID,
    KAFKA_NODE_ID: "1",
    KAFKA_PROCESS_ROLES: "broker,controller",
    KAFKA_LISTENERS: `PLAINTEXT://:${port},CONTROLLER://:9093`,
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    KAFKA_CONTROLLER_LISTENER_NAMES: "CONTROLLER",
    KAFKA_CONTROLLER_QUORUM_VOTERS: "1@localhost:9093",
    KAFKA_LOG_DIRS: "/var/lib/kafka/data",
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: "false",
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: "1",
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: "1",
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: "1",
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: "0",
    KAFKA_HEAP_OPTS: "-Xms256m -Xmx512m",
  });
}

function mongodb(port: number): GenericContainer {
  const command = ["mongod", "--replSet", "rs0", "--bind_ip_all", "--port", `${port}`];
  return listening("MONGODB_IMAGE", port).withCommand([...command, "--wiredTigerCacheSizeGB", "0.5"]);
}

function redis(port: number): GenericContainer {
  const command = ["redis-server", "--port", `${port}`, "--protected-mode", "no", "--save", "", "--appendonly", "no"];
  return listening("REDIS_IMAGE", port).withCommand(command);
}

function listening(variable: string, port: number): GenericContainer {
  return new GenericContainer(imageOf(variable))
    .withExposedPorts({ container: port, host: port })
    .withWaitStrategy(Wait.forListeningPorts())
    .withStartupTimeout(START_MS_MAX);
}

/** The image that a variable names, else the one that docker-compose.yml has in its place. */
function imageOf(variable: string): string {
  const compose = readFileSync(join(ROOT, "docker-compose.yml"), "utf8");
  const image = process.env[variable] || new RegExp(`\\$\\{${variable}:-([^}]+)\\}`).exec(compose)?.[1];
  if (image === undefined) throw new Error(`docker-compose.yml has no ${variable}`);
  return image;
}
