/** The event log on Kafka: one topic, its partitions, and a consumer group for each group of members. */
import type { EventLog } from "@medtrace/shared/ports/event-log";
import { Appender } from "./appender.ts";
import { Cache } from "./cache.ts";
import { Cluster } from "./cluster.ts";
import { Ends } from "./ends.ts";
import { logClosed, storageFailed } from "./failures.ts";
import { assignments } from "./member.ts";
import { Reader } from "./reader.ts";
import { type KafkaAccess, kafkaSettings } from "./settings.ts";
import { openTopic, type Topic } from "./topic.ts";
import { Watcher } from "./watcher.ts";

export interface KafkaEventLogOptions {
  /** `kafka://host:port[,host:port…]/topic?partitions=N&replication=N`. */
  readonly url: string;
  readonly access?: KafkaAccess;
  /** Bytes of records that may wait for Kafka to take them. */
  readonly backlogBytesMax?: number;
  /** How long an append, or opening the log, is tried while brokers are away. */
  readonly tries_ms?: number;
}

const OPEN_TRIES_MS = 30_000;
const APPEND_TRIES_MS = 15_000;
const BACKLOG_BYTES_MAX = 64 * 1_048_576;
/** How long a log that is closed goes on with what it was asked. */
const DRAIN_MS_MAX = 5_000;

/**
 * Opens the log in a topic, which is made where it is missing.
 *
 * @throws MedtraceError CONFIGURATION for a wrong URL, or a topic that would lose records; STORAGE_FAILED where no
 * broker answers in time.
 */
export async function openKafkaEventLog(options: KafkaEventLogOptions): Promise<EventLog> {
  const settings = kafkaSettings(options.url);
  const cluster = new Cluster(settings.topic, settings.brokers, options.access ?? {});
  try {
    const topic = await openTopic(cluster, settings, options.tries_ms ?? OPEN_TRIES_MS);
    return new KafkaEventLog(cluster, topic, options);
  } catch (error) {
    cluster[Symbol.dispose]();
    throw error;
  }
}

class KafkaEventLog implements EventLog {
  readonly name: string;
  readonly partitions: number;
  readonly #cluster: Cluster;
  readonly #topic: Topic;
  readonly #appender: Appender;
  readonly #reader: Reader;
  readonly #watcher: Watcher;
  readonly #closing = new AbortController();
  readonly #givingUp = new AbortController();
  readonly #leaving = new Set<Promise<void>>();
  #closed: Promise<void> | undefined;

  constructor(cluster: Cluster, topic: Topic, options: KafkaEventLogOptions) {
    this.name = cluster.topic;
    this.partitions = topic.partitions;
    this.#cluster = cluster;
    this.#topic = topic;
    const ends = new Ends(topic.partitions);
    const cache = new Cache(topic.partitions);
    const closing = this.#closing.signal;
    this.#reader = new Reader({ cluster, cache, ends, closing });
    this.#watcher = new Watcher({ cluster, cache, ends, closing, listEnds: () => this.#reader.ranges() });
    this.#appender = new Appender(cluster, topic, {
      backlogBytesMax: options.backlogBytesMax ?? BACKLOG_BYTES_MAX,
      tries_ms: options.tries_ms ?? APPEND_TRIES_MS,
      onAppended: (partition, end) => ends.raise(partition, end),
      giveUp: this.#givingUp.signal,
    });
  }

  append(...[records]: Parameters<EventLog["append"]>): ReturnType<EventLog["append"]> {
    return this.#appender.append(records);
  }

  async read(...[partition, offset, limits]: Parameters<EventLog["read"]>): ReturnType<EventLog["read"]> {
    this.#mustBeOpen();
    this.#mustHave(partition);
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`no offset ${offset} in a partition`);
    return this.#reader.read(partition, offset, limits);
  }

  async ranges(): ReturnType<EventLog["ranges"]> {
    this.#mustBeOpen();
    return this.#reader.ranges();
  }

  async waitPast(...[partition, ...rest]: Parameters<EventLog["waitPast"]>): Promise<void> {
    this.#mustHave(partition);
    await this.#watcher.waitPast(partition, ...rest);
  }

  async *assignments(group: string, signal: AbortSignal): AsyncGenerator<readonly number[]> {
    if (!/^[a-z0-9-]{1,64}$/.test(group)) throw new RangeError("a group's name is 1 to 64 of a-z 0-9 -");
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    // Groups belong to a cluster: the topic's name keeps those of different logs apart.
    const own = `${this.name}.${group}`;
    const { partitions } = this;
    yield* assignments({ cluster: this.#cluster, group: own, partitions, stop, leaving: this.#leaving });
  }

  async *check(signal: AbortSignal): AsyncGenerator<string> {
    signal.throwIfAborted();
    for (const range of await this.ranges()) yield* this.#reader.check(range, signal);
  }

  async ping(): Promise<void> {
    this.#mustBeOpen();
    const layout = await this.#cluster.refresh().catch((error: unknown) => {
      throw storageFailed("be reached", error);
    });
    layout.inSync.forEach((inSync, partition) => {
      const { inSyncMin } = this.#topic;
      if (inSync >= inSyncMin) return;
      throw storageFailed("take records", `partition ${partition} has ${inSync} of ${inSyncMin} replicas in sync`);
    });
  }

  #mustBeOpen(): void {
    if (this.#closing.signal.aborted) throw logClosed();
  }

  #mustHave(partition: number): void {
    if (!Number.isInteger(partition) || partition < 0 || partition >= this.partitions) {
      throw new RangeError(`no partition ${partition} of ${this.partitions}`);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort(logClosed());
    const patience = setTimeout(() => {
      this.#givingUp.abort();
      this.#cluster[Symbol.dispose]();
    }, DRAIN_MS_MAX);
    await Promise.all([this.#appender.close(), ...this.#leaving]);
    clearTimeout(patience);
    this.#cluster[Symbol.dispose]();
  }
}
