/** The formats of version 1 are pinned: what these files say must come out, whatever becomes of the code. */
import assert from "node:assert/strict";
import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";
import { type Batch, batchFaults, batchHash } from "./batch.ts";
import { type Block, blockHash, blockText, transactionId } from "./block.ts";
import { fromHex, hex, utf8 } from "./bytes.ts";
import { canonicalText, type Json } from "./canonical.ts";
import { checkpointText, checkpointVerifier, formatVerifierKey, signNote, verifierKey } from "./checkpoint.ts";
import type { FeedStatement } from "./feed-statement.ts";
import { leafHash, merkleRoot } from "./merkle.ts";
import { eventBytes, eventId, type TraceEvent } from "./trace-event.ts";

function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./golden/${name}-1.json`, import.meta.url), "utf8")) as T;
}

interface Vector<T> {
  readonly value: T;
  readonly canonical: string;
}

/** The same value with its members in another order, all the way down. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, turned(member)]),
  );
}

const { events } = golden<{ events: (Vector<TraceEvent> & { message: string; leafHash: string })[] }>("trace-event");
const { statements } = golden<{ statements: Vector<FeedStatement>[] }>("feed-statement");
const { batches } = golden<{ batches: (Vector<Batch> & { leaves: string[]; hash: string })[] }>("batch");
const { blocks } = golden<{ blocks: (Vector<Block> & { hash: string })[] }>("block");

test("a trace event has these canonical bytes, this leaf hash and this id", () => {
  assert.equal(events.length, 2);
  for (const { value, canonical, leafHash: leaf, message } of events) {
    assert.equal(Buffer.from(eventBytes(value)).toString("utf8"), canonical);
    assert.equal(Buffer.from(eventBytes(turned(value) as TraceEvent)).toString("utf8"), canonical);
    assert.equal(hex(leafHash(eventBytes(value))), leaf);
    assert.equal(eventId(value.institution, value.source.system, message, value.source.index), value.id);
  }
});

test("a feed statement has this canonical text in its event, whose id and shape are those of any other", () => {
  const [event] = events;
  assert.equal(statements.length, 2);
  for (const { value, canonical } of statements) {
    assert.equal(canonicalText(turned(value) as Json), canonical);
    const stating: TraceEvent = { ...(event?.value as TraceEvent), feed: value };
    assert.ok(Buffer.from(eventBytes(stating)).toString("utf8").includes(`,"feed":${canonical},`));
  }
});

test("a batch has these canonical bytes, this root, this hash and this predecessor", () => {
  assert.equal(batches.length, 2);
  for (const [i, { value, canonical, leaves, hash }] of batches.entries()) {
    assert.deepEqual(batchFaults(value), []);
    assert.equal(canonicalText(turned(value) as Json), canonical);
    assert.equal(hex(merkleRoot(leaves.map(fromHex))), value.root);
    assert.equal(value.count, leaves.length);
    assert.equal(batchHash(value), hash);
    assert.equal(value.previous, i === 0 ? "0".repeat(64) : batches[i - 1]?.hash);
  }
  assert.deepEqual(
    events.map(({ leafHash: leaf }) => leaf),
    batches[0]?.leaves.slice(0, 2),
  );
});

test("a block has these canonical bytes, this hash and this predecessor, its transactions these ids", () => {
  assert.equal(blocks.length, 3);
  for (const [i, { value, canonical, hash }] of blocks.entries()) {
    assert.equal(blockText(turned(value) as Block), canonical);
    assert.equal(hex(blockHash(canonical)), hash);
    assert.equal(value.previous, i === 0 ? "0".repeat(64) : blocks[i - 1]?.hash);
    for (const { id, owner, batch } of value.transactions) assert.equal(transactionId(owner, batch), id);
  }
});

test("a checkpoint over the blocks is this very note", () => {
  const { origin, seed, publicKey, keyId, vkey, checkpoints } = golden<{
    origin: string;
    seed: string;
    publicKey: string;
    keyId: string;
    vkey: string;
    checkpoints: { size: number; root: string; note: string }[];
  }>("checkpoint");
  const key = verifierKey(origin, fromHex(publicKey));
  assert.equal(key.id, keyId);
  assert.equal(formatVerifierKey(key), vkey);
  const der = fromHex(`302e020100300506032b657004220420${seed}`);
  const secret = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  assert.equal(checkpoints.length, blocks.length);
  for (const { size, root, note } of checkpoints) {
    const leaves = blocks.slice(0, size).map(({ canonical }) => leafHash(utf8(canonical)));
    assert.equal(hex(merkleRoot(leaves)), root);
    const text = checkpointText({ origin, size, root: fromHex(root) });
    assert.equal(
      signNote(text, key, (bytes) => sign(null, bytes, secret)),
      note,
    );
    const read = checkpointVerifier(key)(note);
    assert.deepEqual([read.origin, read.size, hex(read.root)], [origin, size, root]);
  }
});
