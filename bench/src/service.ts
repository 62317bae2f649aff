/** The figures of the embedded service, taken from outside: over its HTTP surface alone. */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Started, settled } from "@medtrace/e2e/testing/medtrace";
import { type Answer, Connection, closedLoop, requestBytes } from "./client.ts";
import { type Figure, quantile } from "./figures.ts";
import { CONNECTIONS, type Limits } from "./limits.ts";
import { auditEvent } from "./load.ts";
import { ProcessMeter, processesOf, type Usage } from "./memory.ts";

const LINES_A_REQUEST = 1_000;
const REQUESTS_IN_FLIGHT = 4;
const EVIDENCE_SAMPLES = 1_000;
const VERIFIED_EVENTS = 1_000;
const SETTLE_MS_MAX = 300_000;
/** Growth that still counts as flat: 32 bytes an event would be 3 MB. */
const GROWTH_MB_MAX = 5;
const VERIFIER = fileURLToPath(new URL("../../packages/verifier/src/main.ts", import.meta.url));

/** What the figures should be. */
export interface Targets {
  /** NDJSON, events/s. */
  readonly ndjson: number;
  /** Resident memory of any one process, MB. */
  readonly memory_mb: number;
}

/** One process on embedded engines. */
export const EMBEDDED: Targets = { ndjson: 10_000, memory_mb: 512 };
/** Three processes on Kafka, MongoDB and Redis. */
export const ON_ENGINES: Targets = { ndjson: 5_000, memory_mb: 400 };

export interface BenchParts {
  readonly started: Started;
  readonly bearer: string;
  readonly limits: Limits;
  readonly targets: Targets;
  readonly folder: string;
}

/** A started service under load: what was sent, and the ids that it acknowledged. */
export class ServiceBench {
  readonly #started: Started;
  readonly #bearer: string;
  readonly #limits: Limits;
  readonly #targets: Targets;
  readonly #folder: string;
  readonly #ids: string[] = [];
  #sent = 0;
  /** Acknowledged events, those of single POSTs too, whose ids are not kept. */
  #acknowledged = 0;

  constructor({ started, bearer, limits, targets, folder }: BenchParts) {
    this.#started = started;
    this.#bearer = bearer;
    this.#limits = limits;
    this.#targets = targets;
    this.#folder = folder;
  }

  /** How many events were sent. */
  get sent(): number {
    return this.#sent;
  }

  /** Figures of `events` sent by NDJSON: rates until acknowledged and until projected, and memory meanwhile. */
  async ndjson(events: number): Promise<Figure[]> {
    using meter = new ProcessMeter(processesOf(this.#started.pid), () => this.#acknowledged);
    const start = performance.now();
    await this.#publish(events);
    const acknowledged_s = (performance.now() - start) / 1_000;
    await this.#settle();
    const projected_s = (performance.now() - start) / 1_000;
    const target = { kind: "at least", value: this.#targets.ndjson } as const;
    return [
      {
        name: "NDJSON, acknowledged",
        value: events / acknowledged_s,
        unit: "events/s",
        target,
        limit: { name: "bare node:http, NDJSON lines/s", value: this.#limits.lines },
      },
      {
        name: "NDJSON, anchored and projected",
        value: events / projected_s,
        unit: "events/s",
        target,
        limit: { name: "SQLite rows/s at 1,000 a commit", value: this.#limits.rows },
      },
      ...meter.usage().flatMap((usage) => this.#usageFigures(usage, events)),
    ];
  }

  #usageFigures({ name, max_mb, growth_mb, processor_us }: Usage, events: number): Figure[] {
    const most = { kind: "at most", value: this.#targets.memory_mb } as const;
    const flat = { kind: "at most", value: GROWTH_MB_MAX } as const;
    return [
      { name: `${name}: processor time`, value: processor_us / events, unit: "us/event" },
      { name: `${name}: memory, highest`, value: max_mb, unit: "MB", target: most },
      ...(growth_mb === undefined
        ? []
        : [
            {
              name: `${name}: memory, growth over the later half`,
              value: growth_mb,
              unit: "MB per 100,000 events",
              target: flat,
            },
          ]),
    ];
  }

  /** Sends events until so many were sent since the start, and waits until they are projected. */
  async grow(events: number): Promise<void> {
    if (events <= this.#sent) return;
    await this.#publish(events - this.#sent);
    await this.#settle();
  }

  /** Figure of single POSTs over 64 keep-alive connections. */
  async posts(seconds: number): Promise<Figure[]> {
    const headers = { authorization: `Bearer ${this.#bearer}`, "content-type": "application/fhir+json" };
    const next = (): Buffer => requestBytes("POST", "/fhir/AuditEvent", headers, auditEvent(this.#sent++));
    const looped = await closedLoop(this.#started.places.ingest, CONNECTIONS, seconds, next, (answer) => {
      if (answer.status !== 201) throw new Error(`POST /fhir/AuditEvent: ${describe(answer)}`);
      this.#acknowledged++;
    });
    await this.#settle();
    return [
      {
        name: `single POSTs, ${CONNECTIONS} connections`,
        value: looped.perSecond,
        unit: "events/s",
        target: { kind: "at least", value: 3_000 },
        limit: { name: "bare node:http, requests/s", value: this.#limits.posts },
      },
    ];
  }

  /** Figures of evidence for one event, asked one after another over one connection. */
  async evidence(): Promise<Figure[]> {
    await this.#haveAtLeast(EVIDENCE_SAMPLES);
    using connection = await Connection.open(this.#started.places.query);
    const headers = { authorization: `Bearer ${this.#bearer}` };
    const step = Math.floor(this.#ids.length / EVIDENCE_SAMPLES);
    const times_ms: number[] = [];
    for (let i = 0; i < EVIDENCE_SAMPLES; i++) {
      const request = requestBytes("GET", `/v1/events/${this.#ids[i * step]}/evidence`, headers);
      const start = performance.now();
      const answer = await connection.send(request);
      times_ms.push(performance.now() - start);
      if (answer.status !== 200) throw new Error(`GET evidence: ${describe(answer)}`);
    }
    const limit = { name: "bare node:http, GET p99 ms", value: this.#limits.get_ms_p99 };
    return [
      { name: "evidence of one event, p50", value: quantile(times_ms, 0.5), unit: "ms" },
      {
        name: "evidence of one event, p99",
        value: quantile(times_ms, 0.99),
        unit: "ms",
        target: { kind: "at most", value: 5 },
        limit,
      },
    ];
  }

  /** Figure of the verifier on evidence of 1,000 events, Node's start included. */
  async verify(): Promise<Figure[]> {
    await this.#haveAtLeast(VERIFIED_EVENTS);
    const body = JSON.stringify({ events: this.#ids.slice(0, VERIFIED_EVENTS) });
    const headers = { authorization: `Bearer ${this.#bearer}`, "content-type": "application/json" };
    using connection = await Connection.open(this.#started.places.query);
    const answer = await connection.send(requestBytes("POST", "/v1/evidence", headers, body));
    if (answer.status !== 200) throw new Error(`POST /v1/evidence: ${describe(answer)}`);
    const { events } = JSON.parse(answer.body.toString("utf8")) as { events: readonly unknown[] };
    if (events.length !== VERIFIED_EVENTS)
      throw new Error(`evidence of ${events.length} events, not ${VERIFIED_EVENTS}`);
    const file = join(this.#folder, "evidence.json");
    await writeFile(file, answer.body);
    const times_ms: number[] = [];
    for (let run = 0; run < 3; run++) times_ms.push(await timeVerifier(file));
    return [
      {
        name: `verify ${VERIFIED_EVENTS} events`,
        value: quantile(times_ms, 0.5),
        unit: "ms",
        target: { kind: "at most", value: 1_000 },
        limit: { name: "node doing nothing, ms", value: this.#limits.nodeStart_ms },
      },
    ];
  }

  async #haveAtLeast(events: number): Promise<void> {
    if (this.#ids.length >= events) return;
    await this.#publish(events - this.#ids.length);
    await this.#settle();
  }

  /** Waits until everything acknowledged is anchored and projected. */
  #settle(): Promise<void> {
    return settled(this.#started, this.#bearer, this.#acknowledged, SETTLE_MS_MAX);
  }

  /** Sends events by NDJSON and returns once every line has its acknowledgement. */
  async #publish(events: number): Promise<void> {
    const end = this.#sent + events;
    const worker = async (): Promise<void> => {
      while (this.#sent < end) {
        const first = this.#sent;
        const count = Math.min(LINES_A_REQUEST, end - first);
        this.#sent += count;
        await this.#publishLines(Array.from({ length: count }, (_, i) => auditEvent(first + i)));
      }
    };
    await Promise.all(Array.from({ length: REQUESTS_IN_FLIGHT }, worker));
  }

  async #publishLines(lines: readonly string[]): Promise<void> {
    const ids = await publishLines(this.#started, this.#bearer, lines);
    this.#ids.push(...ids);
    this.#acknowledged += ids.length;
  }
}

/** Sends events by NDJSON in one request: the ids of all, once each is acknowledged. */
export async function publishLines({ places }: Started, bearer: string, lines: readonly string[]): Promise<string[]> {
  const answer = await fetch(`${places.ingest}/fhir/$ingest`, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/fhir+ndjson" },
    body: lines.join("\n"),
    signal: AbortSignal.timeout(SETTLE_MS_MAX),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`POST /fhir/$ingest: ${answer.status} ${text.slice(0, 500)}`);
  const results = text.trim().split("\n");
  if (results.length !== lines.length) throw new Error(`${lines.length} lines sent, ${results.length} results came`);
  return results.map((line) => {
    const result = JSON.parse(line) as { status: string; id?: string };
    if (result.status === "accepted" && result.id !== undefined) return result.id;
    throw new Error(`not accepted: ${line.slice(0, 500)}`);
  });
}

function describe(answer: Answer): string {
  return `${answer.status} ${answer.body.toString("utf8", 0, 500)}`;
}

/** Milliseconds that the verifier's process takes; rejects where it does not say proven. */
function timeVerifier(file: string): Promise<number> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [VERIFIER, file], { maxBuffer: 1 << 26, timeout: 60_000 }, (error, stdout) => {
      if (error === null) resolve(performance.now() - start);
      else reject(new Error(`the verifier does not say proven: ${stdout.slice(0, 1_000)}`, { cause: error }));
    });
  });
}
