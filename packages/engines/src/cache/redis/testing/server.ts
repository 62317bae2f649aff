/** A Redis of a test's own, which it may kill. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { Redis } from "ioredis";

/** A port on loopback that nothing listens on now. */
export async function freePort(): Promise<number> {
  const server: Server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address !== "object" || address === null) throw new TypeError("no port");
  return address.port;
}

/** Whether this machine has a redis-server; where it has none, one line says so. */
export function hasRedisServer(): boolean {
  const found = spawnSync("redis-server", ["--version"]).status === 0;
  if (!found) console.log("left out: a Redis that is killed; install redis-server (Debian: redis-server)");
  return found;
}

export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #settings: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, settings: readonly string[]) {
    this.port = port;
    this.#settings = settings;
  }

  /** Starts one on a free port; `settings` as redis-server takes them. */
  static async start(...settings: readonly string[]): Promise<RedisServer> {
    return RedisServer.at(await freePort(), ...settings);
  }

  /** Starts one on this port. */
  static async at(port: number, ...settings: readonly string[]): Promise<RedisServer> {
    const server = new RedisServer(port, settings);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  /** Starts it again, on the same port and empty; resolves when it answers. */
  async start(): Promise<void> {
    const settings = ["--port", `${this.port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    this.#process = spawn("redis-server", [...settings, ...this.#settings], { stdio: "ignore" });
    const client = this.client();
    try {
      await client.ping();
    } finally {
      client.disconnect();
    }
  }

  /** A client that waits for the server; whoever takes it disconnects it. */
  client(): Redis {
    const client = new Redis({
      port: this.port,
      host: "127.0.0.1",
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
    });
    client.on("error", () => undefined);
    return client;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** kill -9; resolves when it is dead. */
  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined || process.exitCode !== null) return;
    const exited = once(process, "exit");
    process.kill("SIGKILL");
    await exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
