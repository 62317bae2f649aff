/** What only a run on real engines measures: the engines' own limits, and accesses among many events. */
import type { Started } from "@medtrace/e2e/testing/medtrace";
import { producerRate } from "@medtrace/engines/event-log/kafka/testing/producer-rate";
import { insertRate } from "@medtrace/engines/projection/mongodb/testing/insert-rate";
import { Connection, requestBytes } from "./client.ts";
import { type Figure, quantile } from "./figures.ts";
import { INSTITUTION, recordOf } from "./load.ts";

/** About what a trace event of the load takes in the log. */
const RECORD_BYTES = 1_100;
const PARTITIONS = 8;
const SENT_MAX = 100_000;
const INSERTED_MAX = 20_000;
const SAMPLES = 2_000;
const WARM_UP = 200;
/** p99 of a record's accesses. */
const ACCESSES_MS_MAX = 20;
/** How much slower ten times as many events may make it. */
const SLOWDOWN_MAX = 2;

/** Kafka's and MongoDB's own rates, measured after a run, on what it left there. */
export async function engineLimits(engines: Readonly<Record<string, string>>, events: number): Promise<Figure[]> {
  const { EVENT_LOG_URL = "", PROJECTION_URL = "" } = engines;
  const records = Math.min(events, SENT_MAX);
  const sent = await producerRate(EVENT_LOG_URL, { records, recordBytes: RECORD_BYTES, partitions: PARTITIONS });
  const inserted = await insertRate(PROJECTION_URL, INSERTED_MAX);
  return [
    ...(sent === undefined ? [] : [{ name: "Kafka's ProducerPerformance", value: sent, unit: "records/s" }]),
    { name: "MongoDB, insertMany of prepared events", value: inserted, unit: "documents/s" },
  ];
}

/** Accesses of records among few and among many stored events. */
export class AccessesBench {
  readonly #started: Started;
  readonly #bearer: string;
  readonly #p99_ms: number[] = [];

  constructor(started: Started, bearer: string) {
    this.#started = started;
    this.#bearer = bearer;
  }

  /** Figures of records picked all over the `stored` events of the load; from the second call on beside the first's. */
  async measure(stored: number): Promise<Figure[]> {
    using connection = await Connection.open(this.#started.places.query);
    const headers = { authorization: `Bearer ${this.#bearer}` };
    const times_ms: number[] = [];
    for (let i = 0; i < WARM_UP + SAMPLES; i++) {
      const id = `${INSTITUTION}/${recordOf((i * 7_919_993) % stored)}`;
      const start = performance.now();
      const answer = await connection.send(
        requestBytes("GET", `/v1/records/${encodeURIComponent(id)}/accesses`, headers),
      );
      if (i >= WARM_UP) times_ms.push(performance.now() - start);
      if (answer.status !== 200 || !answer.body.includes('"events":[{')) {
        throw new Error(`GET accesses: ${answer.status} ${answer.body.toString("utf8", 0, 500)}`);
      }
    }
    const among = `among ${stored.toLocaleString("en-US")} events`;
    const p99_ms = quantile(times_ms, 0.99);
    const first_ms = this.#p99_ms[0];
    this.#p99_ms.push(p99_ms);
    return [
      { name: `a record's accesses ${among}, p50`, value: quantile(times_ms, 0.5), unit: "ms" },
      {
        name: `a record's accesses ${among}, p99`,
        value: p99_ms,
        unit: "ms",
        target: { kind: "at most", value: ACCESSES_MS_MAX },
      },
      ...(first_ms === undefined
        ? []
        : [
            {
              name: "that p99, in multiples of the first",
              value: p99_ms / first_ms,
              unit: "",
              target: { kind: "at most", value: SLOWDOWN_MAX } as const,
            },
          ]),
    ];
  }
}
