/** Appends: gathered for some milliseconds, sent as one batch per partition, one send at a time. */
import { MedtraceError } from "@medtrace/shared/errors";
import { type LogPosition, type LogRecord, VALUE_BYTES_MAX } from "@medtrace/shared/ports/event-log";
import type { Cluster } from "./cluster.ts";
import { Delivery } from "./delivery.ts";
import { logClosed, storageFailed } from "./failures.ts";
import { partitionOf } from "./partition-of.ts";
import { BATCH_HEADER_BYTES, type OutgoingRecord, recordBytesMax } from "./record-batch.ts";
import type { Topic } from "./topic.ts";

/** How long records wait for others to share their send. */
const LINGER_MS = 5;
/** What is enough to send at once. */
const ENOUGH_BYTES = 1_048_576;
const ENOUGH_RECORDS = 2_000;
/** A send has no more than this, or one record. */
const SEND_BYTES_MAX = 4 * 1_048_576;
const SEND_RECORDS_MAX = 8_000;

interface Call {
  readonly positions: LogPosition[];
  readonly until_ms: number;
  readonly bytes: number;
  readonly resolve: (positions: readonly LogPosition[]) => void;
  readonly reject: (error: unknown) => void;
  /** Records without an outcome. */
  left: number;
  over: boolean;
}

interface Item extends OutgoingRecord {
  readonly call: Call;
  readonly index: number;
  readonly bytes: number;
}

export interface AppenderOptions {
  /** How long a call is tried. */
  readonly tries_ms: number;
  /** Bytes of records that may wait for their send or its answer. */
  readonly backlogBytesMax: number;
  /** Told where a partition ends, at least. */
  readonly onAppended: (partition: number, end: number) => void;
  /** Aborted when trying is to end. */
  readonly giveUp: AbortSignal;
}

export class Appender {
  readonly #topic: Topic;
  readonly #backlogBytesMax: number;
  readonly #tries_ms: number;
  readonly #delivery: Delivery;
  readonly #onAppended: (partition: number, end: number) => void;
  /** By partition. */
  readonly #queues: Item[][];
  #queuedRecords = 0;
  #queuedBytes = 0;
  /** Of all calls that are not over. */
  #heldBytes = 0;
  #closed = false;
  #sending = false;
  /** Resolves when nothing is sent and nothing waits. */
  #idle: Promise<void> = Promise.resolve();
  /** Ends the wait for more records. */
  #haveEnough: () => void = () => {};
  /** The partition that the next send begins with. */
  #turn = 0;

  constructor(cluster: Cluster, topic: Topic, options: AppenderOptions) {
    this.#topic = topic;
    this.#backlogBytesMax = options.backlogBytesMax;
    this.#tries_ms = options.tries_ms;
    this.#onAppended = options.onAppended;
    this.#delivery = new Delivery(cluster, options.giveUp);
    this.#queues = Array.from({ length: topic.partitions }, () => []);
  }

  append(records: readonly LogRecord[]): Promise<readonly LogPosition[]> {
    if (this.#closed) return Promise.reject(logClosed());
    if (records.length === 0) return Promise.resolve([]);
    let bytes = 0;
    const outgoing: OutgoingRecord[] = [];
    for (const { key, value, trace } of records) {
      const one = { key: Buffer.from(key, "utf8"), value, trace };
      const size = recordBytesMax(one);
      if (value.length > VALUE_BYTES_MAX) return Promise.reject(tooLarge(value.length, VALUE_BYTES_MAX));
      if (BATCH_HEADER_BYTES + size > this.#topic.batchBytesMax) {
        return Promise.reject(tooLarge(size, this.#topic.batchBytesMax));
      }
      bytes += size;
      outgoing.push(one);
    }
    if (this.#heldBytes > 0 && this.#heldBytes + bytes > this.#backlogBytesMax) return Promise.reject(busy());
    return this.#enqueue(outgoing, bytes);
  }

  #enqueue(records: readonly OutgoingRecord[], bytes: number): Promise<readonly LogPosition[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly LogPosition[]>();
    const until_ms = performance.now() + this.#tries_ms;
    const positions = new Array<LogPosition>(records.length);
    const call: Call = { positions, until_ms, bytes, resolve, reject, left: records.length, over: false };
    records.forEach((record, index) => {
      const { key, value, trace } = record;
      const partition = partitionOf(key, this.#topic.partitions);
      this.#queues[partition]?.push({ key, value, trace, call, index, bytes: recordBytesMax(record) });
    });
    this.#heldBytes += bytes;
    this.#queuedBytes += bytes;
    this.#queuedRecords += records.length;
    if (this.#queuedBytes >= ENOUGH_BYTES || this.#queuedRecords >= ENOUGH_RECORDS) this.#haveEnough();
    if (!this.#sending) this.#idle = this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#sending = true;
    while (this.#queuedRecords > 0) {
      await this.#gather();
      const taken = this.#take();
      if (taken.size === 0) continue;
      // The calls of a partition are in the order they came, so the first waits longest.
      const until_ms = Math.min(...Array.from(taken.values(), ([first]) => first?.call.until_ms ?? 0));
      const outcomes = await this.#delivery.deliver(taken, until_ms);
      for (const [partition, items] of taken) this.#settle(partition, items, outcomes.get(partition));
    }
    this.#sending = false;
  }

  /** Waits for more records, unless there are enough. */
  async #gather(): Promise<void> {
    if (this.#closed || this.#queuedBytes >= ENOUGH_BYTES || this.#queuedRecords >= ENOUGH_RECORDS) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#haveEnough = resolve;
    const linger = setTimeout(resolve, LINGER_MS);
    await promise;
    clearTimeout(linger);
  }

  /** The records of the next send, by partition. */
  #take(): Map<number, Item[]> {
    const taken = new Map<number, Item[]>();
    const { partitions } = this.#topic;
    let [bytes, records] = [0, 0];
    for (let i = 0; i < partitions && bytes < SEND_BYTES_MAX && records < SEND_RECORDS_MAX; i++) {
      const partition = (this.#turn + i) % partitions;
      const roomBytes = Math.min(this.#topic.batchBytesMax - BATCH_HEADER_BYTES, SEND_BYTES_MAX - bytes);
      const items = this.#takeFrom(partition, bytes === 0, roomBytes, SEND_RECORDS_MAX - records);
      if (items.length === 0) continue;
      taken.set(partition, items);
      records += items.length;
      bytes = items.reduce((sum, item) => sum + item.bytes, bytes);
    }
    this.#turn = (this.#turn + 1) % partitions;
    return taken;
  }

  #takeFrom(partition: number, atLeastOne: boolean, bytesMax: number, countMax: number): Item[] {
    const queue = this.#queues[partition] ?? [];
    const items: Item[] = [];
    let bytes = 0;
    let seen = 0;
    for (const item of queue) {
      if (!item.call.over) {
        const first = atLeastOne && items.length === 0;
        if (items.length >= countMax || (bytes + item.bytes > bytesMax && !first)) break;
        items.push(item);
        bytes += item.bytes;
      }
      seen++;
      this.#queuedBytes -= item.bytes;
    }
    queue.splice(0, seen);
    this.#queuedRecords -= seen;
    return items;
  }

  #settle(partition: number, items: readonly Item[], outcome: number | Error | undefined): void {
    if (typeof outcome !== "number") {
      const error = this.#closed ? logClosed() : storageFailed("take the records", outcome);
      for (const { call } of items) this.#end(call, () => call.reject(error));
      return;
    }
    items.forEach(({ call, index }, i) => {
      call.positions[index] = { partition, offset: outcome + i };
      call.left--;
      if (call.left === 0) this.#end(call, () => call.resolve(call.positions));
    });
    this.#onAppended(partition, outcome + items.length);
  }

  #end(call: Call, say: () => void): void {
    if (call.over) return;
    call.over = true;
    this.#heldBytes -= call.bytes;
    say();
  }

  /** Takes nothing more; resolves when everything that was taken is sent or given up. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#haveEnough();
    await this.#idle;
  }
}

function tooLarge(bytes: number, max: number): MedtraceError {
  return new MedtraceError("INPUT_TOO_LARGE", `a record of ${bytes} bytes is over the limit of ${max}`);
}

function busy(): MedtraceError {
  return new MedtraceError("BUSY", "too much waits for Kafka to take it already", {
    hint: "send again after a moment",
  });
}
