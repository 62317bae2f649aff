/** The topic of an event log: made where it is missing, refused where it would lose records. */
import { setTimeout as sleep } from "node:timers/promises";
import { MedtraceError } from "@medtrace/shared/errors";
import { VALUE_BYTES_MAX } from "@medtrace/shared/ports/event-log";
import { ANSWER_MS_MAX, type Cluster, type Layout } from "./cluster.ts";
import { accessRefused, isKafka, untilDone } from "./failures.ts";
import { LinkError } from "./link.ts";
import type { KafkaSettings } from "./settings.ts";

const PARTITIONS = 8;
const REPLICATION = 1;
const TOPIC_RESOURCE = 2;
/** A batch of one record: the largest value, a key of up to some thousand bytes, and a trace. */
const BATCH_BYTES_LEAST = VALUE_BYTES_MAX + 65_536;
const BATCH_BYTES_MAX = 2 * VALUE_BYTES_MAX;

const CHECKED = [
  "retention.ms",
  "retention.bytes",
  "cleanup.policy",
  "compression.type",
  "unclean.leader.election.enable",
  "max.message.bytes",
  "min.insync.replicas",
] as const;

type TopicConfig = ReadonlyMap<string, string>;

export interface Topic {
  readonly partitions: number;
  /** A batch of records may have so many bytes. */
  readonly batchBytesMax: number;
  /** So many replicas must be in sync for the topic to take records. */
  readonly inSyncMin: number;
}

/**
 * Finds the topic, or makes it, and looks at its settings.
 *
 * @throws MedtraceError CONFIGURATION for a topic that would lose records or refuse large ones, or that Kafka will not
 * make, or a cluster that does not let us in; STORAGE_FAILED where no broker answers.
 */
export async function openTopic(cluster: Cluster, settings: KafkaSettings, tries_ms: number): Promise<Topic> {
  const { signal } = new AbortController();
  const layout = await untilDone({ what: "open the topic", tries_ms, signal }, () =>
    allowed(findOrMake(cluster, settings)),
  );
  const partitions = layout.leaders.length;
  if (settings.partitions !== undefined && settings.partitions !== partitions) {
    throw refused(
      settings.topic,
      `has ${partitions} partitions, where EVENT_LOG_URL says ${settings.partitions}`,
      "a record's partition depends on their number: leave it as it is, and say partitions as the topic has them",
    );
  }
  const config = await untilDone(
    { what: "read the topic's settings", tries_ms: ANSWER_MS_MAX, signal, refresh: () => cluster.refresh() },
    () => allowed(describe(cluster)),
  );
  return { partitions, ...checked(settings.topic, config) };
}

/** Work that fails for good where the cluster does not let us in. */
function allowed<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw accessRefused(error) ?? error;
  });
}

async function findOrMake(cluster: Cluster, settings: KafkaSettings): Promise<Layout> {
  try {
    return await cluster.refresh();
  } catch (error) {
    if (!isKafka(error, "UNKNOWN_TOPIC_OR_PARTITION")) throw error;
  }
  await make(cluster, settings);
  // Brokers hear of a new topic one after the other.
  for (const until = performance.now() + ANSWER_MS_MAX; performance.now() < until; await sleep(20)) {
    const layout = await cluster.refresh().catch(() => undefined);
    if (layout?.leaders.length === (settings.partitions ?? PARTITIONS)) return layout;
  }
  throw new LinkError(`the topic ${settings.topic} was made, but has no leaders yet`);
}

async function make(cluster: Cluster, { topic, partitions, replication = REPLICATION }: KafkaSettings): Promise<void> {
  const config = {
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "compression.type": "uncompressed",
    "unclean.leader.election.enable": "false",
    "max.message.bytes": `${BATCH_BYTES_MAX}`,
    // What was acknowledged is on so many brokers, and one of three may be away.
    "min.insync.replicas": `${Math.ceil(replication / 2)}`,
  };
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  const wanted = { topic, numPartitions: partitions ?? PARTITIONS, replicationFactor: replication, configEntries };
  const link = await cluster.anyone();
  try {
    await link.call("CreateTopics", { topics: [wanted], timeout: ANSWER_MS_MAX / 2 }, ANSWER_MS_MAX);
  } catch (error) {
    const [failure = error] = (error as { errors?: readonly unknown[] }).errors ?? [];
    if (isKafka(failure, "TOPIC_ALREADY_EXISTS")) return;
    if (isKafka(failure, "NOT_CONTROLLER", "REQUEST_TIMED_OUT")) throw new LinkError((failure as Error).message);
    if (error === failure) throw error;
    throw new MedtraceError(
      "CONFIGURATION",
      `Kafka refuses to make the topic ${topic}: ${(failure as Error).message}`,
      {
        at: "EVENT_LOG_URL",
        hint: "replication wants as many brokers; or make the topic yourself, with retention.ms=-1 and retention.bytes=-1",
        cause: failure,
      },
    );
  }
}

async function describe(cluster: Cluster): Promise<TopicConfig> {
  const resources = [{ type: TOPIC_RESOURCE, name: cluster.topic, configNames: [...CHECKED] }];
  const response = (await (await cluster.anyone()).call("DescribeConfigs", { resources }, ANSWER_MS_MAX)) as {
    readonly resources: readonly {
      readonly configEntries: readonly { readonly configName: string; readonly configValue: string }[];
    }[];
  };
  const entries = response.resources[0]?.configEntries ?? [];
  return new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
}

function checked(topic: string, config: TopicConfig): Omit<Topic, "partitions"> {
  const wants = (name: string, ...values: readonly string[]): void => {
    const value = config.get(name) ?? "";
    if (values.includes(value)) return;
    const change = `kafka-configs --alter --entity-type topics --entity-name ${topic} --add-config ${name}=${values[0]}`;
    throw refused(topic, `has ${name}=${value}: the event log must keep every record, as it is`, change);
  };
  wants("cleanup.policy", "delete");
  wants("retention.ms", "-1");
  wants("retention.bytes", "-1");
  wants("compression.type", "uncompressed", "producer");
  wants("unclean.leader.election.enable", "false");
  const batchBytesMax = Number(config.get("max.message.bytes"));
  if (!(batchBytesMax >= BATCH_BYTES_LEAST)) wants("max.message.bytes", `${BATCH_BYTES_MAX}`);
  return {
    batchBytesMax: Math.min(batchBytesMax, BATCH_BYTES_MAX),
    inSyncMin: Number(config.get("min.insync.replicas")),
  };
}

function refused(topic: string, what: string, hint: string): MedtraceError {
  return new MedtraceError("CONFIGURATION", `the Kafka topic ${topic} ${what}`, { at: "EVENT_LOG_URL", hint });
}
