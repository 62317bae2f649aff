/** Kill -9 of each service's own process in turn, under load; the one that keeps them starts it again. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Started, start, temporaryFolder, token } from "../testing/medtrace.ts";
import { assertExactlyOnce } from "./exactly-once.ts";
import { publish, seeded } from "./publishing.ts";

export const SERVICES = ["ingest", "ledger-writer", "query"] as const;
export type Service = (typeof SERVICES)[number];

const BACK_MS_MAX = 60_000;

export interface ServicesTrial {
  readonly rounds: number;
  readonly seed: number;
  /** Engines' URLs; none: the embedded ones, shared by the three processes. */
  readonly engines?: Readonly<Record<string, string>>;
}

/** The whole trial. Throws an AssertionError where a promise is broken. */
export async function killServices(trial: ServicesTrial, say: (line: string) => void): Promise<void> {
  const { rounds, seed, engines = {} } = trial;
  const random = seeded(seed);
  await using folder = await temporaryFolder();
  await using running = await start(folder.path, engines, ["--processes"]);
  const bearer = await token(folder.path, "hospital-a", "trace/events.write trace/lineage.read trace/supervise");
  let stop = false;
  const publishing = publish(
    seed,
    () => running,
    bearer,
    () => stop,
  );
  try {
    for (let round = 0; round < rounds; round++) {
      for (const service of SERVICES) {
        await sleep(100 + random() * 400);
        await killService(running, service);
      }
    }
  } finally {
    stop = true;
  }
  const published = await publishing;
  say(`killed each service ${rounds} times while ${published.sent} events were published`);
  const env = { MEDTRACE_DATA: folder.path, ...engines };
  await assertExactlyOnce(running, bearer, published, { env, leavesMore: "EVENT_LOG_URL" in engines }, say);
  assert.equal(await running.stop(), 0);
}

/** Kills a service's process, and waits until its successor runs. */
export async function killService(running: Started, service: Service): Promise<void> {
  const pid = await processOf(running.pid, service);
  process.kill(pid, "SIGKILL");
  await processOf(running.pid, service, pid);
}

/** Id of the child process that runs a service; waits for one that is not `before`. */
async function processOf(parent: number, service: Service, before?: number): Promise<number> {
  for (const until = performance.now() + BACK_MS_MAX; performance.now() < until; await sleep(50)) {
    const pid = childrenOf(parent).find(
      (child) => child !== before && commandOf(child).includes(`/${service}/src/main.ts`),
    );
    if (pid !== undefined) return pid;
  }
  throw new Error(`${service} does not run`);
}

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && statusOf(name).includes(`\nPPid:\t${parent}\n`))
    .map(Number);
}

function statusOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
