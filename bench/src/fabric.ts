/**
 * `--fabric`: the ledger on a running Hyperledger Fabric network. What batches are worth beside one transaction for each
 * event, and the whole stack on Kafka, MongoDB, Redis and Fabric, all on the cores of this machine.
 */
import { randomBytes } from "node:crypto";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { getJson, type Started, settled } from "@medtrace/e2e/testing/medtrace";
import { fabricSettings } from "@medtrace/engines/ledger/fabric/config";
import { FabricLedger } from "@medtrace/engines/ledger/fabric/ledger";
import { type Batch, batchHash, NO_BATCH } from "@medtrace/shared/model/batch";
import { hex } from "@medtrace/shared/model/bytes";
import { leafHash, merkleRoot } from "@medtrace/shared/model/merkle";
import { type Figure, quantile } from "./figures.ts";
import { auditEvent } from "./load.ts";
import { publishLines, type Targets } from "./service.ts";

/** Transactions under way at one time where each event has its own. */
const SINGLES_IN_FLIGHT = 300;
/** As the ledger-writer batches by default, from a log of eight partitions. */
const BATCH_COUNT = 1_024;
const STREAMS = 8;
/** A record of the size that trace events have. */
const RECORD = Buffer.alloc(600, 7);
const RATIO_MIN = 50;
const BUSY_SAMPLE_MS = 3_000;

const PACE_EVENTS_PER_S = 500;
const PACE_STEP_MS = 100;
/** One event of so many requests is followed until it is anchored. */
const FOLLOWED_OF = 4;
const POLL_MS = 50;
const LATENCY_MS_MAX = 1_500;
const SETTLE_MS_MAX = 300_000;

/** The whole stack beside a Fabric network. */
export const ON_FABRIC: Targets = { ndjson: 4_000, memory_mb: 400 };

/** Where the network is, as the environment says it. @throws RangeError */
export function fabricOfEnvironment(env: NodeJS.ProcessEnv = process.env): string {
  const url = env["LEDGER_URL"];
  if (url?.startsWith("fabric:") === true) return url;
  throw new RangeError("--fabric: start a network (npm run fabric:up), and source infra/fabric/fabric.env");
}

/** Figures of the ledger alone: events anchored in batches, and by a transaction each, one run after the other. */
export async function ledgerFigures(url: string, seconds: number): Promise<Figure[]> {
  const busy = await busyShare();
  const settings = fabricSettings();
  const limits = { ...settings.limits, concurrency_max: SINGLES_IN_FLIGHT };
  const owner = process.env["LEDGER_OWNER"] ?? "HospitalAMSP";
  await using ledger = await FabricLedger.open(url, { owner, settings: { ...settings, limits } });
  const singles = await anchorRate(ledger, seconds, SINGLES_IN_FLIGHT, 1);
  const batched = await anchorRate(ledger, seconds, STREAMS, BATCH_COUNT);
  return [
    // What else runs takes from every figure below; an idle network takes about 5 %.
    { name: "this machine's cores, busy before the run", value: 100 * busy, unit: "%" },
    { name: `a transaction for each event, ${SINGLES_IN_FLIGHT} in flight`, value: singles, unit: "events/s" },
    { name: `batches of ${BATCH_COUNT} on ${STREAMS} streams`, value: batched, unit: "events/s" },
    {
      name: "batches, over a transaction for each event",
      value: batched / singles,
      unit: "times",
      target: { kind: "at least", value: RATIO_MIN },
    },
  ];
}

/** Share of all cores' time that was used over some seconds, 0 to 1. */
async function busyShare(): Promise<number> {
  const times = (): { busy: number; all: number } =>
    cpus().reduce(
      ({ busy, all }, { times: { user, nice, sys, irq, idle } }) => ({
        busy: busy + user + nice + sys + irq,
        all: all + user + nice + sys + irq + idle,
      }),
      { busy: 0, all: 0 },
    );
  const before = times();
  await sleep(BUSY_SAMPLE_MS);
  const after = times();
  return (after.busy - before.busy) / Math.max(1, after.all - before.all);
}

/** Events anchored a second by writers of one stream each, records hashed as the ledger-writer does. */
async function anchorRate(ledger: FabricLedger, seconds: number, streams: number, count: number): Promise<number> {
  const run = randomBytes(4).toString("hex");
  const heads = new Map<string, Batch>();
  const names = Array.from({ length: streams }, (_, i) => `bench-${run}-${i}`);
  const anchorNext = async (stream: string): Promise<void> => {
    const next = batchAfter(stream, heads.get(stream), count);
    await ledger.anchorBatch(next);
    heads.set(stream, next);
  };
  // The first of each stream connects and warms up, and is not counted.
  await Promise.all(names.map(anchorNext));
  let events = 0;
  const start = performance.now();
  const until = start + seconds * 1_000;
  const writer = async (stream: string): Promise<void> => {
    while (performance.now() < until) {
      await anchorNext(stream);
      events += count;
    }
  };
  await Promise.all(names.map(writer));
  return (events * 1_000) / (performance.now() - start);
}

function batchAfter(stream: string, head: Batch | undefined, count: number): Batch {
  const first = head?.end ?? 0;
  const leaves = Array.from({ length: count }, () => leafHash(RECORD));
  return {
    format: 1,
    stream,
    sequence: head === undefined ? 0 : head.sequence + 1,
    first,
    end: first + count,
    count,
    root: hex(merkleRoot(leaves)),
    previous: head === undefined ? NO_BATCH : batchHash(head),
  };
}

export interface PacedParts {
  readonly started: Started;
  readonly bearer: string;
  /** Events that the service has taken already. */
  readonly sent: number;
  readonly seconds: number;
}

/** Figures of events that come at an even pace: how long after its acknowledgement each is seen to be anchored. */
export async function latencyFigures({ started, bearer, sent, seconds }: PacedParts): Promise<Figure[]> {
  const step = (PACE_EVENTS_PER_S * PACE_STEP_MS) / 1_000;
  const steps = Math.ceil((seconds * 1_000) / PACE_STEP_MS);
  const start = performance.now();
  const requests: Promise<unknown>[] = [];
  const failures: unknown[] = [];
  const latencies_ms: number[] = [];
  for (let i = 0; i < steps; i++) {
    await sleep(Math.max(0, start + i * PACE_STEP_MS - performance.now()));
    const lines = Array.from({ length: step }, (_, j) => auditEvent(sent + i * step + j));
    const request = async (): Promise<void> => {
      const [id = ""] = await publishLines(started, bearer, lines);
      if (i % FOLLOWED_OF === 0) latencies_ms.push(await untilAnchored(started, bearer, id));
    };
    requests.push(request().catch((error: unknown) => failures.push(error)));
  }
  const sent_s = (performance.now() - start) / 1_000;
  await Promise.all(requests);
  if (failures.length > 0) throw failures[0];
  await settled(started, bearer, sent + steps * step, SETTLE_MS_MAX);
  const at = `at ${Math.round((steps * step) / sent_s)} events/s`;
  const target = { kind: "at most", value: LATENCY_MS_MAX } as const;
  return [
    { name: `anchored after, p50, ${at}`, value: quantile(latencies_ms, 0.5), unit: "ms", target },
    { name: `anchored after, p99, ${at}`, value: quantile(latencies_ms, 0.99), unit: "ms" },
  ];
}

/** Milliseconds from its acknowledgement until query says that the event is anchored, to within a poll. */
async function untilAnchored({ places }: Started, bearer: string, id: string): Promise<number> {
  const start = performance.now();
  for (;;) {
    const { status, body } = await getJson(`${places.query}/v1/events/${id}`, bearer);
    // Receipts are written soon after the acknowledgement, not before it.
    if (status !== 200 && status !== 404) throw new Error(`GET /v1/events/${id}: ${status}`);
    if (body["state"] === "anchored" || body["state"] === "verified") return performance.now() - start;
    if (performance.now() - start > SETTLE_MS_MAX) throw new Error(`event ${id} is not anchored`);
    await sleep(POLL_MS);
  }
}
