/** What every vault engine must do. An engine's own test calls {@link vaultContract} with its harness. */
import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import { durabilityContract } from "./vault.contract.durability.ts";
import { keysContract } from "./vault.contract.keys.ts";
import { A, keyOf, mrn, receiptAt, testKeys, tokenOf, type VaultHarness, withVault } from "./vault.contract.kit.ts";
import { receiptsContract } from "./vault.contract.receipts.ts";
import { restContract } from "./vault.contract.rest.ts";
import { subjectsContract } from "./vault.contract.subjects.ts";

/** Registers the suite for one engine. */
export function vaultContract(name: string, harness: VaultHarness): void {
  describe(`vault contract: ${name}`, () => {
    subjectsContract(harness);
    keysContract(harness);
    receiptsContract(harness);
    restContract(harness);
    durabilityContract(harness);

    it("answers a ping while it can take and give", () => withVault(harness, (vault) => vault.ping()));

    it("refuses every call after it was closed, and closes twice in peace", async () => {
      await using storage = await harness.create();
      const vault = await storage.open(testKeys());
      const token = await tokenOf(vault, A, mrn("1"));
      await keyOf(vault, A, token);
      await vault.remember([receiptAt(0, 0)], new Map([[0, 1]]));
      await vault[Symbol.asyncDispose]();
      await assert.rejects(tokenOf(vault, A, mrn("1")));
      await assert.rejects(tokenOf(vault, A, mrn("2")));
      await assert.rejects(vault.lookup(A, mrn("1")));
      await assert.rejects(keyOf(vault, A, token));
      await assert.rejects(vault.dataKey({ institution: A, token }));
      await assert.rejects(vault.erase(A, token));
      await assert.rejects(vault.receipts([receiptAt(0, 0).id]));
      await assert.rejects(vault.remember([receiptAt(0, 1)], new Map([[0, 2]])));
      await assert.rejects(vault.ping());
      await vault[Symbol.asyncDispose]();
      await using again = await storage.open(testKeys());
      assert.equal(await again.lookup(A, mrn("1")), token);
    });

    it("either finishes or refuses what it was asked before it was closed", async () => {
      await using storage = await harness.create();
      const vault = await storage.open(testKeys());
      const asked = Promise.allSettled(Array.from({ length: 20 }, (_, i) => tokenOf(vault, A, mrn(`${i}`))));
      await vault[Symbol.asyncDispose]();
      const results = await asked;
      await using again = await storage.open(testKeys());
      for (const [i, result] of results.entries()) {
        if (result.status === "fulfilled") assert.equal(await again.lookup(A, mrn(`${i}`)), result.value);
      }
    });
  });
}
