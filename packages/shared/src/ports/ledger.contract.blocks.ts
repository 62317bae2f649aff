/** Contract of Ledger: following its blocks. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runChild } from "./ledger.contract.child-process.ts";
import {
  anchorChain,
  anchoredIn,
  batchAfter,
  blocksNow,
  blocksUntil,
  type LedgerHarness,
  newStream,
} from "./ledger.contract.kit.ts";

export function blocksContract(harness: LedgerHarness): void {
  const [owner, other] = harness.owners;

  it("begins with block 0, which names none before it, and counts them by its height", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    await anchorChain(ledger, newStream(), 3);
    const blocks = await blocksNow(ledger, 0);
    assert.equal(blocks[0]?.number, 0);
    assert.equal(blocks[0]?.previous, "0".repeat(64));
    assert.equal(blocks.length, await ledger.height());
    assert.equal(new Set(blocks.map(({ hash }) => hash)).size, blocks.length);
    const ids = blocks.flatMap(({ transactions }) => transactions.map(({ id }) => id));
    assert.equal(new Set(ids).size, ids.length);
  });

  it("gives the same blocks from any number on", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const from = await ledger.height();
    await anchorChain(ledger, newStream(), 70);
    const all = await blocksNow(ledger, from);
    for (const start of [0, 1, 30, 31, 32, 33, 63, 64, 65, all.length - 1]) {
      assert.deepEqual(await blocksNow(ledger, from + start), all.slice(start));
    }
  });

  it("gives each block once and live to a follower that began before there was anything", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    await using reader = await storage.open(other);
    const from = await ledger.height();
    const streams = [newStream(), newStream(), newStream()];
    const whole = (name: string) => (): boolean => seen.get(name) === 30;
    const seen = new Map<string, number>();
    const follow = (name: string, by: typeof ledger): Promise<readonly string[]> =>
      blocksUntil(by, from, (block) => {
        const count = streams.flatMap((stream) => anchoredIn([block], owner, stream)).length;
        seen.set(name, (seen.get(name) ?? 0) + count);
        return whole(name)();
      }).then((blocks) => blocks.map(({ hash }) => hash));
    const followers = Promise.all([follow("same", ledger), follow("again", ledger), follow("reader", reader)]);
    await Promise.all(streams.map((stream) => anchorChain(ledger, stream, 10)));
    const [same, again, read] = await followers;
    assert.deepEqual(again, same);
    assert.deepEqual(read, same);
  });

  it("shows a follower what another process anchors", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const stream = newStream();
    const following = blocksUntil(
      ledger,
      await ledger.height(),
      (_, all) => anchoredIn(all, other, stream).length === 5,
    );
    const acknowledged = await runChild(harness, storage, { owner: other, stream, batches_max: 5 });
    assert.deepEqual(anchoredIn(await following, other, stream), acknowledged);
  });

  it("waits for a block that is yet to come, and for no other", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const stream = newStream();
    const first = await ledger.anchorBatch(batchAfter(stream));
    const following = blocksUntil(ledger, first.block + 2, () => true);
    let head = (await ledger.readHead(owner, stream))?.batch;
    for (let height = await ledger.height(); height < first.block + 3; height = await ledger.height()) {
      head = (await anchorChain(ledger, stream, 1, head))[0];
    }
    assert.equal((await following)[0]?.number, first.block + 2);
  });

  it("ends when the signal aborts: before, while waiting, and while a block is looked at", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    await anchorChain(ledger, newStream(), 5);
    for await (const block of ledger.blocks(0, AbortSignal.abort())) assert.fail(`block ${block.number}`);
    const waiting = new AbortController();
    const idle = ledger.blocks(await ledger.height(), waiting.signal)[Symbol.asyncIterator]();
    const ended = idle.next();
    await sleep(50);
    waiting.abort();
    assert.equal((await ended).done, true);
    assert.equal((await blocksUntil(ledger, 0, () => true)).length, 1);
  });

  it("refuses to follow from a number that no block has", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    for (const number of [-1, 0.5, Number.NaN]) {
      const first = ledger.blocks(number, new AbortController().signal)[Symbol.asyncIterator]().next();
      await assert.rejects(first, { code: "INPUT_INVALID" });
    }
  });

  it("lets a follower stop early without a trace", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    await anchorChain(ledger, newStream(), 3);
    const endless = new AbortController();
    for await (const block of ledger.blocks(0, endless.signal)) {
      assert.equal(block.number, 0);
      break;
    }
    await anchorChain(ledger, newStream(), 1);
  });

  it("never leaves a follower waiting on a ledger that was closed", async () => {
    await using storage = await harness.create();
    const ledger = await storage.open(owner);
    const endless = new AbortController();
    const following = ledger
      .blocks(await ledger.height(), endless.signal)
      [Symbol.asyncIterator]()
      .next();
    const refusedLater = assert.rejects(following, { code: "LEDGER_UNAVAILABLE" });
    await ledger[Symbol.asyncDispose]();
    await refusedLater;
  });
}
