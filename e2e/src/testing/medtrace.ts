/** Runs the real program: `medtrace …` as child processes, each on a data folder and ports of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ROOT = join(import.meta.dirname, "../../..");
const MAIN = join(ROOT, "packages/cli/src/main.ts");
const START_MS_MAX = 60_000;

/** Which engines a run is on is said by its caller, never by what happens to be set around the tests. */
const ENGINES = ["EVENT_LOG_URL", "DEAD_LETTERS_URL", "LEDGER_URL", "PROJECTION_URL", "VAULT_URL", "CACHE_URL"];
const SURROUNDINGS = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ENGINES.includes(name)));

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A temporary folder that is removed when disposed. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "medtrace-e2e-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Runs `medtrace ARGS` to its end. */
export async function medtrace(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return await run(process.execPath, [MAIN, ...args], { ...SURROUNDINGS, NO_COLOR: "1", ...env });
}

/** Runs a command to its end, by default in this process' environment. */
export async function run(command: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ran> {
  const child = spawn(command, args, { ...(env === undefined ? {} : { env }), stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? -1, stdout, stderr };
}

/** Where the services of a started medtrace are; the line that `start --json` prints once all are ready. */
export interface Places {
  readonly ingest: string;
  readonly mllp: string;
  /** Where its certificates are given. */
  readonly syslog?: string;
  readonly ledgerWriter: string;
  readonly query: string;
}

export interface Started extends AsyncDisposable {
  readonly places: Places;
  readonly env: Readonly<Record<string, string>>;
  readonly pid: number;
  /** SIGKILL, and waits until the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>;
}

/** What `npm start` runs after `node`. */
function startArguments(): readonly string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: { start: string } };
  return scripts.start.split(" ").slice(1);
}

/** Starts medtrace on a data folder, on free ports, and waits until it is ready. */
export async function start(
  data: string,
  extra: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): Promise<Started> {
  const own = {
    MEDTRACE_DATA: data,
    INGEST_PORT: "0",
    INGEST_MLLP_PORT: "0",
    // Feed statements are events too: who counts events says when there are some.
    INGEST_FEED_STATEMENT_S: "0",
    LEDGER_WRITER_PORT: "0",
    QUERY_PORT: "0",
  };
  const child = spawn(process.execPath, [...startArguments(), "--json", ...args], {
    cwd: ROOT,
    env: { ...SURROUNDINGS, NO_COLOR: "1", ...own, ...extra },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-8_192);
  });
  const gone = once(child, "exit").then(([code]) => (code as number | null) ?? -1);
  const places = await Promise.race([
    firstLine(child),
    gone.then((code) => Promise.reject(new Error(`medtrace start ended with ${code}:\n${log}`))),
  ]);
  return {
    places,
    env: { MEDTRACE_DATA: data, INGEST_URL: places.ingest, QUERY_URL: places.query },
    pid: child.pid ?? -1,
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
    async stop() {
      child.kill("SIGTERM");
      return gone;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await gone;
    },
  };
}

async function firstLine(child: ChildProcess): Promise<Places> {
  if (child.stdout === null) throw new Error("no stdout");
  const lines = createInterface({ input: child.stdout });
  const timeout = AbortSignal.timeout(START_MS_MAX);
  const [line] = (await once(lines, "line", { signal: timeout })) as [string];
  lines.on("line", () => {});
  return JSON.parse(line) as Places;
}

/** A token of an institution, from the data folder's own issuer. */
export async function token(data: string, institution: string, scope: string): Promise<string> {
  const ran = await medtrace(["token", "--institution", institution, "--scope", scope], { MEDTRACE_DATA: data });
  if (ran.code !== 0) throw new Error(ran.stderr);
  return ran.stdout.trim();
}

/** GET of a query route as JSON, with its status. */
export async function getJson(url: string, bearer: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${bearer}` } });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

/** Waits until query has projected everything that ingest acknowledged. */
export async function settled(started: Started, bearer: string, events: number, ms_max = 120_000): Promise<void> {
  const until = Date.now() + ms_max;
  for (;;) {
    // A service that was killed may not be back yet.
    const { body } = await getJson(`${started.places.query}/v1/integrity`, bearer).catch(() => ({ body: {} as never }));
    const counts = body["counts"] as { leaves?: number } | undefined;
    if ((counts?.leaves ?? 0) >= events) return;
    if (Date.now() > until) throw new Error(`still not projected: ${JSON.stringify(body)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
