/**
 * Batches to the brokers, as an idempotent producer (KIP-98): each has its producer's id and a sequence number, by
 * which a broker knows one that was sent again. One delivery at a time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ANSWER_MS_MAX, type Cluster, type Lane } from "./cluster.ts";
import { failureOf, isKafka, mayPass } from "./failures.ts";
import { LinkError } from "./link.ts";
import { encodeBatch, type OutgoingRecord } from "./record-batch.ts";
import { produceRequest } from "./wire.ts";

/** How long a leader may wait for its replicas, per try. */
const REPLICATED_MS_MAX = 8_000;
/** The least time that a try gets, and so what a delivery may take beyond its own. */
const ANSWER_MS_MIN = 2_000;
const PAUSE_MS_MIN = 20;
const PAUSE_MS_MAX = 500;
/** Sequence numbers have 31 bits; a new producer id starts them over long before. */
const SEQUENCE_MAX = 2 ** 30;
/** The broker does not know the sequence any more: what was sent may be there or not. */
const SEQUENCE_LOST = [
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "DUPLICATE_SEQUENCE_NUMBER",
  "INVALID_PRODUCER_EPOCH",
  "INVALID_PRODUCER_ID_MAPPING",
  "UNKNOWN_PRODUCER_ID",
];

/** For each partition the offset of its first record, or why it failed; then the outcome may be unknown. */
export type Outcomes = ReadonlyMap<number, number | Error>;

type Records = ReadonlyMap<number, readonly OutgoingRecord[]>;

interface Producer {
  readonly id: bigint;
  readonly epoch: number;
}

interface Send {
  readonly node: number;
  readonly partitions: readonly number[];
  readonly batches: ReadonlyMap<number, Buffer>;
  readonly answer_ms: number;
}

export class Delivery {
  readonly #cluster: Cluster;
  /** A broker answers in turn, and this once its replicas have what was sent: nothing else is to wait for that. */
  readonly #lane: Lane;
  readonly #signal: AbortSignal;
  #producer: Producer | undefined;
  readonly #sequences = new Map<number, number>();

  constructor(cluster: Cluster, signal: AbortSignal) {
    this.#cluster = cluster;
    this.#lane = cluster.lane();
    this.#signal = signal;
  }

  /** Delivers a batch to each partition, trying again until `until_ms` (of performance.now); never rejects. */
  async deliver(records: Records, until_ms: number): Promise<Outcomes> {
    if (Math.max(...this.#sequences.values()) > SEQUENCE_MAX) this.#forget();
    const outcomes = new Map<number, number | Error>();
    const batches = new Map<number, Buffer>();
    const answer = (): number => Math.min(ANSWER_MS_MAX, Math.max(ANSWER_MS_MIN, until_ms - performance.now()));
    for (let pause_ms = PAUSE_MS_MIN; ; pause_ms = Math.min(2 * pause_ms, PAUSE_MS_MAX)) {
      const failure = await this.#try(records, batches, outcomes, answer());
      if (outcomes.size === records.size) break;
      if (this.#signal.aborted || performance.now() + pause_ms > until_ms) {
        for (const partition of records.keys()) if (!outcomes.has(partition)) outcomes.set(partition, failure);
        break;
      }
      await sleep(pause_ms, undefined, { signal: this.#signal }).catch(() => undefined);
      await this.#cluster.refresh().catch(() => undefined);
    }
    // A batch that was given up may be in the log: another one under its sequence would be taken for it, and lost.
    if ([...outcomes.values()].some((outcome) => typeof outcome !== "number")) this.#forget();
    return outcomes;
  }

  /** Sends what has no outcome yet; notes what is final, and gives why the rest is not. */
  async #try(
    records: Records,
    batches: Map<number, Buffer>,
    outcomes: Map<number, number | Error>,
    answer_ms: number,
  ): Promise<Error> {
    let passing: Error = new LinkError("it was not tried");
    let lost = false;
    const settle = (partition: number, outcome: number | Error): void => {
      if (typeof outcome === "number") this.#advance(partition, records.get(partition)?.length ?? 0);
      if (outcome instanceof Error && isKafka(outcome, ...SEQUENCE_LOST)) lost = true;
      else if (typeof outcome === "number" || !mayPass(outcome)) outcomes.set(partition, outcome);
      if (typeof outcome !== "number") passing = outcome;
    };
    const left = [...records.keys()].filter((partition) => !outcomes.has(partition));
    try {
      this.#producer ??= await this.#introduce(answer_ms);
      this.#encode(records, left, batches, this.#producer);
      const groups = [...this.#cluster.byLeader(left)];
      const sendTo = ([node, partitions]: [number, number[]]): Promise<void> =>
        this.#send({ node, partitions, batches, answer_ms }, settle);
      await Promise.all(groups.map(sendTo));
    } catch (error) {
      for (const partition of left) settle(partition, error as Error);
    }
    if (lost) {
      this.#forget();
      batches.clear();
    }
    return passing;
  }

  /** Sends batches to their leader, and says of each how it went. */
  async #send(
    { node, partitions, batches, answer_ms }: Send,
    settle: (partition: number, outcome: number | Error) => void,
  ): Promise<void> {
    const own = new Map(partitions.map((partition) => [partition, batches.get(partition) as Buffer]));
    const { topic } = this.#cluster;
    const request = produceRequest({ topic, batches: own, timeout_ms: REPLICATED_MS_MAX });
    const produced = await this.#cluster
      .send(node, request, { lane: this.#lane, answer_ms })
      .catch((error: Error) => error);
    for (const partition of partitions) {
      if (produced instanceof Error) settle(partition, produced);
      else {
        const answer = produced.find((one) => one.partition === partition);
        if (answer === undefined) settle(partition, new LinkError(`no word of partition ${partition}`));
        else settle(partition, failureOf(answer.error) ?? answer.base);
      }
    }
  }

  #encode(records: Records, partitions: readonly number[], batches: Map<number, Buffer>, producer: Producer): void {
    for (const partition of partitions) {
      if (batches.has(partition)) continue;
      const sequence = this.#sequences.get(partition) ?? 0;
      batches.set(partition, encodeBatch(records.get(partition) ?? [], { ...producer, sequence }, Date.now()));
    }
  }

  /** A producer id, from any broker. */
  async #introduce(answer_ms: number): Promise<Producer> {
    const link = await this.#cluster.anyone({ lane: this.#lane, answer_ms });
    const answer = await link.call("InitProducerId", { transactionTimeout: REPLICATED_MS_MAX }, answer_ms);
    const { producerId, producerEpoch } = answer as { readonly producerId: string; readonly producerEpoch: number };
    return { id: BigInt(producerId), epoch: producerEpoch };
  }

  #advance(partition: number, records: number): void {
    this.#sequences.set(partition, (this.#sequences.get(partition) ?? 0) + records);
  }

  #forget(): void {
    this.#producer = undefined;
    this.#sequences.clear();
  }
}
