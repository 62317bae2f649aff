/** `npm run bench`: the embedded service's figures beside what bounds them on this machine. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { realEngines } from "@medtrace/e2e/testing/engines";
import { start, temporaryFolder, token } from "@medtrace/e2e/testing/medtrace";
import { AccessesBench, engineLimits } from "./engines.ts";
import { fabricOfEnvironment, latencyFigures, ledgerFigures, ON_FABRIC } from "./fabric.ts";
import { type Figure, isMet, tableText } from "./figures.ts";
import { mllpFigures } from "./hl7-load.ts";
import { type Limits, measureLimits } from "./limits.ts";
import { mappingFigures } from "./mapping.ts";
import { EMBEDDED, ON_ENGINES, ServiceBench } from "./service.ts";

const PARTS = ["limits", "mapping", "ndjson", "posts", "evidence", "verify", "accesses", "mllp"] as const;
type Part = (typeof PARTS)[number];
const RUN_MS_MAX = 900_000;
/** Accesses are asked for among so many events, and again among as many as --stored says. */
const STORED_FIRST = 100_000;
const USAGE = `Usage: npm run bench -- [--engines | --fabric] [--events 200000] [--stored 1000000] [--seconds 10] [--only PART]... [--json]
  --engines  three processes on the engines that the environment names (source infra/native/engines.env)
  --fabric   the same on a Fabric network (source infra/fabric/fabric.env too), and the network by itself
  --events   events sent by NDJSON
  --stored   events that "accesses" stores, which is left out without it: 1000000 take minutes
  --seconds  how long single POSTs and MLLP messages go on
  --only     ${PARTS.join(", ")}; may be repeated
  --json     figures as JSON
`;

interface Options {
  readonly events: number;
  /** 0: accesses are not asked for. */
  readonly stored: number;
  readonly seconds: number;
  readonly parts: ReadonlySet<Part>;
  readonly json: boolean;
  /** URLs of real engines, by variable; undefined: the embedded ones. */
  readonly engines: Readonly<Record<string, string>> | undefined;
  /** The Fabric network's URL, where the ledger is one. */
  readonly fabric: string | undefined;
}

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      events: { type: "string", default: "200000" },
      stored: { type: "string" },
      seconds: { type: "string", default: "10" },
      only: { type: "string", multiple: true, default: [...PARTS] },
      json: { type: "boolean", default: false },
      engines: { type: "boolean", default: false },
      fabric: { type: "boolean", default: false },
    },
  });
  const parts = values.only.map((name) => {
    const part = PARTS.find((known) => known === name);
    if (part === undefined) throw new RangeError(`--only ${name}: there is no such part`);
    return part;
  });
  const fabric = values.fabric ? fabricOfEnvironment() : undefined;
  return {
    events: wholeNumber("--events", values.events, 10_000_000),
    stored: values.stored === undefined ? 0 : wholeNumber("--stored", values.stored, 100_000_000),
    seconds: wholeNumber("--seconds", values.seconds, 300),
    parts: new Set(parts),
    json: values.json,
    engines: values.engines || values.fabric ? enginesOfEnvironment(fabric) : undefined,
    fabric,
  };
}

function enginesOfEnvironment(fabric: string | undefined): Readonly<Record<string, string>> {
  const engines = realEngines();
  if (engines === undefined) throw new RangeError("start the engines, and source infra/native/engines.env");
  return fabric === undefined ? engines : { ...engines, LEDGER_URL: fabric };
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= 1 && value <= max) return value;
  throw new RangeError(`${name} wants a whole number from 1 to ${max}`);
}

async function run(options: Options, owned: AsyncDisposableStack): Promise<Figure[]> {
  const { events, stored, seconds, parts, engines, fabric } = options;
  const folder = owned.use(await temporaryFolder());
  progress("limits of this machine");
  const limits = await measureLimits(folder.path, Math.min(seconds, 4));
  const figures = parts.has("limits") ? limitFigures(limits) : [];
  if (parts.has("mapping")) {
    progress("mapping");
    figures.push(...(await mappingFigures(seconds)));
  }
  if ([...parts].every((part) => part === "limits" || part === "mapping")) return figures;
  if (fabric !== undefined) {
    progress("anchoring, by a transaction for each event and in batches");
    figures.push(...(await ledgerFigures(fabric, seconds)));
  }
  progress(engines === undefined ? "starting the embedded service" : "starting three services on real engines");
  const data = owned.use(await temporaryFolder());
  const started = await start(data.path, engines);
  // Interrupted meanwhile: what would have ended it is gone already.
  if (owned.disposed) await started[Symbol.asyncDispose]();
  owned.use(started);
  const bearer = await token(data.path, "hospital-a", "trace/events.write trace/lineage.read trace/supervise");
  const targets = fabric !== undefined ? ON_FABRIC : engines === undefined ? EMBEDDED : ON_ENGINES;
  const bench = new ServiceBench({ started, bearer, limits, targets, folder: folder.path });
  const runs: Readonly<Record<Exclude<Part, "limits" | "mapping">, () => Promise<Figure[]>>> = {
    ndjson: () => bench.ndjson(events),
    posts: () => bench.posts(seconds),
    evidence: () => bench.evidence(),
    verify: () => bench.verify(),
    accesses: () => accessesFigures(bench, new AccessesBench(started, bearer), stored),
    // Last: its events are none of those that the others count.
    mllp: () => mllpFigures(started.places.mllp, seconds),
  };
  for (const part of ["ndjson", "posts", "evidence", "verify", "accesses", "mllp"] as const) {
    if (!parts.has(part) || (part === "accesses" && stored === 0)) continue;
    progress(part);
    figures.push(...(await runs[part]()));
  }
  if (engines !== undefined && bench.sent > 0) {
    progress("limits of the engines");
    figures.push(...(await engineLimits(engines, bench.sent)));
  }
  if (fabric !== undefined) {
    progress("events at an even pace");
    figures.push(...(await latencyFigures({ started, bearer, sent: bench.sent, seconds })));
  }
  return figures;
}

async function accessesFigures(bench: ServiceBench, accesses: AccessesBench, stored: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const events of new Set([Math.min(STORED_FIRST, stored), stored])) {
    await bench.grow(events);
    figures.push(...(await accesses.measure(bench.sent)));
  }
  return figures;
}

function limitFigures(limits: Limits): Figure[] {
  return [
    { name: "SQLite, one row a commit", value: limits.commits, unit: "commits/s" },
    { name: "SQLite, 1,000 rows a commit", value: limits.rows, unit: "rows/s" },
    { name: "SHA-256 of 600 B", value: limits.hashes, unit: "hashes/s" },
    { name: "bare node:http, single POSTs", value: limits.posts, unit: "requests/s" },
    { name: "bare node:http, NDJSON", value: limits.lines, unit: "lines/s" },
  ];
}

function progress(text: string): void {
  process.stderr.write(`${text} …\n`);
}

/** Rejects when the run takes too long or is interrupted, so that what was started is ended in either case. */
function interruption({ stored }: Options): Promise<never> {
  const run_ms_max = RUN_MS_MAX + 2 * stored;
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`not done in ${run_ms_max / 1_000} s`)), run_ms_max).unref();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => reject(new Error(signal)));
  });
}

async function main(): Promise<void> {
  const chosen = readOptions(process.argv.slice(2));
  await using owned = new AsyncDisposableStack();
  const figures = await Promise.race([run(chosen, owned), interruption(chosen)]);
  if (chosen.json) {
    const machine = { cores: availableParallelism(), node: process.version };
    const measured = figures.map((figure) => ({ ...figure, met: isMet(figure) }));
    process.stdout.write(`${JSON.stringify({ machine, events: chosen.events, figures: measured }, null, 2)}\n`);
  } else {
    process.stdout.write(tableText(figures));
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(
    `${error instanceof Error ? error.message : error}\n${error instanceof RangeError ? USAGE : ""}`,
  );
  process.exitCode = 1;
}
