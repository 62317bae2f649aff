/** Waiting for records: one long poll at each broker while anyone waits, and what it brings goes into the cache. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Cache } from "./cache.ts";
import { ANSWER_MS_MAX, type Cluster, type Lane } from "./cluster.ts";
import type { Ends } from "./ends.ts";
import { failureOf } from "./failures.ts";
import { keep } from "./fetcher.ts";
import { type Fetched, type FetchOptions, fetchRequest } from "./wire.ts";

const POLL_MS = 500;
const POLL_BYTES_MAX = 4 * 1_048_576;
const PARTITION_BYTES_MAX = 512 * 1_024;
/** Polls that bring records follow each other no closer than this: a steady trickle comes in handfuls. */
const REST_MS = 10;
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 1_000;

export interface WatcherParts {
  readonly cluster: Cluster;
  readonly cache: Cache;
  readonly ends: Ends;
  /** Asks Kafka where the partitions end. */
  readonly listEnds: () => Promise<unknown>;
  readonly closing: AbortSignal;
}

export class Watcher {
  readonly #parts: WatcherParts;
  readonly #lane: Lane;
  /** Brokers with a poll. */
  readonly #polled = new Set<number>();
  #starting = false;

  constructor(parts: WatcherParts) {
    this.#parts = parts;
    this.#lane = parts.cluster.lane();
  }

  /** Resolves when the partition's end is past the offset, or the time is over, or a signal aborts. */
  async waitPast(partition: number, offset: number, timeout_ms: number, signal: AbortSignal): Promise<void> {
    const { ends, closing } = this.#parts;
    if (signal.aborted || closing.aborted || timeout_ms <= 0) return;
    if (offset < 0 || (ends.get(partition) ?? -1) > offset) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    using _waiter = ends.onPast(partition, offset, resolve);
    const timer = setTimeout(resolve, timeout_ms);
    const wake = (): void => resolve();
    signal.addEventListener("abort", wake, { once: true });
    closing.addEventListener("abort", wake, { once: true });
    this.#start();
    await promise;
    clearTimeout(timer);
    signal.removeEventListener("abort", wake);
    closing.removeEventListener("abort", wake);
  }

  /** Polls every broker that leads a partition, until nobody waits. */
  #start(): void {
    if (!this.#starting) this.#pollAll().catch(() => undefined);
  }

  async #pollAll(): Promise<void> {
    this.#starting = true;
    for (let pause_ms = PAUSE_MS_MIN; this.#wanted; pause_ms = Math.min(2 * pause_ms, PAUSE_MS_MAX)) {
      try {
        const partitions = this.#parts.cluster.layout.leaders.keys();
        if ([...partitions].some((partition) => this.#parts.ends.get(partition) === undefined)) {
          await this.#parts.listEnds();
        }
        for (const node of this.#parts.cluster.layout.leaders) this.#pollOne(node);
        break;
      } catch {
        await this.#pause(pause_ms);
      }
    }
    this.#starting = false;
  }

  get #wanted(): boolean {
    return this.#parts.ends.waiting && !this.#parts.closing.aborted;
  }

  #pollOne(node: number): void {
    if (this.#polled.has(node)) return;
    this.#polled.add(node);
    this.#poll(node)
      .catch(() => undefined)
      .finally(() => {
        this.#polled.delete(node);
        if (this.#wanted) this.#start();
      });
  }

  async #poll(node: number): Promise<void> {
    const { cluster, ends } = this.#parts;
    let pause_ms = PAUSE_MS_MIN;
    while (this.#wanted) {
      const offsets = new Map<number, number>();
      cluster.layout.leaders.forEach((leader, partition) => {
        if (leader === node) offsets.set(partition, ends.get(partition) ?? 0);
      });
      if (offsets.size === 0) return;
      try {
        if (await this.#fetch(node, offsets)) await this.#pause(REST_MS);
        pause_ms = PAUSE_MS_MIN;
      } catch {
        await this.#pause(pause_ms);
        pause_ms = Math.min(2 * pause_ms, PAUSE_MS_MAX);
        await cluster.refresh().catch(() => undefined);
      }
    }
  }

  /** True where there were records. */
  async #fetch(node: number, offsets: ReadonlyMap<number, number>): Promise<boolean> {
    const { cluster, cache, ends } = this.#parts;
    const options: FetchOptions = {
      topic: cluster.topic,
      offsets,
      wait_ms: POLL_MS,
      bytesMax: POLL_BYTES_MAX,
      partitionBytesMax: PARTITION_BYTES_MAX,
    };
    const sending = { lane: this.#lane, answer_ms: POLL_MS + ANSWER_MS_MAX };
    const fetched: readonly Fetched[] = await cluster.send(node, fetchRequest(options), sending);
    let failure: Error | undefined;
    for (const one of fetched) {
      failure = failureOf(one.error) ?? failure;
      if (one.error === 0) keepQuietly(cache, ends, one);
    }
    if (failure !== undefined) throw failure;
    return fetched.some(({ batches }) => batches.length > 0);
  }

  #pause(pause_ms: number): Promise<void> {
    return sleep(pause_ms, undefined, { signal: this.#parts.closing }).catch(() => undefined);
  }
}

/** A broken batch is for its reader to find. */
function keepQuietly(cache: Cache, ends: Ends, fetched: Fetched): void {
  try {
    keep(cache, ends, fetched);
  } catch {
    // The end is noted; whoever reads there meets the same batch.
  }
}
