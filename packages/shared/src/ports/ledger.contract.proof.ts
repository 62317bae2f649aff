/** Contract of Ledger: proofs that a reader checks with nothing but the trust anchor. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import type { Batch, BatchRef } from "../model/batch.ts";
import { type Block, blockHash } from "../model/block.ts";
import { fromHex, hex } from "../model/bytes.ts";
import { checkpointVerifier, parseVerifierKey } from "../model/checkpoint.ts";
import type { LedgerProof } from "../model/evidence.ts";
import { rootFromInclusion } from "../model/merkle.ts";
import { anchorChain, batchAfter, type LedgerHarness, newStream } from "./ledger.contract.kit.ts";

export function proofContract(harness: LedgerHarness): void {
  const [owner, other] = harness.owners;
  const provenBatches = harness.provenBatches ?? provenByCheckpoint;

  it("proves a batch to whoever holds the trust anchor, and so it does when the ledger has grown", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const stream = newStream();
    const batches = await anchorChain(ledger, stream, 9);
    const trust = await ledger.trustAnchor();
    for (let length = 9; length <= 12; length++) {
      for (const batch of batches) {
        const proof = await ledger.prove([{ owner, stream, sequence: batch.sequence }]);
        assert.deepEqual(provenBatches(proof, trust), new Set([provenName(owner, batch)]));
      }
      batches.push(...(await anchorChain(ledger, stream, 1, batches.at(-1))));
    }
  });

  it("proves many batches at once, of several owners, each block given once", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    await using theirs = await storage.open(other);
    const streams = [newStream(), newStream(), newStream()];
    const chains = await Promise.all(streams.map((stream) => anchorChain(ledger, stream, 4)));
    const [foreign] = await anchorChain(theirs, newStream(), 1);
    const refs: BatchRef[] = chains.flat().map(({ stream, sequence }) => ({ owner, stream, sequence }));
    refs.push({ owner: other, stream: foreign?.stream ?? "", sequence: 0 }, refs[0] as BatchRef);
    const proof = await ledger.prove(refs.toReversed());
    const proven = provenBatches(proof, await ledger.trustAnchor());
    for (const batch of chains.flat()) assert.ok(proven.has(provenName(owner, batch)));
    assert.ok(proven.has(provenName(other, foreign as Batch)));
  });

  it("says NOT_FOUND for a batch that is not anchored, whatever it is asked for with it", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const stream = newStream();
    await anchorChain(ledger, stream, 1);
    const there = { owner, stream, sequence: 0 };
    for (const missing of [
      { owner, stream, sequence: 1 },
      { owner, stream: newStream(), sequence: 0 },
      { owner: other, stream, sequence: 0 },
      { owner: "a/b", stream: "", sequence: -1 },
    ]) {
      await assert.rejects(ledger.prove([there, missing]), { code: "NOT_FOUND" });
    }
    await ledger.prove([there]);
  });

  it("says NOT_FOUND for a batch that was refused", async () => {
    await using storage = await harness.create();
    await using ledger = await storage.open(owner);
    const stream = newStream();
    const [first] = await anchorChain(ledger, stream, 1);
    await assert.rejects(ledger.anchorBatch(batchAfter(stream, first, { first: 11, end: 21 })));
    await assert.rejects(ledger.prove([{ owner, stream, sequence: 1 }]), { code: "NOT_FOUND" });
  });

  it("has one trust anchor for all who open it, and for good", async () => {
    await using storage = await harness.create();
    let trust: string;
    {
      await using ledger = await storage.open(owner);
      trust = await ledger.trustAnchor();
    }
    await using again = await storage.open(owner);
    await using theirs = await storage.open(other);
    assert.equal(await again.trustAnchor(), trust);
    assert.equal(await theirs.trustAnchor(), trust);
  });
}

/** What the embedded ledger's proof shows, by the checks that a reader makes; each block once. */
function provenByCheckpoint(proof: LedgerProof, trust: string): Set<string> {
  assert.equal(proof.kind, "embedded");
  assert.equal(proof.key, trust);
  const { size, root, origin } = checkpointVerifier(parseVerifierKey(trust))(proof.checkpoint);
  assert.equal(origin, parseVerifierKey(trust).name);
  const proven = new Set<string>();
  const numbers = new Set<number>();
  for (const { block: text, path } of proof.blocks) {
    const block = JSON.parse(text) as Block;
    assert.ok(!numbers.has(block.number), `block ${block.number} twice`);
    numbers.add(block.number);
    const found = rootFromInclusion(blockHash(text), block.number, size, path.map(fromHex));
    assert.equal(found === undefined ? "no root" : hex(found), hex(root));
    for (const { owner, batch } of block.transactions) proven.add(provenName(owner, batch));
  }
  return proven;
}

/** How a proof's reader names a batch. */
export function provenName(owner: string, batch: Batch): string {
  return `${owner} ${batch.stream} ${batch.sequence} ${batch.root}`;
}
