/** A Kafka broker of a test's own, on ports of its own, that can be killed and started again. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { BrokerProxy } from "./proxy.ts";

const START_MS_MAX = 60_000;
const run = promisify(execFile);

/** Where `infra/native/up.sh` keeps Kafka's jars; undefined where it never ran. */
export async function kafkaJars(): Promise<string | undefined> {
  const settings = new URL("../../../../../../infra/native/settings.sh", import.meta.url).pathname;
  const { stdout } = await run("bash", ["-c", '. "$0" && printf %s "$kafka_libs"', settings]);
  return existsSync(join(stdout, "complete")) ? stdout : undefined;
}

export class OwnBroker implements AsyncDisposable {
  readonly proxy: BrokerProxy;
  readonly #jars: string;
  readonly #folder: string;
  readonly #port: number;
  #process: ChildProcess | undefined;

  private constructor(jars: string, folder: string, port: number, proxy: BrokerProxy) {
    this.#jars = jars;
    this.#folder = folder;
    this.#port = port;
    this.proxy = proxy;
  }

  /** Starts a broker that clients reach through a proxy. */
  static async start(jars: string): Promise<OwnBroker> {
    const folder = await mkdtemp(join(tmpdir(), "medtrace-kafka-"));
    const [port, controllerPort] = [await freePort(), await freePort()];
    const proxy = await BrokerProxy.listen(() => port);
    const broker = new OwnBroker(jars, folder, port, proxy);
    try {
      await writeFile(broker.#settings, properties(port, controllerPort, proxy.port, broker.data));
      const id = randomBytes(16).toString("base64url");
      const format = ["-cp", `${jars}/*`, "kafka.tools.StorageTool", "format", "-t", id, "-c", broker.#settings];
      await run("java", format);
      await broker.start();
      return broker;
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The folder of its segments. */
  get data(): string {
    return join(this.#folder, "data");
  }

  get #settings(): string {
    return join(this.#folder, "kafka.properties");
  }

  /** The URL of a topic, through the proxy. */
  url(topic: string, query = "partitions=3"): string {
    return `kafka://127.0.0.1:${this.proxy.port}/${topic}?${query}`;
  }

  async start(): Promise<void> {
    const args = [
      "-Xms128m",
      "-Xmx256m",
      "-XX:TieredStopAtLevel=1",
      "-cp",
      `${this.#jars}/*`,
      "kafka.Kafka",
      this.#settings,
    ];
    this.#process = spawn("java", args, { stdio: "ignore" });
    for (const until = performance.now() + START_MS_MAX; performance.now() < until; await sleep(100)) {
      if (this.#process.exitCode !== null) throw new Error(`Kafka ended with ${this.#process.exitCode}`);
      if (await answers(this.#port)) return;
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
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function properties(port: number, controllerPort: number, advertisedPort: number, data: string): string {
  return Object.entries({
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${advertisedPort}`,
    "controller.listener.names": "CONTROLLER",
    "log.dirs": data,
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  server.close();
  await once(server, "close");
  return port;
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
