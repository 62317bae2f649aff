/** What every projection engine must do. An engine's own test calls {@link projectionContract} with its harness. */
import { strict as assert } from "node:assert";
import { describe, it } from "node:test";
import { applyContract } from "./projection.contract.apply.ts";
import { contentContract } from "./projection.contract.content.ts";
import { durabilityContract } from "./projection.contract.durability.ts";
import { edgesContract } from "./projection.contract.edges.ts";
import { findContract } from "./projection.contract.find.ts";
import type { ProjectionHarness } from "./projection.contract.kit.ts";

/** Registers the suite for one engine. */
export function projectionContract(name: string, harness: ProjectionHarness): void {
  describe(`projection contract: ${name}`, () => {
    applyContract(harness);
    findContract(harness);
    edgesContract(harness);
    contentContract(harness);
    durabilityContract(harness);

    it("refuses every call after it was closed, and closes twice in peace", async () => {
      await using storage = await harness.create();
      const projection = await storage.open();
      await projection[Symbol.asyncDispose]();
      await assert.rejects(projection.checkpoint());
      await assert.rejects(projection.ping());
      await projection[Symbol.asyncDispose]();
    });
  });
}
