/** Contract of Ledger: what it takes and refuses, and what can be read of it. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import { type Batch, batchHash } from "../model/batch.ts";
import {
  anchorChain,
  anchoredIn,
  batchAfter,
  blocksNow,
  type LedgerHarness,
  newStream,
  refused,
} from "./ledger.contract.kit.ts";

export function anchorContract(harness: LedgerHarness): void {
  const [owner, other] = harness.owners;

  it("anchors a batch and gives it back, with the block and transaction that hold it", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    assert.equal(ledger.owner, owner);
    const height = await ledger.height();
    const batch = batchAfter(newStream(), undefined, { first: 70, end: 90 });
    const anchor = await ledger.anchorBatch(batch);
    assert.deepEqual([anchor.owner, anchor.stream, anchor.sequence], [owner, batch.stream, 0]);
    assert.ok(anchor.block >= height && anchor.block < (await ledger.height()));
    assert.deepEqual(await ledger.readBatch(anchor), batch);
    assert.deepEqual(await ledger.readHead(owner, batch.stream), { owner, stream: batch.stream, batch });
    const block = (await blocksNow(ledger, anchor.block))[0];
    const transaction = block?.transactions.find(({ id }) => id === anchor.transaction);
    assert.deepEqual(transaction?.anchored, { owner, batch });
  });

  it("keeps every batch of a stream readable, and its head the last", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const stream = newStream();
    const batches = await anchorChain(ledger, stream, 5);
    for (const batch of batches) {
      assert.deepEqual(await ledger.readBatch({ owner, stream, sequence: batch.sequence }), batch);
    }
    assert.deepEqual((await ledger.readHead(owner, stream))?.batch, batches[4]);
    assert.equal(await ledger.readBatch({ owner, stream, sequence: 5 }), undefined);
  });

  it("knows nothing of streams and batches that nobody anchored", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const stream = newStream();
    await anchorChain(ledger, stream, 1);
    assert.equal(await ledger.readHead(owner, newStream()), undefined);
    assert.equal(await ledger.readBatch({ owner: "Nobody", stream, sequence: 0 }), undefined);
    for (const odd of ["", "a/b", `${owner}/${stream}`, "\u0000", "x".repeat(10_000)]) {
      assert.equal(await ledger.readHead(owner, odd), undefined);
      assert.equal(await ledger.readBatch({ owner: odd, stream, sequence: 0 }), undefined);
    }
    for (const sequence of [-1, 0.5, Number.NaN, 2 ** 60]) {
      assert.equal(await ledger.readBatch({ owner, stream, sequence }), undefined);
    }
  });

  it("takes the same batch again with its first anchor and anchors nothing, however much came since", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const stream = newStream();
    const from = await ledger.height();
    const batches: Batch[] = [];
    const anchors = [];
    for (let i = 0; i < 4; i++) {
      const batch = batchAfter(stream, batches.at(-1));
      batches.push(batch);
      anchors.push(await ledger.anchorBatch(batch));
    }
    for (const [i, batch] of batches.entries()) {
      const turned = Object.fromEntries(Object.entries(batch).reverse()) as unknown as Batch;
      assert.deepEqual(await ledger.anchorBatch(batch), anchors[i]);
      assert.deepEqual(await ledger.anchorBatch(turned), anchors[i]);
    }
    assert.deepEqual((await ledger.readHead(owner, stream))?.batch, batches[3]);
    assert.deepEqual(anchoredIn(await blocksNow(ledger, from), owner, stream), batches);
  });

  it("answers one batch that is submitted many times at once with one anchor", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const from = await ledger.height();
    const batch = batchAfter(newStream());
    const anchors = await Promise.all(Array.from({ length: 20 }, () => ledger.anchorBatch({ ...batch })));
    for (const anchor of anchors) assert.deepEqual(anchor, anchors[0]);
    assert.equal(anchoredIn(await blocksNow(ledger, from), owner, batch.stream).length, 1);
  });

  it("refuses a gap, an overlap and a fork, names the head, and leaves the stream as it was", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const stream = newStream();
    const batches = await anchorChain(ledger, stream, 3);
    const head = batches[2] as Batch;
    const next = batchAfter(stream, head);
    const from = await ledger.height();
    const wrong: Record<string, Batch> = {
      gap: { ...next, first: head.end + 1, end: head.end + 11 },
      overlap: { ...next, first: head.end - 1 },
      "from the start again": { ...next, first: 0 },
      "skipped sequence": { ...next, sequence: 4 },
      "sequence 0 again": batchAfter(stream, undefined, { first: head.end, end: head.end + 10 }),
      "previous is not the head": { ...next, previous: batchHash(batches[1] as Batch) },
      "another batch in the head's place": { ...head, root: next.root },
      "another batch in an old place": { ...(batches[1] as Batch), root: next.root },
    };
    for (const [what, batch] of Object.entries(wrong)) {
      await assert.rejects(ledger.anchorBatch(batch), (error: Error) => {
        assert.ok(refused(error), what);
        assert.match(error.message, new RegExp(`batch 2\\b.*\\b${head.end}\\b`), what);
        return true;
      });
    }
    assert.deepEqual((await ledger.readHead(owner, stream))?.batch, head);
    assert.deepEqual(anchoredIn(await blocksNow(ledger, from), owner, stream), []);
    await ledger.anchorBatch(next);
  });

  it("refuses to begin a stream in the middle, but begins it at any offset", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const stream = newStream();
    const odd = batchAfter(stream, undefined, { sequence: 1, previous: "a".repeat(64) });
    await assert.rejects(ledger.anchorBatch(odd), refused);
    assert.equal(await ledger.readHead(owner, stream), undefined);
    await ledger.anchorBatch(batchAfter(stream, undefined, { first: 123_456, end: 123_466 }));
  });

  it("refuses what is not a batch", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const good = batchAfter(newStream());
    const { root: _, ...rootless } = good;
    const odd: unknown[] = [
      null,
      "batch",
      [],
      {},
      rootless,
      { ...good, format: 2 },
      { ...good, stream: "a/b" },
      { ...good, stream: "x".repeat(65) },
      { ...good, count: 0 },
      { ...good, count: 11 },
      { ...good, first: -1 },
      { ...good, end: 2 ** 53 },
      { ...good, sequence: 0.5 },
      { ...good, root: good.root.toUpperCase() },
      { ...good, root: good.root.slice(1) },
      { ...good, previous: good.root },
      { ...good, comment: "more" },
    ];
    for (const batch of odd) await assert.rejects(ledger.anchorBatch(batch as Batch), refused, JSON.stringify(batch));
    assert.equal(await ledger.readHead(owner, good.stream), undefined);
    await ledger.anchorBatch(good);
  });

  it("keeps to what it was given, whatever the caller does with the batch afterwards", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const batch = batchAfter(newStream());
    const mine = { ...batch } as { -readonly [K in keyof Batch]: Batch[K] };
    const anchoring = ledger.anchorBatch(mine);
    mine.root = "0".repeat(64);
    const anchor = await anchoring;
    assert.deepEqual(await ledger.readBatch(anchor), batch);
  });

  it("gives each owner streams of its own, even of one name", async () => {
    await using storage = await harness.create();
    await using mine = await storage.open(owner);
    await using theirs = await storage.open(other);
    const stream = newStream();
    const [a] = await anchorChain(mine, stream, 1);
    const b = await anchorChain(theirs, stream, 3);
    assert.deepEqual((await mine.readHead(owner, stream))?.batch, a);
    assert.deepEqual((await mine.readHead(other, stream))?.batch, b[2]);
    // What follows their head does not follow mine.
    await assert.rejects(mine.anchorBatch(batchAfter(stream, b[2])), refused);
    await theirs.anchorBatch(batchAfter(stream, b[2]));
    await mine.anchorBatch(batchAfter(stream, a));
  });

  it("lists every stream's head, by owner, then stream", async () => {
    await using storage = await harness.create();
    await using mine = await storage.open(owner);
    await using theirs = await storage.open(other);
    const name = newStream();
    const heads = new Map<string, Batch>();
    for (const suffix of ["-10", "", ".1", "-2", "_", "A"]) {
      for (const ledger of [theirs, mine]) {
        const batches = await anchorChain(ledger, `${name}${suffix}`, 2);
        heads.set(`${ledger.owner} ${name}${suffix}`, batches[1] as Batch);
      }
    }
    const listed = await mine.listStreams();
    const inOrder = [...listed].sort((a, b) => order(a.owner, b.owner) || order(a.stream, b.stream));
    assert.deepEqual(listed, inOrder);
    const ours = listed.filter(({ stream }) => stream.startsWith(name));
    assert.equal(ours.length, heads.size);
    for (const head of ours) {
      assert.deepEqual(head.batch, heads.get(`${head.owner} ${head.stream}`));
      assert.equal(head.batch.stream, head.stream);
    }
  });
}

/** By UTF-16 code units. */
function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
