/** What every event log engine must do. An engine's own test calls {@link eventLogContract} with its harness. */
import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import { appendContract } from "./event-log.contract.append.ts";
import { assignContract } from "./event-log.contract.assign.ts";
import { durabilityContract } from "./event-log.contract.durability.ts";
import { content, type EventLogHarness, NO_LIMITS, withLog } from "./event-log.contract.kit.ts";
import { readContract } from "./event-log.contract.read.ts";
import { waitContract } from "./event-log.contract.wait.ts";

/** Registers the suite for one engine. */
export function eventLogContract(name: string, harness: EventLogHarness): void {
  describe(`event log contract: ${name}`, () => {
    appendContract(harness);
    readContract(harness);
    waitContract(harness);
    assignContract(harness);
    durabilityContract(harness);

    it("answers a ping while it can take and give", () => withLog(harness, (log) => log.ping()));

    it("refuses every call after it was closed, and closes twice in peace", async () => {
      await using storage = await harness.create();
      const log = await storage.open();
      const value = Buffer.from("value");
      await log.append([{ key: "key", value }]);
      await log[Symbol.asyncDispose]();
      await assert.rejects(log.append([{ key: "key", value }]), { code: "STORAGE_FAILED" });
      await assert.rejects(log.read(0, 0, NO_LIMITS));
      await assert.rejects(log.ranges());
      await assert.rejects(log.ping());
      await log[Symbol.asyncDispose]();
      await using again = await storage.open();
      assert.equal((await content(again)).size, 1);
    });
  });
}
