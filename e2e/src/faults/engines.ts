/** Kill -9 of every engine and every service in turn, under load, on engines of its own. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { start, temporaryFolder, token } from "../testing/medtrace.ts";
import { assertExactlyOnce } from "./exactly-once.ts";
import { publish, seeded } from "./publishing.ts";
import { killService, SERVICES } from "./services.ts";

const NATIVE = join(import.meta.dirname, "../../../infra/native");
const ENGINES = ["kafka", "mongodb", "redis"] as const;
type Engine = (typeof ENGINES)[number];
const run = promisify(execFile);

/** Engines that this process started, on free ports, in a folder of their own. */
interface OwnEngines extends AsyncDisposable {
  /** URLs by variable. */
  readonly urls: Readonly<Record<string, string>>;
  /** SIGKILL; resolves once the process is gone. */
  kill(engine: Engine): Promise<void>;
  /** Starts those that do not run. */
  up(): Promise<void>;
}

async function ownEngines(folder: string): Promise<OwnEngines> {
  const [kafka, controller, mongodb, redis] = await freePorts(4);
  const file = join(folder, "engines.env");
  const env = {
    ...process.env,
    KAFKA_PORT: `${kafka}`,
    KAFKA_CONTROLLER_PORT: `${controller}`,
    MONGODB_PORT: `${mongodb}`,
    REDIS_PORT: `${redis}`,
    MEDTRACE_ENGINES_RUN: join(folder, "engines"),
    MEDTRACE_ENGINES_ENV: file,
  };
  const script = async (name: string, ...args: string[]): Promise<void> => {
    await run("bash", [join(NATIVE, name), ...args], { env });
  };
  const down = (): Promise<void> => script("down.sh", "--wipe");
  const up = (): Promise<void> => script("up.sh");
  try {
    await up();
  } catch (error) {
    await down();
    throw error;
  }
  const urls = Object.fromEntries(
    [...readFileSync(file, "utf8").matchAll(/^export (\w+)="(.*)"$/gm)].map(([, name = "", url = ""]) => [name, url]),
  );
  return {
    urls,
    up,
    async kill(engine) {
      const pid = Number(readFileSync(join(folder, "engines", `${engine}.pid`), "utf8"));
      process.kill(pid, "SIGKILL");
      while (runs(pid)) await sleep(50);
    },
    [Symbol.asyncDispose]: down,
  };
}

function runs(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once("listening", resolve))));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  for (const server of servers) server.close();
  return ports;
}

/** The whole trial; at its end Redis is gone for good. Throws an AssertionError where a promise is broken. */
export async function killEnginesAndServices(rounds: number, seed: number, say: (line: string) => void): Promise<void> {
  const random = seeded(seed);
  await using folder = await temporaryFolder();
  await using engines = await ownEngines(folder.path);
  const data = join(folder.path, "data");
  await using running = await start(data, engines.urls, ["--processes"]);
  const bearer = await token(data, "hospital-a", "trace/events.write trace/lineage.read trace/supervise");
  let stop = false;
  const publishing = publish(
    seed,
    () => running,
    bearer,
    () => stop,
  );
  publishing.catch(() => undefined);
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const victim of [...SERVICES, ...ENGINES]) {
        await sleep(200 + random() * 800);
        if ((ENGINES as readonly string[]).includes(victim)) {
          await engines.kill(victim as Engine);
          await sleep(random() * 1_000);
          await engines.up();
        } else await killService(running, victim as (typeof SERVICES)[number]);
      }
      say(`round ${round}: every service and every engine was killed once`);
    }
    await engines.kill("redis");
    await sleep(1_000);
  } finally {
    stop = true;
  }
  const published = await publishing;
  say(`${published.sent} events were published meanwhile; Redis is gone`);
  const env = { MEDTRACE_DATA: data, ...engines.urls };
  await assertExactlyOnce(running, bearer, published, { env, leavesMore: true }, say);
  assert.equal(await running.stop(), 0);
}
