/** Fetches into the cache: one fetch to a broker at a time, for everyone who wants something of it. */
import type { Cache } from "./cache.ts";
import type { Cluster, Lane } from "./cluster.ts";
import type { Ends } from "./ends.ts";
import { failureOf } from "./failures.ts";
import { decodeBatches } from "./record-batch.ts";
import { type Fetched, fetchRequest } from "./wire.ts";

const FETCH_BYTES_MAX = 4 * 1_048_576;
const PARTITION_BYTES_MAX = 1_048_576;

interface Want {
  readonly partition: number;
  readonly offset: number;
  /** Resolves with where the partition ends; undefined where that was not asked. */
  readonly resolve: (end: number | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class Fetcher {
  readonly #cluster: Cluster;
  readonly #lane: Lane;
  readonly #cache: Cache;
  readonly #ends: Ends;
  readonly #busy = new Set<number>();
  #wants: Want[] = [];

  constructor(cluster: Cluster, cache: Cache, ends: Ends) {
    this.#cluster = cluster;
    this.#lane = cluster.lane();
    this.#cache = cache;
    this.#ends = ends;
  }

  /**
   * Brings records from an offset on into the cache, if there are any. It resolves with where the partition ends,
   * or undefined where the cache had them already.
   *
   * @throws what Kafka or the connection failed with; BrokenBatch.
   */
  load(partition: number, offset: number): Promise<number | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    this.#wants.push({ partition, offset, resolve, reject });
    this.#pump();
    return promise;
  }

  /** Starts a fetch at every broker that has none under way. */
  #pump(): void {
    const waiting: Want[] = [];
    const rounds = new Map<number, Map<number, Want>>();
    for (const want of this.#wants) {
      const { partition, offset } = want;
      try {
        const node = this.#cluster.leader(partition);
        const round = rounds.get(node) ?? new Map<number, Want>();
        rounds.set(node, round);
        if (this.#cache.has(partition, offset)) want.resolve(undefined);
        else if (this.#busy.has(node) || round.has(partition)) waiting.push(want);
        else round.set(partition, want);
      } catch (error) {
        want.reject(error);
      }
    }
    this.#wants = waiting;
    for (const [node, round] of rounds) {
      if (round.size > 0) this.#fetch(node, round).catch(() => undefined);
    }
  }

  async #fetch(node: number, round: Map<number, Want>): Promise<void> {
    this.#busy.add(node);
    try {
      const fetched = await this.#cluster.send(
        node,
        fetchRequest({
          topic: this.#cluster.topic,
          offsets: new Map([...round].map(([partition, { offset }]) => [partition, offset])),
          wait_ms: 0,
          bytesMax: FETCH_BYTES_MAX,
          partitionBytesMax: PARTITION_BYTES_MAX,
        }),
        { lane: this.#lane },
      );
      for (const one of fetched) {
        const want = round.get(one.partition);
        if (want !== undefined) this.#take(want, one);
      }
    } catch (error) {
      for (const { reject } of round.values()) reject(error);
    } finally {
      this.#busy.delete(node);
      this.#pump();
    }
  }

  #take(want: Want, fetched: Fetched): void {
    try {
      const failure = failureOf(fetched.error);
      if (failure !== undefined) throw failure;
      const kept = keep(this.#cache, this.#ends, fetched);
      // The answer was full before this partition's turn came: it is asked for first the next time.
      if (!kept && fetched.end > want.offset) this.#wants.unshift(want);
      else want.resolve(fetched.end);
    } catch (error) {
      want.reject(error);
    }
  }
}

/** Puts what was fetched into the cache and takes note of the end; false where there was not one whole batch. */
export function keep(cache: Cache, ends: Ends, { partition, end, batches }: Fetched): boolean {
  try {
    // A copy, so that one partition's records do not keep the others' in memory.
    const decoded = decodeBatches(Buffer.from(batches));
    if (decoded !== undefined) cache.add(partition, decoded);
    return decoded !== undefined;
  } finally {
    ends.raise(partition, end);
  }
}
