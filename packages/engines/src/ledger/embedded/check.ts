/**
 * Checking the whole ledger: every block hashed again, the chain, every node of the tree, every signed checkpoint, and
 * every transaction replayed through the contract into a world state that must be the stored one, byte for byte.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Block, blockHash, blockText, NO_BLOCK } from "@medtrace/shared/model/block";
import { type Bytes, hex, sameBytes } from "@medtrace/shared/model/bytes";
import { formatVerifierKey } from "@medtrace/shared/model/checkpoint";
import { schemaFaults } from "./database.ts";
import { Replay } from "./replay.ts";
import { publishedVerifierKey } from "./signing-key.ts";
import type { Store, StoredBlock } from "./store.ts";
import { addedNodes, rootOf } from "./tree.ts";

const PAGE_BLOCKS = 32;
/** Enough to see what happened, whatever was done to the file. */
const FAULTS_MAX = 100;

/**
 * Every fault of one snapshot, in words. The store's connection is used for nothing else meanwhile.
 *
 * @throws the signal's reason when it aborts: an unfinished check must not look like a sound ledger.
 */
export async function* checkLedger(store: Store, folder: string, signal: AbortSignal): AsyncGenerator<string> {
  let count = 0;
  store.db.exec("BEGIN");
  try {
    for await (const fault of allFaults(store, folder, signal)) {
      yield fault;
      count += 1;
      if (count < FAULTS_MAX) continue;
      yield `there are ${FAULTS_MAX} faults or more: the rest was not looked for`;
      return;
    }
  } catch (error) {
    signal.throwIfAborted();
    yield `the ledger cannot be read on: ${(error as Error).message}`;
  } finally {
    store.db.exec("ROLLBACK");
  }
}

async function* allFaults(store: Store, folder: string, signal: AbortSignal): AsyncGenerator<string> {
  yield* fileFaults(store, folder);
  using replay = new Replay();
  let before: StoredBlock | undefined;
  let stored = store.blocks(-Number.MAX_SAFE_INTEGER, PAGE_BLOCKS);
  while (stored.length > 0) {
    for (const one of stored) {
      const block = readBlock(one.text);
      yield* blockFaults(store, one, block, before);
      if (block !== undefined) yield* replay.blockFaults(store, one.number, block);
      before = one;
    }
    await nextTurn();
    signal.throwIfAborted();
    stored = store.blocks((before?.number ?? 0) + 1, PAGE_BLOCKS);
  }
  yield* treeFaults(store, (before?.number ?? -1) + 1);
  yield* replay.endFaults(store);
}

function* fileFaults(store: Store, folder: string): Generator<string> {
  yield* schemaFaults(store.db);
  const published = publishedVerifierKey(folder);
  if (published !== formatVerifierKey(store.key.verifier)) yield "ledger.vkey is not the public half of ledger.key";
  for (const row of store.db.prepare("PRAGMA integrity_check(10)").all()) {
    if (row["integrity_check"] !== "ok") yield `the file is damaged: ${row["integrity_check"]}`;
  }
}

/** One block against the one before it, the tree and its checkpoint. */
function* blockFaults(
  store: Store,
  stored: StoredBlock,
  block: Block | undefined,
  before: StoredBlock | undefined,
): Generator<string> {
  const { number, text } = stored;
  const at = `block ${number}`;
  const expected = before === undefined ? 0 : before.number + 1;
  if (number !== expected) yield `block ${expected} is not there: ${number} is the next`;
  if (block?.number !== number) yield `${at}: its text is not the canonical text of this block`;
  const previous = before === undefined ? NO_BLOCK : hex(blockHash(before.text));
  if (block?.previous !== previous) yield `${at} does not name the hash of the block before`;
  const below = (level: number, position: number): Bytes => store.findNode(level, position) ?? new Uint8Array(32);
  for (const { level, position, hash } of number < 0 ? [] : addedNodes(number, blockHash(text), below)) {
    const there = store.findNode(level, position);
    if (there === undefined || !sameBytes(there, hash)) yield `tree node ${level}/${position} is not what ${at} gives`;
  }
  try {
    const { root } = store.checkpointOf(stored);
    if (!sameBytes(root, rootOf(number + 1, store.node))) yield `${at}: its checkpoint has another root than the tree`;
  } catch (error) {
    yield `${at}: ${(error as Error).message}`;
  }
}

/** Nodes that no block gives; those that blocks give were looked at with them. */
function* treeFaults(store: Store, height: number): Generator<string> {
  const beyond = "level < 0 OR level > 52 OR position < 0 OR position >= (? >> level)";
  const spare = store.db.prepare(`SELECT count(*) AS count FROM node WHERE ${beyond}`).get(height)?.["count"];
  if (spare !== 0) yield `the tree has ${spare} nodes that no block gives`;
}

function readBlock(text: string): Block | undefined {
  try {
    const block = JSON.parse(text) as Block;
    return blockText(block) === text && Array.isArray(block.transactions) ? block : undefined;
  } catch {
    return undefined;
  }
}
