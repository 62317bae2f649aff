/** The brokers of a cluster, who of them leads which partition of the topic, and connections to them. */
import { type ApiName, inTime, Link, LinkError } from "./link.ts";
import type { BrokerAddress, KafkaAccess } from "./settings.ts";
import type { WireRequest } from "./wire.ts";

/** A broker must answer within this, where a request has no wait of its own. */
export const ANSWER_MS_MAX = 10_000;

export interface Layout {
  readonly nodes: ReadonlyMap<number, BrokerAddress>;
  readonly controller: number;
  /** Of every partition, in order. */
  readonly leaders: readonly number[];
  /** Replicas in sync, of every partition. */
  readonly inSync: readonly number[];
}

export interface Sending {
  /** By default the one that all share. */
  readonly lane?: Lane;
  /** A connection must be there within this, and the answer within this again. */
  readonly answer_ms?: number;
}

interface MetadataResponse {
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
  readonly controllerId: number;
  readonly topicMetadata: readonly {
    readonly partitionMetadata: readonly {
      readonly partitionId: number;
      readonly leader: number;
      readonly isr: readonly number[];
    }[];
  }[];
}

/**
 * Connections of one use, one to a broker: brokers answer the requests of a connection in turn, so what waits long
 * needs a lane of its own.
 */
export class Lane implements Disposable {
  readonly #access: KafkaAccess;
  readonly #closing = new AbortController();
  readonly #links = new Map<string, Promise<Link>>();

  constructor(access: KafkaAccess) {
    this.#access = access;
  }

  /** The connection to a broker, opened where there is none; waited for no longer than is said. */
  async to(address: BrokerAddress, wait_ms: number = ANSWER_MS_MAX): Promise<Link> {
    const key = `${address.host}:${address.port}`;
    const late = (): Error => new LinkError(`Kafka at ${key} did not open a connection in ${wait_ms} ms`);
    const before = this.#links.get(key);
    if (before !== undefined) {
      const link = await inTime(
        before.catch(() => undefined),
        wait_ms,
        late,
      );
      if (link?.usable) return link;
      // It may have failed in a way that leaves its socket open: its authentication may be over.
      link?.end();
    }
    if (this.#links.get(key) === before) this.#open(key, address);
    return inTime(this.#links.get(key) as Promise<Link>, wait_ms, late);
  }

  #open(key: string, address: BrokerAddress): void {
    if (this.#closing.signal.aborted) throw new LinkError("the event log is closed");
    const opening = Link.open(address, this.#access, this.#closing.signal);
    opening.catch(() => undefined);
    this.#links.set(key, opening);
  }

  /** Ends every connection at once. */
  [Symbol.dispose](): void {
    this.#closing.abort(new LinkError("the event log is closed"));
    for (const opening of this.#links.values()) opening.then((link) => link.end()).catch(() => undefined);
    this.#links.clear();
  }
}

export class Cluster implements Disposable {
  readonly topic: string;
  readonly #access: KafkaAccess;
  readonly #bootstrap: readonly BrokerAddress[];
  readonly #lanes = new Set<Lane>();
  readonly #main: Lane;
  #layout: Layout | undefined;
  #refreshing: Promise<Layout> | undefined;
  #over = false;

  constructor(topic: string, bootstrap: readonly BrokerAddress[], access: KafkaAccess) {
    this.topic = topic;
    this.#bootstrap = bootstrap;
    this.#access = access;
    this.#main = this.lane();
  }

  /** A lane of one's own, ended with the cluster if not before. */
  lane(): Lane {
    const lane = new Lane(this.#access);
    if (this.#over) lane[Symbol.dispose]();
    else this.#lanes.add(lane);
    return lane;
  }

  end(lane: Lane): void {
    this.#lanes.delete(lane);
    lane[Symbol.dispose]();
  }

  /** Who leads what, as it was last heard. @throws LinkError where nothing was heard yet. */
  get layout(): Layout {
    if (this.#layout === undefined) throw new LinkError("no broker of Kafka has answered yet");
    return this.#layout;
  }

  /** Who leads a partition. @throws LinkError for one that was not heard of. */
  leader(partition: number): number {
    const leader = this.layout.leaders[partition];
    if (leader === undefined) throw new LinkError(`Kafka names no leader of partition ${partition}`);
    return leader;
  }

  /** Partitions by their leader. */
  byLeader(partitions: Iterable<number>): Map<number, number[]> {
    const groups = new Map<number, number[]>();
    for (const partition of partitions) {
      const leader = this.leader(partition);
      const group = groups.get(leader);
      if (group === undefined) groups.set(leader, [partition]);
      else group.push(partition);
    }
    return groups;
  }

  /** Asks the brokers, one after the other, who leads what; those who ask meanwhile share the answer. */
  refresh(): Promise<Layout> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<Layout> {
    const asked = new Map<string, BrokerAddress>();
    for (const address of [...(this.#layout?.nodes.values() ?? []), ...this.#bootstrap]) {
      asked.set(`${address.host}:${address.port}`, address);
    }
    let failure: unknown;
    for (const address of asked.values()) {
      try {
        const link = await this.#main.to(address);
        const response = await link.call(
          "Metadata",
          { topics: [this.topic], allowAutoTopicCreation: false },
          ANSWER_MS_MAX,
        );
        this.#layout = layoutOf(response as MetadataResponse);
        return this.#layout;
      } catch (error) {
        failure = error;
        // A broker that answers with an error speaks for its cluster.
        if ("type" in (error as object)) throw error;
      }
    }
    throw failure;
  }

  /** Any broker that answers, whatever the topic. */
  async anyone({ lane = this.#main, answer_ms }: Sending = {}): Promise<Link> {
    let failure: unknown;
    for (const address of [...(this.#layout?.nodes.values() ?? []), ...this.#bootstrap]) {
      try {
        return await lane.to(address, answer_ms);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** The connection to a broker by its id. */
  node(node: number, { lane = this.#main, answer_ms }: Sending = {}): Promise<Link> {
    const address = this.layout.nodes.get(node);
    if (address === undefined) return Promise.reject(new LinkError(`Kafka names no broker ${node}`));
    return lane.to(address, answer_ms);
  }

  /** Sends to a broker, by its id, a request that kafkajs encodes. */
  async call(node: number, api: ApiName, args: object): Promise<unknown> {
    return (await this.node(node)).call(api, args, ANSWER_MS_MAX);
  }

  /** Sends to a broker, by its id, a request in bytes. */
  async send<T>(node: number, request: WireRequest<T>, sending: Sending = {}): Promise<T> {
    return (await this.node(node, sending)).send(request, sending.answer_ms ?? ANSWER_MS_MAX);
  }

  /** Ends every connection at once. */
  [Symbol.dispose](): void {
    this.#over = true;
    for (const lane of this.#lanes) lane[Symbol.dispose]();
    this.#lanes.clear();
  }
}

function layoutOf({ brokers, controllerId, topicMetadata }: MetadataResponse): Layout {
  const partitions = [...(topicMetadata[0]?.partitionMetadata ?? [])].sort((a, b) => a.partitionId - b.partitionId);
  return {
    nodes: new Map(brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }])),
    controller: controllerId,
    leaders: partitions.map(({ leader }) => leader),
    inSync: partitions.map(({ isr }) => isr.length),
  };
}
