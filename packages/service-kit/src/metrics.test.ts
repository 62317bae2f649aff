import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createMetrics } from "./metrics.ts";

describe("metrics", () => {
  test("are told in Prometheus' text format, with those of the process", async () => {
    const metrics = createMetrics();
    metrics
      .counter({ name: "medtrace_test_events_total", help: "Events", labels: ["outcome"] })
      .inc({ outcome: "ok" }, 3);
    metrics.gauge({ name: "medtrace_test_depth", help: "Depth" }).set(2);
    metrics.histogram({ name: "medtrace_test_wait_seconds", help: "Wait", buckets: [1, 2] }).observe(1.5);
    const text = await metrics.text();
    assert.match(text, /^medtrace_test_events_total\{outcome="ok"\} 3$/m);
    assert.match(text, /^medtrace_test_depth 2$/m);
    assert.match(text, /^medtrace_test_wait_seconds_bucket\{le="2"\} 1$/m);
    assert.match(text, /^process_cpu_user_seconds_total /m);
  });

  test("of services in one process are apart", async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.counter({ name: "medtrace_test_events_total", help: "Events" }).inc();
    other.counter({ name: "medtrace_test_events_total", help: "Events" });
    assert.match(await other.text(), /^medtrace_test_events_total 0$/m);
  });

  test("refuse names that break the conventions", () => {
    const metrics = createMetrics();
    const help = "Wrong";
    assert.throws(() => metrics.counter({ name: "medtrace_test_events", help }), /_total/);
    assert.throws(() => metrics.counter({ name: "events_total", help }), /not a metric's name/);
    assert.throws(() => metrics.counter({ name: "medtrace_Events_total", help }), /not a metric's name/);
    assert.throws(() => metrics.gauge({ name: "medtrace_test_total", help }), /_total/);
    assert.throws(() => metrics.gauge({ name: "medtrace_test_wait_ms", help }), /not a metric's name/);
    assert.throws(() => metrics.histogram({ name: "medtrace_test_wait", help, buckets: [1] }), /base unit/);
  });
});
