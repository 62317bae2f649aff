/** A Kafka broker of a test's own, on ports of its own, that can be killed and started again. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { BrokerProxy } from "./proxy.ts";

const START_MS_MAX = 60_000;
const PORT_MIN = 20_000;
const PORT_MAX = 30_000;
const run = promisify(execFile);

/** Where `infra/native/up.sh` keeps Kafka's jars; undefined where it never ran. */
export async function kafkaJars(): Promise<string | undefined> {
  const settings = new URL("../../../../../../infra/native/settings.sh", import.meta.url).pathname;
  const { stdout } = await run("bash", ["-c", '. "$0" && printf %s "$kafka_libs"', settings]);
  return existsSync(join(stdout, "complete")) ? stdout : undefined;
}

/** More than a broker in clear has. */
export interface Extras {
  /** Beside the broker's own properties, or in their place; the listener that clients use is called CLIENTS. */
  readonly properties: Readonly<Record<string, string>>;
  /** SCRAM users, as `kafka-storage format --add-scram` takes them. */
  readonly scram: readonly string[];
  /** Clients are sent to the broker itself: a proxy cannot read what is encrypted. */
  readonly withoutProxy: boolean;
}

/** Starts a cluster of brokers that clients reach through a proxy each. */
export async function startBrokers(jars: string, count: number, extras?: Extras): Promise<OwnBroker[]> {
  const id = randomBytes(16).toString("base64url");
  const ports = await freePorts(3 * count);
  const controllers = ports.slice(2 * count);
  const brokers = await Promise.all(
    controllers.map(async (_, i) => {
      const folder = await mkdtemp(join(tmpdir(), "medtrace-kafka-"));
      const [port, brokerPort] = [ports[i], ports[count + i]] as [number, number];
      const proxy = await BrokerProxy.listen(() => port);
      return new OwnBroker({ jars, folder, node: i + 1, port, brokerPort, proxy, controllers, extras });
    }),
  );
  try {
    await Promise.all(brokers.map((broker) => broker.format(id)));
    await Promise.all(brokers.map((broker) => broker.start()));
    return brokers;
  } catch (error) {
    await Promise.all(brokers.map((broker) => broker[Symbol.asyncDispose]()));
    throw error;
  }
}

/** The URL of a topic on these brokers, through their proxies. */
export function urlOn(brokers: readonly OwnBroker[], topic: string, query = "partitions=3"): string {
  return `kafka://${brokers.map(({ proxy }) => `127.0.0.1:${proxy.port}`).join()}/${topic}?${query}`;
}

interface OwnBrokerOptions {
  readonly jars: string;
  readonly folder: string;
  readonly node: number;
  readonly port: number;
  /** Where other brokers reach it. */
  readonly brokerPort: number;
  readonly proxy: BrokerProxy;
  /** Ports of every node's controller, in the order of the nodes. */
  readonly controllers: readonly number[];
  readonly extras: Extras | undefined;
}

export class OwnBroker implements AsyncDisposable {
  readonly proxy: BrokerProxy;
  readonly #options: OwnBrokerOptions;
  #process: ChildProcess | undefined;

  constructor(options: OwnBrokerOptions) {
    this.#options = options;
    this.proxy = options.proxy;
  }

  /** Where it listens for clients. */
  get port(): number {
    return this.#options.port;
  }

  /** The folder of its segments. */
  get data(): string {
    return join(this.#options.folder, "data");
  }

  get #settings(): string {
    return join(this.#options.folder, "kafka.properties");
  }

  get #output(): string {
    return join(this.#options.folder, "kafka.log");
  }

  /** Makes its folders, for the cluster of this id. */
  async format(cluster: string): Promise<void> {
    await writeFile(this.#settings, properties(this.#options, this.data));
    const { jars, extras } = this.#options;
    const args = ["-cp", `${jars}/*`, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", this.#settings];
    await run("java", [...args, ...(extras?.scram ?? []).flatMap((user) => ["--add-scram", user])]);
  }

  async start(): Promise<void> {
    const { jars, port } = this.#options;
    const args = ["-Xms128m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", `${jars}/*`, "kafka.Kafka", this.#settings];
    await using output = await open(this.#output, "w");
    this.#process = spawn("java", args, { stdio: ["ignore", output.fd, output.fd] });
    for (const until = performance.now() + START_MS_MAX; performance.now() < until; await sleep(100)) {
      if (this.#process.exitCode !== null) {
        throw new Error(`Kafka ended with ${this.#process.exitCode}: ${await readFile(this.#output, "utf8")}`);
      }
      if (await answers(port)) return;
    }
    throw new Error("Kafka did not start");
  }

  /** kill -9. */
  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined || process.exitCode !== null) return;
    const exited = once(process, "exit");
    process.kill("SIGKILL");
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.proxy[Symbol.asyncDispose]();
    await rm(this.#options.folder, { recursive: true, force: true });
  }
}

function properties(options: OwnBrokerOptions, data: string): string {
  const { node, port, brokerPort, proxy, controllers, extras } = options;
  const clientsPort = extras?.withoutProxy === true ? port : proxy.port;
  const replicas = Math.min(3, controllers.length);
  return Object.entries({
    "process.roles": "broker,controller",
    "node.id": node,
    "controller.quorum.voters": controllers.map((at, i) => `${i + 1}@127.0.0.1:${at}`).join(),
    // Brokers reach each other directly, clients through the proxy.
    "listener.security.protocol.map": "CLIENTS:PLAINTEXT,BROKERS:PLAINTEXT,CONTROLLER:PLAINTEXT",
    listeners: `CLIENTS://127.0.0.1:${port},BROKERS://127.0.0.1:${brokerPort},CONTROLLER://127.0.0.1:${controllers[node - 1]}`,
    "advertised.listeners": `CLIENTS://127.0.0.1:${clientsPort},BROKERS://127.0.0.1:${brokerPort}`,
    "inter.broker.listener.name": "BROKERS",
    "controller.listener.names": "CONTROLLER",
    "log.dirs": data,
    "broker.session.timeout.ms": 3_000,
    "broker.heartbeat.interval.ms": 500,
    "offsets.topic.replication.factor": replicas,
    "offsets.topic.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": false,
    // By default half of the heap that it has here.
    "log.cleaner.dedupe.buffer.size": 4 * 1_048_576,
    ...extras?.properties,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

/** Free ports below those that systems give to outgoing connections, which could take them before a broker does. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    if (!(await answers(port))) ports.add(port);
  }
  return [...ports];
}

/** Whether something listens there. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
