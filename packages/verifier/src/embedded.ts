/** The embedded ledger's word: a signed checkpoint, and blocks that its tree holds. */
import { type BatchState, batchId, type LedgerFound, refuseDifference, refuseOddBatch } from "./batches.ts";
import { type Anchored, type Block, type EmbeddedProof, readBlock, readBlockNumber } from "./evidence.ts";
import { rootOfPath, type TreeHash } from "./merkle.ts";
import { type Checkpoint, readCheckpoint } from "./note.ts";
import { checkSignatures, type TrustOptions } from "./signatures.ts";
import { parseCanonical } from "./strict.ts";
import { Trail, worst } from "./trail.ts";
import { Fault, type Outcome } from "./verdict.ts";

/** Checks the checkpoint, the blocks and the batches; undefined where there is no checkpoint to hang them on. */
export async function checkEmbedded(
  trail: Trail,
  proof: EmbeddedProof,
  anchored: readonly Anchored[],
  options: TrustOptions,
  hash: TreeHash,
): Promise<LedgerFound | undefined> {
  const at = "ledger.checkpoint";
  const says = "a signed note of origin, number of blocks and root";
  const note = await trail.check("checkpoint", at, says, () => readCheckpoint(proof.checkpoint, at));
  if (note === undefined) return undefined;
  const checkpoint = await checkSignatures(trail, proof.key, note, options);
  const signed = trail.outcome;
  const blocks: BlockState[] = [];
  for (const i of proof.blocks.keys()) blocks.push(await checkBlock(trail, proof.blocks, i, note, hash));
  const batches = await checkBatches(trail, anchored, blocks, signed);
  const refuseSpare = (): void => {
    const used = new Set(batches.flatMap((state) => state.anchoredBy));
    const block = blocks.findIndex((state, index) => state.block !== undefined && !used.has(index));
    if (block >= 0) throw new Fault(`ledger.blocks[${block}]`, "no batch of the file is in this block");
  };
  return { facts: { checkpoint }, batches, refuseSpare };
}

interface BlockState {
  readonly outcome: Outcome;
  readonly block: Block | undefined;
}

/** The block's text is canonical, and the log that the checkpoint commits to holds it at its number. */
async function checkBlock(
  trail: Trail,
  blocks: EmbeddedProof["blocks"],
  index: number,
  note: Checkpoint,
  hash: TreeHash,
): Promise<BlockState> {
  const own = new Trail();
  const at = `ledger.blocks[${index}].block`;
  const { block: text, path } = blocks[index] ?? { block: "", path: [] };
  const value = await own.check("block-text", at, "canonical JSON", () => parseCanonical(text, at));
  if (value !== undefined) {
    await own.check("block-in-log", at, "the checkpoint's tree holds this block at its number", async () => {
      const { number } = readBlockNumber(value, at);
      if ((await rootOfPath(await hash.leafHash(text), number, note.size, path, hash)) === note.root) return;
      throw new Fault(at, "the block and its path do not lead to the checkpoint's root: one of the three was altered");
    });
  }
  const shape = "a block of format 1";
  const block = value === undefined ? undefined : await own.check("block-shape", at, shape, () => readBlock(value, at));
  trail.join(own);
  return { outcome: own.outcome, block };
}

interface BlockedBatch extends BatchState {
  /** Indexes into the file's blocks of those that anchor it. */
  readonly anchoredBy: readonly number[];
}

/** Each batch is anchored by exactly one block of the file: same owner, every member equal. */
async function checkBatches(
  trail: Trail,
  batches: readonly Anchored[],
  blocks: readonly BlockState[],
  signed: Outcome,
): Promise<readonly BlockedBatch[]> {
  const anchors = new Map<string, { readonly transaction: Anchored; readonly index: number }[]>();
  for (const [index, { block }] of blocks.entries()) {
    for (const transaction of block?.transactions ?? []) {
      const same = anchors.get(batchId(transaction)) ?? [];
      same.push({ transaction, index });
      anchors.set(batchId(transaction), same);
    }
  }
  const unknown = blocks.some(({ block, outcome }) => block === undefined && outcome === "cannot-tell");
  const states: BlockedBatch[] = [];
  const listed = new Set<string>();
  for (const [i, anchored] of batches.entries()) {
    const own = new Trail();
    const at = `batches[${i}]`;
    const id = batchId(anchored);
    const found = anchors.get(id) ?? [];
    await own.check("batch-in-block", at, "a block of the file anchors this very batch, once", () => {
      if (found.length === 0 && unknown)
        throw new Fault(at, "its block may be one of a format not known", "cannot-tell");
      if (found.length !== 1)
        throw new Fault(at, `the file's blocks anchor batch ${id} ${found.length} times, not once`);
      if (listed.has(id)) throw new Fault(at, `the file lists batch ${id} twice`);
      for (const { transaction } of found) refuseDifference(anchored.batch, transaction.batch, "block", `${at}.batch`);
    });
    await own.check("batch-rules", at, "a batch of format 1 that keeps its rules", () => refuseOddBatch(anchored, at));
    listed.add(id);
    trail.join(own);
    const anchoredBy = found.map((anchor) => anchor.index);
    const under = anchoredBy.map((index) => blocks[index]?.outcome ?? "refuted");
    const block = blocks[anchoredBy[0] ?? -1]?.block?.number ?? 0;
    states.push({ outcome: worst(own.outcome, signed, ...under.slice(0, 1)), anchoredBy, anchor: { block } });
  }
  return states;
}
