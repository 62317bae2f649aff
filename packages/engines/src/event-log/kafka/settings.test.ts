import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import { kafkaSettings } from "./settings.ts";

describe("the URL of an event log on Kafka", () => {
  it("names brokers, the topic, and what a topic that is made now is to be", () => {
    assert.deepEqual(kafkaSettings("kafka://one:9092,127.0.0.1:19092,[::1]:9093/events?partitions=12&replication=3"), {
      brokers: [
        { host: "one", port: 9092 },
        { host: "127.0.0.1", port: 19092 },
        { host: "::1", port: 9093 },
      ],
      topic: "events",
      partitions: 12,
      replication: 3,
    });
    const { partitions, replication } = kafkaSettings("kafka://one:9092/hospital.events_2-b");
    assert.deepEqual([partitions, replication], [undefined, undefined]);
  });

  it("is refused with what is wrong with it", () => {
    const wrong: readonly [string, RegExp][] = [
      ["kafka:", /no Kafka URL/],
      ["kafka://", /no Kafka URL/],
      ["kafka://one:9092", /no Kafka URL/],
      ["kafka://one:9092/", /no Kafka URL/],
      ["kafka://one:9092/a/b", /no Kafka URL/],
      ["kafka://one/events", /one is not HOST:PORT/],
      ["kafka://one:9092,/events", / is not HOST:PORT/],
      ["kafka://one:0/events", /HOST:PORT/],
      ["kafka://one:70000/events", /HOST:PORT/],
      ["kafka://user:secret@one:9092/events", /HOST:PORT/],
      ["kafka://one:9092/..", /topic's name/],
      ["kafka://one:9092/näme", /topic's name/],
      [`kafka://one:9092/${"x".repeat(60)}`, /topic's name/],
      ["kafka://one:9092/events?partitions=0", /partitions wants/],
      ["kafka://one:9092/events?partitions=1001", /partitions wants/],
      ["kafka://one:9092/events?partitions=many", /partitions wants/],
      ["kafka://one:9092/events?replication=-1", /replication wants/],
      ["kafka://one:9092/events?retention=1", /no option retention/],
    ];
    for (const [url, message] of wrong) {
      assert.throws(
        () => kafkaSettings(url),
        (error) => hasCode(error, "CONFIGURATION") && message.test(error.message) && error.at === "EVENT_LOG_URL",
        url,
      );
    }
  });
});
