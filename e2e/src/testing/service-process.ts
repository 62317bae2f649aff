/** One service as a process of its own, as an orchestrator runs it: started, waited for, ended by a signal. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const ROOT = join(import.meta.dirname, "../../..");
const START_MS_MAX = 120_000;
const LOG_CHARACTERS_MAX = 262_144;
const PORTS = ["INGEST_PORT", "INGEST_MLLP_PORT", "LEDGER_WRITER_PORT", "QUERY_PORT"];

export interface ServiceProcess {
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  /** Variables by which its successor listens where it did. */
  readonly ports: Readonly<Record<string, string>>;
  /** The end of what it wrote. */
  log(): string;
  /** Sends the signal; resolves with the exit code, -1 where a signal ended it. One that has ended has its code still. */
  end(signal: NodeJS.Signals): Promise<number>;
}

/** Starts a service on free ports unless `env` names some, and waits until it is ready. */
export async function startService(name: string, env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const free = Object.fromEntries(PORTS.map((variable) => [variable, "0"]));
  const { PATH = "" } = process.env;
  const child = spawn(process.execPath, [join(ROOT, "services", name, "src/main.ts")], {
    // Feed statements are events too, and what is counted here is what was sent.
    env: { PATH, NO_COLOR: "1", INGEST_FEED_STATEMENT_S: "0", ...free, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  const hear = (text: string): void => {
    log = (log + text).slice(-LOG_CHARACTERS_MAX);
  };
  child.stdout.setEncoding("utf8").on("data", hear);
  child.stderr.setEncoding("utf8").on("data", hear);
  const gone = once(child, "close").then(([code]) => (code as number | null) ?? -1);
  const listening = async (): Promise<{ address: string; mllp?: string }> => {
    for await (const line of createInterface({ input: child.stdout })) {
      const said = line.startsWith("{") ? (JSON.parse(line) as { msg?: string; address?: string; mllp?: string }) : {};
      if (said.msg === "ready" && said.address !== undefined) return { ...said, address: said.address };
    }
    throw new Error(`${name} ended before it was ready:\n${log}`);
  };
  const { address, mllp } = await listening();
  child.stdout.resume();
  await untilReady(address, () => log);
  const port = address.split(":").at(-1) ?? "";
  const own = name === "ingest" ? { INGEST_MLLP_PORT: mllp?.split(":").at(-1) ?? "0" } : {};
  return {
    url: address,
    env,
    ports: { [`${name.replace("-", "_").toUpperCase()}_PORT`]: port, ...own },
    log: () => log,
    end: async (signal) => {
      child.kill(signal);
      return await gone;
    },
  };
}

async function untilReady(url: string, log: () => string): Promise<void> {
  for (const until = performance.now() + START_MS_MAX; performance.now() < until; await sleep(100)) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.ok === true) return;
  }
  throw new Error(`not ready in time:\n${log()}`);
}
