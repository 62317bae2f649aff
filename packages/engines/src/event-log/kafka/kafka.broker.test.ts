/** What holds when a broker fails, or its answers are lost: on a broker of this test's own. */
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "@medtrace/shared/errors";
import type { LogPosition } from "@medtrace/shared/ports/event-log";
import { content, placeOf } from "@medtrace/shared/ports/event-log.contract.kit";
import { realEngine } from "../../testing/real-engines.ts";
import { openKafkaEventLog } from "./event-log.ts";
import { kafkaJars, type OwnBroker, startBrokers, urlOn } from "./testing/broker.ts";
import { follow, Load } from "./testing/load.ts";
import { FETCH, PRODUCE } from "./testing/proxy.ts";
import { someTopic } from "./testing/topics.ts";

const KILLS = 3;
const PATIENCE_MS = 500;
const ONE_KEY = "one key, and so one partition";

const jars = realEngine("event-log") === undefined ? undefined : await kafkaJars();

if (jars !== undefined) {
  describe("a log on a broker that fails", () => {
    let broker: OwnBroker;
    before(async () => {
      [broker] = (await startBrokers(jars, 1)) as [OwnBroker];
    });
    after(() => broker[Symbol.asyncDispose]());

    it("sends one batch at a time, shared by many calls", async () => {
      await using log = await openKafkaEventLog({ url: urlOn([broker], someTopic()) });
      const before = broker.proxy.count(PRODUCE);
      const load = new Load(log);
      await load.run(40, 25);
      assert.equal(load.refused, 0);
      assert.equal(broker.proxy.producingMax, 1);
      const sends = broker.proxy.count(PRODUCE) - before;
      assert.ok(sends < (40 * 25) / 4, `${sends} sends of ${40 * 25} calls`);
      await load.assertHeld();
    });

    it("serves many small reads of neighbouring records from few fetches", async () => {
      await using log = await openKafkaEventLog({ url: urlOn([broker], someTopic()) });
      await log.append(Array.from({ length: 3_000 }, (_, i) => ({ key: `key-${i}`, value: randomBytes(300) })));
      const before = broker.proxy.count(FETCH);
      let count = 0;
      for (let partition = 0; partition < log.partitions; partition++) {
        for (let from = 0; ; ) {
          const some = await log.read(partition, from, { countMax: 2, bytesMax: 1e6 });
          if (some.length === 0) break;
          count += some.length;
          from = (some.at(-1)?.offset ?? 0) + 1;
        }
      }
      assert.equal(count, 3_000);
      const fetches = broker.proxy.count(FETCH) - before;
      assert.ok(fetches <= 20, `${fetches} fetches`);
    });

    it("asks the broker but twice a second while it waits for nothing", async () => {
      await using log = await openKafkaEventLog({ url: urlOn([broker], someTopic()) });
      const before = broker.proxy.count(FETCH);
      const abort = new AbortController();
      const waits = Array.from({ length: 50 }, (_, i) => log.waitPast(i % 3, 1_000, 1_200, abort.signal));
      await Promise.all(waits);
      assert.ok(broker.proxy.count(FETCH) - before <= 4, `${broker.proxy.count(FETCH) - before} fetches`);
    });

    it("keeps every record once, where answers are lost on their way", async () => {
      await using log = await openKafkaEventLog({ url: urlOn([broker], someTopic()) });
      const load = new Load(log);
      const cutting = (async () => {
        for (let cut = 0; cut < 8; cut++) {
          broker.proxy.cutAnswers = 1;
          await sleep(60);
        }
      })();
      while (broker.proxy.cutAnswers > 0 || load.acknowledged.size < 400) await load.run(10, 5);
      await cutting;
      broker.proxy.cutAnswers = 0;
      assert.equal(load.refused, 0);
      await load.assertHeld();
      assert.equal((await content(log)).size, load.acknowledged.size);
    });

    it("refuses in time where no answer comes, and loses nothing that it acknowledges afterwards", async () => {
      await using log = await openKafkaEventLog({ url: urlOn([broker], someTopic()), tries_ms: PATIENCE_MS });
      const acknowledged: [LogPosition, string][] = [];
      const append = async (text: string): Promise<void> => {
        const [position] = await log.append([{ key: ONE_KEY, value: Buffer.from(text) }]);
        assert.ok(position);
        acknowledged.push([position, text]);
      };
      await append("the first");
      broker.proxy.silent = true;
      // The broker has it, but nobody knows.
      await assert.rejects(append("the lost"), (error) => hasCode(error, "STORAGE_FAILED"));
      broker.proxy.silent = false;
      await append("the third");
      await append("the fourth");
      const held = new Map((await content(log)).entries());
      for (const [position, text] of acknowledged) {
        assert.equal(held.get(placeOf(position)), Buffer.from(text).toString("hex"), text);
      }
    });

    it("says BUSY before memory grows while no answer comes, and can be closed then", async () => {
      const options = { url: urlOn([broker], someTopic()), backlogBytesMax: 100_000, tries_ms: PATIENCE_MS };
      await using log = await openKafkaEventLog(options);
      broker.proxy.silent = true;
      try {
        const calls = Array.from({ length: 100 }, () => log.append([{ key: ONE_KEY, value: randomBytes(10_000) }]));
        const pinged = assert.rejects(log.ping());
        const results = await Promise.allSettled(calls);
        const codes = results.map((result) => (result.status === "rejected" ? result.reason.code : "taken"));
        assert.ok(codes.filter((code) => code === "BUSY").length >= 90, `${codes}`);
        assert.ok(
          codes.every((code) => code === "BUSY" || code === "STORAGE_FAILED"),
          `${codes}`,
        );
        await pinged;
      } finally {
        broker.proxy.silent = false;
      }
      await log.append([{ key: ONE_KEY, value: randomBytes(10) }]);
    });

    it("keeps what it acknowledged through kill -9 of the broker under load, again and again", async () => {
      const url = urlOn([broker], someTopic());
      await using log = await openKafkaEventLog({ url });
      await using other = await openKafkaEventLog({ url });
      const abort = new AbortController();
      const followed = follow(other, abort.signal);
      const load = new Load(log);
      for (let kill = 0; kill < KILLS; kill++) {
        const before = load.acknowledged.size;
        const running = load.run(12, 40);
        while (load.acknowledged.size < before + 60) await sleep(2);
        await broker.kill();
        await sleep(200);
        await broker.start();
        await running;
        await load.run(4, 5);
      }
      await load.assertHeld();
      while ([...load.acknowledged.keys()].some((place) => !followed.places.has(place))) await sleep(20);
      abort.abort();
      await followed.over;
      for await (const fault of log.check(new AbortController().signal)) assert.fail(fault);
    });

    it("refuses a batch that was changed at rest, by partition and offset, and gives what is before it", async () => {
      const url = urlOn([broker], someTopic(), "partitions=2");
      await using log = await openKafkaEventLog({ url });
      const positions: LogPosition[] = [];
      for (let i = 0; i < 5; i++) {
        const values = ["mark", "some", "more"].map((text) => ({ key: ONE_KEY, value: Buffer.from(`${text}-${i}`) }));
        positions.push(...(await log.append(values)));
      }
      const { partition, offset } = positions[6] as LogPosition;
      await changeAtRest(broker, `${log.name}-${partition}`, "some-2");
      await using fresh = await openKafkaEventLog({ url });
      const limits = { countMax: 100, bytesMax: 1e6 };
      const named = (error: unknown): boolean =>
        hasCode(error, "INTEGRITY") && error.message.includes(`partition ${partition}, offset ${offset}`);
      assert.equal((await fresh.read(partition, 0, limits)).length, 6);
      await assert.rejects(fresh.read(partition, offset, limits), named);
      await assert.rejects(fresh.read(partition, offset + 1, limits), named);
      assert.equal((await fresh.read(partition, offset + 3, limits)).length, 6);
      const faults: string[] = [];
      for await (const fault of fresh.check(new AbortController().signal)) faults.push(fault);
      assert.equal(faults.length, 1, faults.join("; "));
      assert.ok(faults[0]?.includes(`partition ${partition}, offset ${offset}`), faults[0]);
    });
  });
}

/** Changes one byte of a text in a partition's segment. */
async function changeAtRest(broker: OwnBroker, partition: string, text: string): Promise<void> {
  const folder = join(broker.data, partition);
  const segment = (await readdir(folder)).find((name) => name.endsWith(".log"));
  await using file = await open(join(folder, segment ?? ""), "r+");
  const at = (await file.readFile()).indexOf(text);
  assert.ok(at >= 0);
  await file.write(Buffer.from("S"), 0, 1, at);
}
