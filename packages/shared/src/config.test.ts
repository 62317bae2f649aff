import { strict as assert } from "node:assert";
import test from "node:test";
import { engineSettings, eventLogName } from "./config.ts";
import { hasCode } from "./errors.ts";

test("dead letters lie beside the event log, on the same brokers, however many", () => {
  const of = (EVENT_LOG_URL: string): string =>
    engineSettings({ MEDTRACE_DATA: "/data", EVENT_LOG_URL }).deadLettersUrl;
  assert.equal(of(""), "embedded:/data/dead-letters");
  assert.equal(of("embedded:/elsewhere"), "embedded:/data/dead-letters");
  assert.equal(of("kafka://one:9092/events"), "kafka://one:9092/events.dead?partitions=1");
  assert.equal(
    of("kafka://one:9092,two:9092,[::1]:9093/events?partitions=8&replication=3"),
    "kafka://one:9092,two:9092,[::1]:9093/events.dead?partitions=1&replication=3",
  );
  assert.equal(
    engineSettings({ EVENT_LOG_URL: "kafka://a:1/b", DEAD_LETTERS_URL: "kafka://c:2/d" }).deadLettersUrl,
    "kafka://c:2/d",
  );
});

test("an event log is called by its topic", () => {
  assert.equal(
    eventLogName({ eventLogUrl: "kafka://one:9092,two:9092/hospital.events?partitions=8" }),
    "hospital.events",
  );
  assert.equal(eventLogName({ eventLogUrl: "embedded:/data/event-log" }), "events");
});

test("an engine that there is not is refused by its variable", () => {
  assert.throws(
    () => engineSettings({ EVENT_LOG_URL: "rabbit://one", CACHE_URL: "memcached:" }),
    (error) => hasCode(error, "CONFIGURATION") && /EVENT_LOG_URL[\s\S]*CACHE_URL/.test(error.message),
  );
});
