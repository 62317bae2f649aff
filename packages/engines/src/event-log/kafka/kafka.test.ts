import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "@medtrace/shared/errors";
import type { EventLog, LogEntry } from "@medtrace/shared/ports/event-log";
import { type ConfigEntries, Kafka, logLevel, Partitioners } from "kafkajs";
import { realEngine } from "../../testing/real-engines.ts";
import { openEventLog } from "../open.ts";
import { openKafkaEventLog } from "./event-log.ts";
import { brokersOf, removeTopic, someTopic, urlOf, withAdmin } from "./testing/topics.ts";

const TOPIC_RESOURCE = 2;
const LIMITS = { countMax: 1_000, bytesMax: 1e7 };
const TRACE = `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`;

const engine = realEngine("event-log");

if (engine !== undefined) {
  const topics: string[] = [];
  const url = (query?: string): string => {
    const topic = someTopic();
    topics.push(topic);
    return urlOf(engine, topic, query);
  };
  after(() => Promise.all(topics.map((topic) => removeTopic(engine, topic))));

  describe("a topic of the event log", () => {
    it("is made with as many partitions as the URL says, and keeps everything for ever", async () => {
      await using log = await openEventLog(url("partitions=5&replication=1"));
      assert.equal(log.partitions, 5);
      const config = await configOf(engine, log.name);
      assert.deepEqual(
        [
          "retention.ms",
          "retention.bytes",
          "cleanup.policy",
          "min.insync.replicas",
          "unclean.leader.election.enable",
        ].map((name) => config.get(name)),
        ["-1", "-1", "delete", "1", "false"],
      );
    });

    it("is made once, by whoever of many comes first", async () => {
      const own = url("partitions=3");
      const logs = await Promise.all(Array.from({ length: 5 }, () => openEventLog(own)));
      for (const log of logs) assert.equal(log.partitions, 3);
      await Promise.all(logs.map((log) => log[Symbol.asyncDispose]()));
    });

    it("keeps its number of partitions; a URL that says another is refused", async () => {
      const own = url("partitions=3");
      await using _made = await openEventLog(own);
      await using again = await openEventLog(own.replace(/\?.*/, ""));
      assert.equal(again.partitions, 3);
      await assert.rejects(openEventLog(own.replace("=3", "=4")), refused(/has 3 partitions, where .* 4/));
    });

    it("is refused where Kafka would drop, thin out or rewrite records, or not take large ones", async () => {
      const wrong: readonly [string, string][] = [
        ["retention.ms", "604800000"],
        ["retention.bytes", "1000000"],
        ["cleanup.policy", "compact"],
        ["cleanup.policy", "compact,delete"],
        ["compression.type", "gzip"],
        ["unclean.leader.election.enable", "true"],
        ["max.message.bytes", "1000000"],
      ];
      await Promise.all(
        wrong.map(async ([name, value]) => {
          const own = url("partitions=2");
          await make(own, [{ name, value }]);
          await assert.rejects(openEventLog(own), refused(new RegExp(`${name}=${value}`)));
        }),
      );
    });

    it("may have been made by someone else, with limits that lose nothing", async () => {
      const own = url("partitions=2");
      await make(own, [{ name: "max.message.bytes", value: "20000000" }]);
      await using log = await openEventLog(own);
      assert.equal(log.partitions, 2);
    });

    it("is refused where there are fewer brokers than replicas are wanted", async () => {
      await assert.rejects(openEventLog(url("partitions=2&replication=9")), refused(/refuses to make/));
    });
  });

  describe("a log on Kafka", () => {
    it("says that storage failed where no broker listens", async () => {
      const nobody = "kafka://127.0.0.1:1,127.0.0.1:2/events";
      await assert.rejects(openKafkaEventLog({ url: nobody, tries_ms: 300 }), (error) =>
        hasCode(error, "STORAGE_FAILED"),
      );
    });

    it("goes on to the next broker of its URL where the first is away", async () => {
      await using log = await openEventLog(url("partitions=2").replace("//", "//127.0.0.1:1,"));
      assert.equal((await log.append([{ key: "key", value: randomBytes(9) }])).length, 1);
    });

    it("puts records where Kafka's own clients would, with key, value and trace for them to read", async () => {
      await using log = await openEventLog(url("partitions=6"));
      const appended = Array.from({ length: 40 }, (_, i) => ({
        key: `subject ${i} é`,
        value: randomBytes(20),
        trace: TRACE,
      }));
      const positions = await log.append(appended);
      const seen = new Map((await consume(engine, log.name, appended.length)).map((one) => [one.key, one]));
      const choose = Partitioners.DefaultPartitioner();
      const partitionMetadata = Array.from({ length: 6 }, (_, partitionId) => ({
        partitionId,
        partitionErrorCode: 0,
        leader: 1,
        replicas: [1],
        isr: [1],
      }));
      appended.forEach(({ key, value, trace }, i) => {
        const { partition, offset } = positions[i] ?? {};
        assert.equal(partition, choose({ topic: log.name, partitionMetadata, message: { key, value } }));
        assert.deepEqual(seen.get(key), { key, value, trace, partition, offset });
      });
    });

    it("refuses a key that makes a record too large, and says so", async () => {
      await using log = await openEventLog(url("partitions=2"));
      const large = { key: "k".repeat(3_000_000), value: new Uint8Array(1) };
      await assert.rejects(log.append([large]), (error) => hasCode(error, "INPUT_TOO_LARGE"));
    });

    it("reads over the holes that transactions leave, to the end and from within", async () => {
      await using log = await openEventLog(url("partitions=1"));
      const values = ["before", "in one", "in another", "after"];
      const transaction = await transactionalProducer(engine, log.name);
      await log.append([{ key: "key", value: Buffer.from("before") }]);
      for (const value of ["in one", "in another"]) await transaction.send(value);
      await log.append([{ key: "key", value: Buffer.from("after") }]);
      await transaction.send("last");
      await transaction.end();
      const entries = await readOn(log, 0);
      assert.deepEqual(entries.map(textOf), [...values, "last"]);
      assert.deepEqual(
        entries.map(({ offset }) => offset),
        [0, 1, 3, 5, 6],
      );
      assert.deepEqual((await log.ranges())[0], { partition: 0, first: 0, end: 8 });
      for (const hole of [2, 4]) assert.equal((await log.read(0, hole, LIMITS))[0]?.offset, hole + 1);
      assert.deepEqual(await log.read(0, 7, LIMITS), []);
      for await (const fault of log.check(new AbortController().signal)) assert.fail(fault);
    });

    it("says which records are gone where somebody deleted them from the topic", async () => {
      await using log = await openEventLog(url("partitions=1"));
      for (let i = 0; i < 10; i++) await log.append([{ key: "key", value: Buffer.from(`${i}`) }]);
      await withAdmin(engine, async (admin) => {
        await admin.fetchTopicOffsets(log.name);
        await admin.deleteTopicRecords({ topic: log.name, partitions: [{ partition: 0, offset: "4" }] });
      });
      await using fresh = await openEventLog(urlOf(engine, log.name, "partitions=1"));
      assert.deepEqual((await fresh.ranges())[0], { partition: 0, first: 4, end: 10 });
      await assert.rejects(
        fresh.read(0, 2, LIMITS),
        (error) => hasCode(error, "INTEGRITY") && /before offset 4 are gone/.test(error.message),
      );
      assert.deepEqual((await fresh.read(0, 4, LIMITS)).map(textOf), ["4", "5", "6", "7", "8", "9"]);
      const faults: string[] = [];
      for await (const fault of fresh.check(new AbortController().signal)) faults.push(fault);
      assert.equal(faults.length, 1);
      assert.match(faults[0] ?? "", /before offset 4 are gone/);
    });

    it("gives its partitions back, and waits until its work on them has stopped, before another has them", async () => {
      const own = url("partitions=4");
      await using one = await openEventLog(own);
      await using two = await openEventLog(own);
      const working = new Map<number, string>();
      const abort = new AbortController();
      const clashes: string[] = [];
      const work = async (who: string, log: EventLog): Promise<void> => {
        for await (const set of log.assignments("writers", abort.signal)) {
          // Stopping takes a while; until then the partitions are still worked on.
          await sleep(150);
          for (const [partition, by] of working) if (by === who) working.delete(partition);
          for (const partition of set) {
            const by = working.get(partition);
            if (by !== undefined) clashes.push(`${partition} is given to ${who} while ${by} works on it`);
            working.set(partition, who);
          }
        }
      };
      const first = work("one", one);
      while (working.size < 4) await sleep(10);
      const second = work("two", two);
      while (new Set(working.values()).size < 2 || working.size < 4) await sleep(10);
      abort.abort();
      await Promise.all([first, second]);
      assert.deepEqual(clashes, []);
    });

    it("leaves no socket and no timer behind when it was closed", async () => {
      const own = url("partitions=2");
      await sleep(50);
      assert.deepEqual(resources(), []);
      const log = await openEventLog(own);
      const abort = new AbortController();
      const waiting = log.waitPast(0, 1_000, 60_000, abort.signal);
      const member = (async () => {
        for await (const set of log.assignments("writers", abort.signal)) if (set.length > 0) abort.abort();
      })();
      await log.append([{ key: "key", value: randomBytes(9) }]);
      await log.read(1, 0, LIMITS);
      await log.ping();
      await member;
      await log[Symbol.asyncDispose]();
      await waiting;
      await sleep(50);
      assert.deepEqual(resources(), []);
    });

    it("ends at once when it is closed in the middle of everything", async () => {
      const log = await openEventLog(url("partitions=2"));
      const { signal } = new AbortController();
      const doing = [
        log.append([{ key: "key", value: randomBytes(9) }]),
        log.read(0, 0, LIMITS),
        log.ranges(),
        log.waitPast(0, 10, 60_000, signal),
        (async () => {
          for await (const _set of log.assignments("writers", signal));
        })(),
      ];
      const over = Promise.allSettled(doing);
      await log[Symbol.asyncDispose]();
      await over;
    });
  });
}

function refused(message: RegExp): (error: unknown) => boolean {
  return (error) => hasCode(error, "CONFIGURATION") && message.test(error.message) && error.hint !== undefined;
}

async function make(url: string, configEntries: { name: string; value: string }[]): Promise<void> {
  const unlimited = [
    { name: "retention.ms", value: "-1" },
    { name: "retention.bytes", value: "-1" },
    { name: "max.message.bytes", value: "2097152" },
  ].filter(({ name }) => configEntries.every((entry) => entry.name !== name));
  const topic = new URL(url.replace("kafka:", "http:")).pathname.slice(1);
  await withAdmin(url, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions: 2, configEntries: [...unlimited, ...configEntries] }] }),
  );
}

async function configOf(url: string, topic: string): Promise<Map<string, string>> {
  const { resources: described } = await withAdmin(url, (admin) =>
    admin.describeConfigs({ includeSynonyms: false, resources: [{ type: TOPIC_RESOURCE, name: topic }] }),
  );
  const entries: ConfigEntries[] = described[0]?.configEntries ?? [];
  return new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
}

interface Consumed {
  readonly key: string;
  readonly value: Buffer;
  readonly trace: string;
  readonly partition: number;
  readonly offset: number;
}

/** What kafkajs' own consumer sees. */
async function consume(url: string, topic: string, count: number): Promise<Consumed[]> {
  const consumer = new Kafka({ brokers: brokersOf(url), logLevel: logLevel.NOTHING }).consumer({
    groupId: `${topic}.test`,
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const seen: Consumed[] = [];
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: async ({ partition, message: { key, value, offset, headers } }) => {
          const trace = String(headers?.["traceparent"]);
          seen.push({ key: String(key), value: value ?? Buffer.alloc(0), trace, partition, offset: Number(offset) });
          if (seen.length === count) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return seen;
}

/** Sends values, each in a transaction of its own. */
async function transactionalProducer(
  url: string,
  topic: string,
): Promise<{ send(value: string): Promise<void>; end(): Promise<void> }> {
  const producer = new Kafka({ brokers: brokersOf(url), logLevel: logLevel.NOTHING }).producer({
    idempotent: true,
    transactionalId: topic,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  return {
    async send(value) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ key: "key", value }] });
      await transaction.commit();
    },
    end: () => producer.disconnect(),
  };
}

async function readOn(log: EventLog, partition: number): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for (let from = 0; ; ) {
    const some = await log.read(partition, from, LIMITS);
    if (some.length === 0) return entries;
    entries.push(...some);
    from = (some.at(-1)?.offset ?? 0) + 1;
  }
}

function textOf({ value }: LogEntry): string {
  return Buffer.from(value).toString();
}

/** What keeps this process alive. */
function resources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => name === "TCPSocketWrap" || name === "Timeout")
    .sort();
}
