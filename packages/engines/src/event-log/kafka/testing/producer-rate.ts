/** What Kafka's own tool sends to the same broker, with the same promises: the limit of an event log on it. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { kafkaJars } from "./broker.ts";
import { brokersOf, removeTopic, someTopic, withAdmin } from "./topics.ts";

const TOOL = "org.apache.kafka.tools.ProducerPerformance";
const RUN_MS_MAX = 300_000;
const run = promisify(execFile);

export interface ProducerLoad {
  readonly records: number;
  readonly recordBytes: number;
  readonly partitions: number;
}

/**
 * Records a second of ProducerPerformance (idempotent, acks=all, batches of 512 KiB, a linger of 5 ms) on the brokers of a
 * Kafka URL; undefined where its jars were never fetched.
 */
export async function producerRate(url: string, load: ProducerLoad): Promise<number | undefined> {
  const jars = await kafkaJars();
  if (jars === undefined) return undefined;
  const topic = someTopic();
  await withAdmin(url, (admin) => admin.createTopics({ topics: [{ topic, numPartitions: load.partitions }] }));
  try {
    const settings = ["acks=all", "enable.idempotence=true", "batch.size=524288", "linger.ms=5"];
    const { stdout } = await run(
      "java",
      [
        ...["-Xms128m", "-Xmx256m", "-cp", `${jars}/*`, TOOL, "--topic", topic],
        ...["--num-records", `${load.records}`, "--record-size", `${load.recordBytes}`, "--throughput", "-1"],
        ...["--producer-props", `bootstrap.servers=${brokersOf(url).join()}`, ...settings],
      ],
      { timeout: RUN_MS_MAX, maxBuffer: 1 << 24 },
    );
    // Interim lines, then the last over all: "N records sent, R records/sec (M MB/sec), …".
    const rate = [...stdout.matchAll(/records sent, ([\d.]+) records\/sec/g)].at(-1)?.[1];
    if (rate === undefined) throw new Error(`${TOOL} said no rate: ${stdout.slice(-500)}`);
    return Number(rate);
  } finally {
    await removeTopic(url, topic);
  }
}
