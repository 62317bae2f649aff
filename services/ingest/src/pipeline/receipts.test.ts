import assert from "node:assert/strict";
import { test } from "node:test";
import type { Vault } from "@medtrace/shared/ports/vault";
import { catchUpReceipts } from "./receipts.ts";
import { draft, startPipeline } from "./testing.ts";

const A = "hospital-a";
/** A vault that noted nothing before the process was killed. */
function forgetful(vault: Vault): Vault {
  return new Proxy(vault, {
    get(target, name) {
      if (name === "watermarks") return async () => new Map();
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test("receipts that a kill lost are read back from the log, so that what was taken is known again", async () => {
  await using pipeline = await startPipeline();
  const drafts = ["a", "b", "c"].map((name) => draft(name));
  await pipeline.intake.accept(A, drafts);
  assert.equal(await catchUpReceipts(pipeline.log, pipeline.vault), 0, "all are noted");
  assert.equal(await catchUpReceipts(pipeline.log, forgetful(pipeline.vault)), 3);
  const again = await pipeline.intake.accept(A, drafts);
  assert.deepEqual(
    again.map(({ status }) => status),
    ["duplicate", "duplicate", "duplicate"],
  );
});

test("records that are no trace events have no receipt, and hold up neither a start nor the vault", async () => {
  await using pipeline = await startPipeline();
  const id = "ab".repeat(32);
  const digest = `hmac-sha256:${id}`;
  const records = [null, [], {}, { id: 1 }, { id, institution: A }, { id, institution: A, source: { digest: "x" } }];
  const odd = [
    { id: "x", institution: A, source: { digest } },
    { id, institution: 7, source: { digest } },
  ];
  const values = ["", "{", "\xff", ...[...records, ...odd].map((record) => JSON.stringify(record))];
  await pipeline.log.append(values.map((value) => ({ key: "k", value: Buffer.from(value, "latin1") })));
  await pipeline.intake.accept(A, [draft("a")]);
  assert.equal(await catchUpReceipts(pipeline.log, forgetful(pipeline.vault)), values.length + 1);
  assert.equal((await pipeline.vault.receipts([id])).size, 0);
});
