/** The start on real engines: ingest, ledger-writer and query as processes of their own, kept running. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openIssuer } from "@medtrace/service-kit/issuer";
import type { Logger } from "@medtrace/service-kit/log";
import { authSettings, type Environment, engineSettings } from "@medtrace/shared/config";
import { MedtraceError } from "@medtrace/shared/errors";
import type { Places } from "./embedded.ts";
import { takeFolderLock } from "./folder-lock.ts";

const SERVICES = ["ingest", "ledger-writer", "query"] as const;
type Service = (typeof SERVICES)[number];

/** The variables of a service's ports: one that was given any free port keeps it when it is started again. */
const PORTS: Readonly<Record<Service, readonly (readonly [variable: string, of: keyof Ready])[]>> = {
  ingest: [
    ["INGEST_PORT", "address"],
    ["INGEST_MLLP_PORT", "mllp"],
    ["INGEST_SYSLOG_PORT", "syslog"],
  ],
  "ledger-writer": [["LEDGER_WRITER_PORT", "address"]],
  query: [["QUERY_PORT", "address"]],
};

const READY_MS_MAX = 120_000;
const READY_POLL_MS = 100;
const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 30_000;
/** A process that ran this long starts its next one without a wait. */
const STEADY_MS = 60_000;
const WARN = new Set(["warn", "error", "fatal"]);

/** True where a port's engine is not an embedded one: then each service runs as a process of its own. */
export function wantsProcesses(env: Environment): boolean {
  const { eventLogUrl, projectionUrl, vaultUrl, ledgerUrl } = engineSettings(env);
  return [eventLogUrl, projectionUrl, vaultUrl, ledgerUrl].some((url) => !url.startsWith("embedded:"));
}

/**
 * Starts the three services and waits until each says that it is ready. One that dies is started again, after a
 * growing wait. Disposing drains them in the order in which work flows.
 *
 * @throws MedtraceError CONFIGURATION where a service ends before it was ready, BUSY where one does not become ready.
 */
export async function startProcesses(env: Environment, log: Logger): Promise<Places> {
  const { data } = engineSettings(env);
  await mkdir(data, { recursive: true, mode: 0o700 });
  const lock = await takeFolderLock(join(data, "medtrace.lock"));
  const keepers: Keeper[] = [];
  const end = async (): Promise<void> => {
    // A terminal's Ctrl-C has reached all of them: whichever is drained first must not be started again.
    for (const keeper of keepers) keeper.letEnd();
    for (const keeper of keepers) await keeper.stop();
    await lock[Symbol.asyncDispose]();
  };
  try {
    await openIssuer({ data, ...authSettings(env) });
    const start = async (service: Service, more: Environment = {}): Promise<Ready> => {
      const keeper = new Keeper(service, { ...env, ...more }, log);
      keepers.push(keeper);
      return keeper.ready();
    };
    const [ingest, writer] = await Promise.all([start("ingest"), start("ledger-writer")]);
    const query = await start("query", { INGEST_URL: ingest.address });
    await Promise.all([ingest, writer, query].map(({ address }) => untilReady(address)));
    return {
      data,
      ingest: ingest.address,
      mllp: ingest.mllp ?? "",
      syslog: ingest.syslog,
      ledgerWriter: writer.address,
      query: query.address,
      services: [{ [Symbol.asyncDispose]: end }],
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** What a service's "ready" line says. */
interface Ready {
  readonly address: string;
  readonly mllp?: string | undefined;
  readonly syslog?: string | undefined;
}

class Keeper {
  readonly #service: Service;
  #env: Environment;
  readonly #log: Logger;
  readonly #first = Promise.withResolvers<Ready>();
  readonly #stopping = new AbortController();
  readonly #kept: Promise<void>;
  #child: ChildProcess | undefined;

  constructor(service: Service, env: Environment, log: Logger) {
    this.#service = service;
    this.#env = env;
    this.#log = log;
    this.#first.promise.catch(() => {});
    this.#kept = this.#keep();
  }

  /** Where the service is, once it listens; rejects where its first process ends before that. */
  ready(): Promise<Ready> {
    return this.#first.promise;
  }

  /** From now on the process may end, and stays ended. */
  letEnd(): void {
    this.#stopping.abort();
  }

  async stop(): Promise<void> {
    this.letEnd();
    this.#child?.kill("SIGTERM");
    await this.#kept;
  }

  async #keep(): Promise<void> {
    for (let wait_ms = RESTART_MS_MIN; !this.#stopping.signal.aborted; ) {
      const began = performance.now();
      const how = await this.#run();
      if (this.#stopping.signal.aborted) return;
      this.#first.reject(
        new MedtraceError("CONFIGURATION", `${this.#service} ended before it was ready (${how})`, {
          hint: "the lines above say why",
        }),
      );
      if (performance.now() - began > STEADY_MS) wait_ms = RESTART_MS_MIN;
      this.#log.error({ died: this.#service, how, wait_ms }, "a service died and is started again");
      await sleep(wait_ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      wait_ms = Math.min(2 * wait_ms, RESTART_MS_MAX);
    }
  }

  /** One process, from its start to its end; resolves with how it ended. */
  async #run(): Promise<string> {
    const main = fileURLToPath(import.meta.resolve(`@medtrace/${this.#service}/main`));
    const child = spawn(process.execPath, [...process.execArgv, main], {
      env: { ...this.#env },
      // The channel ends with this process, however it ends: then the child drains too.
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
    this.#child = child;
    if (child.stdout !== null) createInterface({ input: child.stdout }).on("line", (line) => this.#hear(line));
    const [code, signal] = await Promise.race([
      once(child, "exit") as Promise<[number | null, string | null]>,
      once(child, "error").then(([error]) => [(error as Error).message, null] as const),
    ]);
    this.#child = undefined;
    return signal ?? `exit ${code}`;
  }

  #isReady(ready: Ready): void {
    const ports = PORTS[this.#service].map(([variable, of]) => [variable, ready[of]?.split(":").at(-1)]);
    this.#env = { ...this.#env, ...Object.fromEntries(ports) };
    this.#first.resolve(ready);
  }

  /** Warnings are always passed on; the rest only to who set LOG_LEVEL. */
  #hear(line: string): void {
    const { level, msg, address, mllp, syslog } = logLine(line);
    if (msg === "ready" && address !== undefined) this.#isReady({ address, mllp, syslog });
    if (this.#env["LOG_LEVEL"] !== undefined || level === undefined || WARN.has(level)) {
      process.stderr.write(`${line}\n`);
    }
  }
}

function logLine(line: string): { level?: string; msg?: string; address?: string; mllp?: string; syslog?: string } {
  try {
    return JSON.parse(line) as ReturnType<typeof logLine>;
  } catch {
    return {};
  }
}

/** Resolves once the service's /readyz answers 200. */
async function untilReady(address: string): Promise<void> {
  const until = performance.now() + READY_MS_MAX;
  for (let missing = "no answer"; ; await sleep(READY_POLL_MS)) {
    try {
      const answer = await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(5_000) });
      if (answer.ok) return;
      missing = ((await answer.json()) as { missing?: readonly string[] }).missing?.join("; ") ?? missing;
    } catch {
      // Not yet.
    }
    if (performance.now() > until) {
      throw new MedtraceError("BUSY", `not ready after ${READY_MS_MAX / 1_000} s: ${missing}`, { at: address });
    }
  }
}
