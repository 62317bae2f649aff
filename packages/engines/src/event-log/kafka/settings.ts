/** What an event log URL of Kafka says, and how brokers are to be spoken to. */
import type { ConnectionOptions } from "node:tls";
import { MedtraceError } from "@medtrace/shared/errors";
import type { SASLOptions } from "kafkajs";

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** How a broker lets us in; without either, in clear and unnamed. */
export interface KafkaAccess {
  readonly tls?: ConnectionOptions | undefined;
  readonly sasl?: SASLOptions | undefined;
}

export interface KafkaSettings {
  /** Where to ask first; the cluster names its other brokers itself. */
  readonly brokers: readonly BrokerAddress[];
  readonly topic: string;
  /** For a topic that is made now; one that is there must have as many, where the URL says a number. */
  readonly partitions: number | undefined;
  /** Replicas of each partition, for a topic that is made now. */
  readonly replication: number | undefined;
}

const HINT = "kafka://HOST:PORT[,HOST:PORT…]/TOPIC?partitions=8&replication=3";
const PARTITIONS_MAX = 1_000;
const REPLICATION_MAX = 9;
/** Streams are named `{topic}-{partition}`, and have names of up to 64 characters. */
const TOPIC_PATTERN = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,59}$/;

/**
 * Reads `kafka://host:port[,host:port…]/topic?partitions=N&replication=N`.
 *
 * @throws MedtraceError CONFIGURATION saying what is wrong with it.
 */
export function kafkaSettings(url: string): KafkaSettings {
  const match = /^kafka:\/\/([^/?]+)\/([^/?]+)(?:\?(.*))?$/.exec(url);
  if (match === null) throw wrong("this is no Kafka URL");
  const [, places = "", topic = "", query = ""] = match;
  if (!TOPIC_PATTERN.test(topic)) throw wrong("a topic's name is 1 to 59 of A-Z a-z 0-9 . _ -");
  const options = new URLSearchParams(query);
  for (const name of options.keys()) {
    if (name !== "partitions" && name !== "replication") throw wrong(`there is no option ${name}`);
  }
  return {
    brokers: places.split(",").map(addressOf),
    topic,
    partitions: option(options, "partitions", PARTITIONS_MAX),
    replication: option(options, "replication", REPLICATION_MAX),
  };
}

function addressOf(place: string): BrokerAddress {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(place);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port < 1 || port > 65_535) throw wrong(`${place} is not HOST:PORT`);
  return { host: match[1].replace(/^\[|\]$/g, ""), port };
}

function option(options: URLSearchParams, name: string, max: number): number | undefined {
  const text = options.get(name);
  if (text === null) return undefined;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 1 && value <= max)) throw wrong(`${name} wants a whole number from 1 to ${max}`);
  return value;
}

function wrong(what: string): MedtraceError {
  return new MedtraceError("CONFIGURATION", what, { at: "EVENT_LOG_URL", hint: HINT });
}
