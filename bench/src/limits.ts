/** What bounds the figures on this machine, measured in the same run. */
import { spawn } from "node:child_process";
import { hash } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { Connection, closedLoop, requestBytes } from "./client.ts";
import { quantile } from "./figures.ts";
import { auditEvent } from "./load.ts";

const ROW = Buffer.alloc(600, 7);
const NDJSON_LINES = 500;
export const CONNECTIONS = 64;

export interface Limits {
  /** SQLite, WAL and synchronous=FULL, one row of 600 B a commit: commits/s. */
  readonly commits: number;
  /** The same with 1,000 rows a commit: rows/s. */
  readonly rows: number;
  /** SHA-256 of 600 B: hashes/s. */
  readonly hashes: number;
  /** node:http and JSON.parse, one event a POST over 64 connections: requests/s. */
  readonly posts: number;
  /** The same with NDJSON bodies: lines/s. */
  readonly lines: number;
  /** One GET after another over one connection to it: ms at the 99th percentile. */
  readonly get_ms_p99: number;
  /** `node` doing nothing: ms. */
  readonly nodeStart_ms: number;
}

/** Measures them all, in about 4 x `seconds`. */
export async function measureLimits(folder: string, seconds: number): Promise<Limits> {
  const commits = commitRate(join(folder, "commits.db"), seconds / 2, 1);
  const rows = commitRate(join(folder, "rows.db"), seconds / 2, 1_000);
  const hashes = repeat(seconds / 4, () => void hash("sha256", ROW, "buffer"));
  return { commits, rows, hashes, ...(await bareHttp(seconds)), nodeStart_ms: await nodeStart() };
}

/** How often a second `work` can be done. */
function repeat(seconds: number, work: () => void): number {
  const start = performance.now();
  let count = 0;
  for (const until = start + seconds * 1_000; performance.now() < until; count++) work();
  return (count * 1_000) / (performance.now() - start);
}

function commitRate(path: string, seconds: number, rows: number): number {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)");
    const insert = database.prepare("INSERT INTO t (v) VALUES (?)");
    const commits = repeat(seconds, () => {
      database.exec("BEGIN");
      for (let row = 0; row < rows; row++) insert.run(ROW);
      database.exec("COMMIT");
    });
    return commits * rows;
  } finally {
    database.close();
  }
}

async function bareHttp(seconds: number): Promise<Pick<Limits, "posts" | "lines" | "get_ms_p99">> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./bare/main.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const signal = AbortSignal.timeout(10_000);
    const [url] = (await once(createInterface({ input: child.stdout }), "line", { signal })) as [string];
    const events = Array.from({ length: NDJSON_LINES }, (_, number) => auditEvent(number));
    const single = events.map((event) => requestBytes("POST", "/", { "content-type": "application/fhir+json" }, event));
    const many = requestBytes("POST", "/", { "content-type": "application/fhir+ndjson" }, events.join("\n"));
    const wanted = (answer: { status: number }): void => {
      if (answer.status !== 201) throw new Error(`the bare server answered ${answer.status}`);
    };
    const one = (number: number): Buffer => single[number % NDJSON_LINES] ?? many;
    const posts = await closedLoop(url, CONNECTIONS, seconds, one, wanted);
    const bodies = await closedLoop(url, 4, seconds, () => many, wanted);
    return { posts: posts.perSecond, lines: bodies.perSecond * NDJSON_LINES, get_ms_p99: await getLatency(url) };
  } finally {
    child.kill();
  }
}

async function getLatency(url: string): Promise<number> {
  using connection = await Connection.open(url);
  const times_ms: number[] = [];
  for (let i = 0; i < 1_000; i++) {
    const start = performance.now();
    await connection.send(requestBytes("GET", "/", {}));
    times_ms.push(performance.now() - start);
  }
  return quantile(times_ms, 0.99);
}

async function nodeStart(): Promise<number> {
  const times_ms: number[] = [];
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit");
    times_ms.push(performance.now() - start);
  }
  return quantile(times_ms, 0.5);
}
