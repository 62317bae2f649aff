/** What every ledger engine must do. An engine's own test calls {@link ledgerContract} with its harness. */
import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import { anchorContract } from "./ledger.contract.anchor.ts";
import { blocksContract } from "./ledger.contract.blocks.ts";
import { durabilityContract } from "./ledger.contract.durability.ts";
import { batchAfter, type LedgerHarness, newStream, refused } from "./ledger.contract.kit.ts";
import { proofContract } from "./ledger.contract.proof.ts";
import { writersContract } from "./ledger.contract.writers.ts";

/** Registers the suite for one engine. */
export function ledgerContract(name: string, harness: LedgerHarness): void {
  describe(`ledger contract: ${name}`, () => {
    anchorContract(harness);
    writersContract(harness);
    blocksContract(harness);
    proofContract(harness);
    durabilityContract(harness);

    it("is found sound by its own check, and says so by saying nothing", async () => {
      await using storage = await harness.create();
      await using ledger = await storage.open(harness.owners[0]);
      const stream = newStream();
      const first = batchAfter(stream);
      await ledger.anchorBatch(first);
      await ledger.anchorBatch(batchAfter(stream, first));
      await assert.rejects(ledger.anchorBatch(batchAfter(stream, first, { count: 1 })), refused);
      const faults: string[] = [];
      for await (const fault of ledger.check(new AbortController().signal)) faults.push(fault);
      assert.deepEqual(faults, []);
    });

    it("does not take an aborted check for a sound one", async () => {
      await using storage = await harness.create();
      await using ledger = await storage.open(harness.owners[0]);
      await ledger.anchorBatch(batchAfter(newStream()));
      await assert.rejects(async () => {
        for await (const fault of ledger.check(AbortSignal.abort(new Error("enough")))) assert.fail(fault);
      }, /enough/);
    });

    it("refuses every call after it was closed, and closes twice in peace", async () => {
      await using storage = await harness.create();
      const ledger = await storage.open(harness.owners[0]);
      await ledger.ping();
      await ledger[Symbol.asyncDispose]();
      await assert.rejects(ledger.anchorBatch(batchAfter(newStream())), { code: "LEDGER_UNAVAILABLE" });
      await assert.rejects(ledger.listStreams(), { code: "LEDGER_UNAVAILABLE" });
      await assert.rejects(ledger.ping(), { code: "LEDGER_UNAVAILABLE" });
      await ledger[Symbol.asyncDispose]();
    });

    it("finishes what it was asked before it was closed", async () => {
      await using storage = await harness.create();
      const ledger = await storage.open(harness.owners[0]);
      const batches = Array.from({ length: 5 }, () => batchAfter(newStream()));
      const anchors = Promise.all(batches.map((batch) => ledger.anchorBatch(batch)));
      await ledger[Symbol.asyncDispose]();
      assert.equal((await anchors).length, 5);
    });
  });
}
