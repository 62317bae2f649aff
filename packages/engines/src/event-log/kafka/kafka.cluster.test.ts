/** What holds when brokers of three fail: on brokers of this test's own. */
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "@medtrace/shared/errors";
import { realEngine } from "../../testing/real-engines.ts";
import { openKafkaEventLog } from "./event-log.ts";
import { kafkaJars, type OwnBroker, startBrokers, urlOn } from "./testing/broker.ts";
import { follow, Load } from "./testing/load.ts";
import { someTopic } from "./testing/topics.ts";

const BROKERS = 3;
const LEADERLESS_MS_MAX = 120_000;

const jars = realEngine("event-log") === undefined ? undefined : await kafkaJars();

if (jars !== undefined) {
  describe("a log on three brokers", () => {
    let brokers: OwnBroker[] = [];
    before(async () => {
      brokers = await startBrokers(jars, BROKERS);
    });
    after(() => Promise.all(brokers.map((broker) => broker[Symbol.asyncDispose]())));

    it("goes on while any one of them is away, and keeps all that it acknowledged", async () => {
      const url = urlOn(brokers, someTopic(), "partitions=6&replication=3");
      await using log = await openKafkaEventLog({ url });
      await using other = await openKafkaEventLog({ url });
      const abort = new AbortController();
      const followed = follow(other, abort.signal);
      const load = new Load(log);
      for (const broker of brokers) {
        const before = load.acknowledged.size;
        const running = load.run(12, 30);
        while (load.acknowledged.size < before + 60) await sleep(2);
        await broker.kill();
        await running;
        await load.run(6, 5);
        const whileAway = load.acknowledged.size;
        assert.ok(whileAway >= before + 90, `${whileAway - before} records`);
        await broker.start();
        while (
          !(await log.ping().then(
            () => true,
            () => false,
          ))
        )
          await sleep(100);
      }
      assert.equal(load.refused, 0);
      await load.assertHeld();
      while ([...load.acknowledged.keys()].some((place) => !followed.places.has(place))) await sleep(20);
      abort.abort();
      await followed.over;
    });

    it("never gives nothing in place of what was acknowledged, while partitions get another leader", async () => {
      const url = urlOn(brokers, someTopic(), "partitions=6&replication=3");
      await using log = await openKafkaEventLog({ url });
      for (const broker of brokers) {
        // Of a log that has heard of no end yet, as a projector's that was just started.
        await using other = await openKafkaEventLog({ url });
        const records = Array.from({ length: 60 }, (_, i) => ({ key: `key-${i}`, value: randomBytes(50) }));
        const positions = await log.append(records);
        await broker.kill();
        for (const [i, { partition, offset }] of positions.entries()) {
          const [entry] = await patiently(() => other.read(partition, offset, { countMax: 1, bytesMax: 1 }));
          assert.deepEqual([entry?.offset, entry?.value], [offset, new Uint8Array(records[i]?.value ?? [])]);
        }
        await broker.start();
        await patiently(() => log.ping());
      }
    });
  });
}

/** Tries again while no leader answers. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const until = performance.now() + LEADERLESS_MS_MAX; ; await sleep(100)) {
    try {
      return await work();
    } catch (error) {
      if (!hasCode(error, "STORAGE_FAILED") || performance.now() > until) throw error;
    }
  }
}
