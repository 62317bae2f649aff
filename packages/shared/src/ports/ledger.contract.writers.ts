/** Contract of Ledger: many writers, in one connection, in several, and in other processes. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import { type Batch, batchHash } from "../model/batch.ts";
import { runChild } from "./ledger.contract.child-process.ts";
import { anchoredIn, batchAfter, blocksNow, type LedgerHarness, lost, newStream } from "./ledger.contract.kit.ts";
import type { Ledger } from "./ledger.ts";

export function writersContract(harness: LedgerHarness): void {
  const [owner] = harness.owners;

  it("gives every sequence of a contested stream to one writer", async () => {
    await using storage = await harness.create();
    await using one = await storage.open(owner);
    await using two = await storage.open(owner);
    const stream = newStream();
    const from = await one.height();
    let head: Batch | undefined;
    for (let sequence = 0; sequence < 8; sequence++) {
      const tries = [one, two, one, two].map((ledger) => ({ ledger, batch: batchAfter(stream, head) }));
      const settled = await Promise.allSettled(tries.map(({ ledger, batch }) => ledger.anchorBatch(batch)));
      const won = tries.filter((_, i) => settled[i]?.status === "fulfilled");
      assert.equal(won.length, 1, `sequence ${sequence} was won ${won.length} times`);
      for (const one of settled) if (one.status === "rejected") assert.ok(lost(one.reason), String(one.reason));
      head = won[0]?.batch;
      assert.deepEqual((await two.readHead(owner, stream))?.batch, head);
      assert.deepEqual((await one.readHead(owner, stream))?.batch, head);
    }
    const anchored = anchoredIn(await blocksNow(one, from), owner, stream);
    assert.deepEqual(
      anchored.map(({ sequence }) => sequence),
      [0, 1, 2, 3, 4, 5, 6, 7],
    );
  });

  it("anchors many streams at once, each in its own order", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const from = await ledger.height();
    const streams = Array.from({ length: 12 }, newStream);
    const chains = await Promise.all(streams.map((stream) => chain(ledger, stream, 6)));
    const blocks = await blocksNow(ledger, from);
    for (const [i, stream] of streams.entries()) {
      assert.deepEqual(anchoredIn(blocks, owner, stream), chains[i]);
      assert.deepEqual((await ledger.readHead(owner, stream))?.batch, chains[i]?.[5]);
    }
  });

  it("takes a stream's batches that are submitted without waiting for each other, in their order", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const stream = newStream();
    const batches: Batch[] = [];
    for (let i = 0; i < 5; i++) batches.push(batchAfter(stream, batches.at(-1)));
    const settled = await Promise.allSettled(batches.map((batch) => ledger.anchorBatch(batch)));
    // An engine may be unable to put them in one block, but it must not put them in another order.
    const taken = batches.filter((_, i) => settled[i]?.status === "fulfilled");
    assert.deepEqual(taken, batches.slice(0, taken.length));
    assert.deepEqual((await ledger.readHead(owner, stream))?.batch, taken.at(-1));
  });

  it("lets other processes write at the same time, each its stream, without losing a batch", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const from = await ledger.height();
    const streams = [newStream(), newStream()];
    const mine = newStream();
    const [acknowledged, own] = await Promise.all([
      Promise.all(streams.map((stream) => runChild(harness, storage, { owner, stream, batches_max: 40 }))),
      chain(ledger, mine, 40),
    ]);
    const blocks = await blocksNow(ledger, from);
    assert.deepEqual(anchoredIn(blocks, owner, mine), own);
    for (const [i, stream] of streams.entries()) {
      const anchored = anchoredIn(blocks, owner, stream);
      assert.equal(anchored.length, 40);
      assert.deepEqual(acknowledged[i], anchored);
    }
  });

  it("opens soundly at any moment while another process anchors", async () => {
    await using storage = await harness.create();
    await using _made = await storage.open(owner);
    const stream = newStream();
    let anchoring = true;
    const child = runChild(harness, storage, { owner, stream, batches_max: 60 }).finally(() => {
      anchoring = false;
    });
    while (anchoring) {
      await using opened = await storage.open(owner);
      await opened.height();
      // Opening may take no turn of the loop, and then nothing would be heard of the child.
      await new Promise(setImmediate);
    }
    const last = (await child).at(-1);
    await using ledger = await storage.open(owner);
    assert.deepEqual((await ledger.readHead(owner, stream))?.batch, last);
  });

  it("keeps one chain when processes contest one stream", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const from = await ledger.height();
    const stream = newStream();
    const won = await Promise.all(
      [0, 1].map(() => runChild(harness, storage, { owner, stream, batches_max: 20, contested: true })),
    );
    const anchored = anchoredIn(await blocksNow(ledger, from), owner, stream);
    assert.deepEqual(
      anchored.map(({ sequence }) => sequence),
      [...anchored.keys()],
    );
    assert.equal(won.flat().length, anchored.length, "what two processes won is all that is anchored");
    const hashes = new Set(anchored.map(batchHash));
    for (const batch of won.flat()) assert.ok(hashes.has(batchHash(batch)));
  });
}

async function chain(ledger: Ledger, stream: string, length: number): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (let i = 0; i < length; i++) {
    const batch = batchAfter(stream, batches.at(-1));
    const anchor = await ledger.anchorBatch(batch);
    assert.equal(anchor.sequence, i);
    batches.push(batch);
  }
  return batches;
}
