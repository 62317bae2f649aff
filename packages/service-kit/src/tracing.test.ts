import { strict as assert } from "node:assert";
import test from "node:test";
import { openTracing } from "./tracing.ts";

test("a service can leave well though its collector is gone: only spans are lost", async () => {
  const tracing = openTracing("ingest", { endpoint: "http://127.0.0.1:1", ratio: 1 });
  const span = tracing.tracer.startSpan("work");
  assert.equal(span.isRecording(), true);
  span.end();
  await tracing[Symbol.asyncDispose]();
});
