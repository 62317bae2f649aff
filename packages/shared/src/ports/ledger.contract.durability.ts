/** Contract of Ledger: reopening, and the death of a process in the middle. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import { type Batch, batchHash } from "../model/batch.ts";
import { runChild } from "./ledger.contract.child-process.ts";
import {
  anchorChain,
  anchoredIn,
  batchAfter,
  blocksNow,
  type LedgerHarness,
  newStream,
} from "./ledger.contract.kit.ts";

const KILLS = 5;
const BATCHES_MAX = 100_000;

export function durabilityContract(harness: LedgerHarness): void {
  const [owner] = harness.owners;

  it("is what it was when it is opened again, and goes on from there", async () => {
    await using storage = await harness.create();
    const stream = newStream();
    let batches: Batch[];
    let before: unknown;
    {
      await using ledger = await storage.open(owner);
      batches = await anchorChain(ledger, stream, 4);
      before = [await ledger.listStreams(), await ledger.height(), await blocksNow(ledger, 0)];
    }
    await using again = await storage.open(owner);
    assert.deepEqual([await again.listStreams(), await again.height(), await blocksNow(again, 0)], before);
    const first = await again.anchorBatch(batches[0] as Batch);
    assert.deepEqual(await again.readBatch(first), batches[0]);
    await anchorChain(again, stream, 2, batches[3]);
    assert.equal((await again.readHead(owner, stream))?.batch.sequence, 5);
  });

  it("shows at once to every connection what one has anchored", async () => {
    await using storage = await harness.create();
    await using one = await storage.open(owner);
    await using two = await storage.open(owner);
    const stream = newStream();
    let head: Batch | undefined;
    for (let i = 0; i < 6; i++) {
      const [writer, reader] = i % 2 === 0 ? [one, two] : [two, one];
      const batch = batchAfter(stream, head);
      const anchor = await writer.anchorBatch(batch);
      assert.deepEqual(await reader.readBatch(anchor), batch);
      assert.deepEqual((await reader.readHead(owner, stream))?.batch, batch);
      assert.equal(await reader.height(), await writer.height());
      assert.deepEqual(await reader.anchorBatch(batch), anchor);
      head = batch;
    }
  });

  it("keeps what was acknowledged through kill -9 in the middle, again and again", async () => {
    await using storage = await harness.create();
    await using reader = await storage.open(owner);
    const from = await reader.height();
    const stream = newStream();
    const acknowledged: Batch[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const options = { owner, stream, batches_max: BATCHES_MAX };
      acknowledged.push(...(await runChild(harness, storage, options, 1 + 5 * kill)));
      const anchored = anchoredIn(await blocksNow(reader, from), owner, stream);
      assert.deepEqual(
        anchored.map(({ sequence }) => sequence),
        [...anchored.keys()],
      );
      const kept = new Set(anchored.map(batchHash));
      for (const batch of acknowledged) assert.ok(kept.has(batchHash(batch)), `batch ${batch.sequence} is lost`);
      assert.deepEqual((await reader.readHead(owner, stream))?.batch, anchored.at(-1));
    }
    for await (const fault of reader.check(new AbortController().signal)) assert.fail(fault);
    const head = (await reader.readHead(owner, stream))?.batch;
    await reader.anchorBatch(batchAfter(stream, head));
  });
}
