import assert from "node:assert/strict";
import { it } from "node:test";
import { auditEvent } from "./load.ts";

it("makes AuditEvents of about 1.2 kB, each another, the same for the same number, on one line", () => {
  const events = Array.from({ length: 1_000 }, (_, number) => auditEvent(number));
  assert.equal(new Set(events).size, events.length);
  assert.equal(auditEvent(17), events[17]);
  const bytes = events.reduce((sum, event) => sum + Buffer.byteLength(event), 0) / events.length;
  assert.ok(bytes > 1_100 && bytes < 1_400, `${bytes} bytes`);
  for (const event of events) assert.ok(!event.includes("\n"));
});
