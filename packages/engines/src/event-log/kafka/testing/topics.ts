/** Topics of tests: a name for each, and their removal. */
import { randomBytes } from "node:crypto";
import { type Admin, Kafka, logLevel } from "kafkajs";

/** A topic's name that no other test has. */
export function someTopic(): string {
  return `test-${randomBytes(6).toString("hex")}`;
}

/** Runs `use` with kafkajs' own admin of the brokers of a Kafka URL. */
export async function withAdmin<T>(url: string, use: (admin: Admin) => Promise<T>): Promise<T> {
  const kafka = new Kafka({ brokers: brokersOf(url), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

export function brokersOf(url: string): string[] {
  return new URL(url.replace(/^kafka:/, "http:")).host.split(",");
}

/** The URL of another topic on the same brokers. */
export function urlOf(url: string, topic: string, query = "partitions=3"): string {
  return `kafka://${brokersOf(url).join()}/${topic}?${query}`;
}

/** Removes a topic and its groups, if they are there. */
export async function removeTopic(url: string, topic: string): Promise<void> {
  await withAdmin(url, async (admin) => {
    const { groups } = await admin.listGroups();
    const own = groups.map(({ groupId }) => groupId).filter((group) => group.startsWith(`${topic}.`));
    if (own.length > 0) await admin.deleteGroups(own).catch(() => undefined);
    if ((await admin.listTopics()).includes(topic)) await admin.deleteTopics({ topics: [topic] });
  });
}
