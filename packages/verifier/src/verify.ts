/**
 * Verification of an evidence file, from the signature down: checkpoint, blocks, batches, events. Start reading at
 * {@link verifyEvidence}; every check is a step of the verdict. The file is the only input: nothing is fetched.
 */
import {
  type Anchored,
  type Block,
  type Evidence,
  type EvidenceEvent,
  readBlock,
  readBlockNumber,
  readEvidence,
  readFacts,
} from "./evidence.ts";
import { rootOfPath, type Sha256, type TreeHash, treeHash } from "./merkle.ts";
import { type Checkpoint, readCheckpoint } from "./note.ts";
import { proofs, trusts, UNCHECKED } from "./report.ts";
import { checkSignatures, type TrustOptions } from "./signatures.ts";
import { parseCanonical } from "./strict.ts";
import { Trail, worst } from "./trail.ts";
import { type CheckpointFacts, type EventVerdict, Fault, type Outcome, type Verdict } from "./verdict.ts";

const NO_HASH = "0".repeat(64);
const TOGETHER = 1_000;

export interface VerifyOptions extends TrustOptions {
  /** By default WebCrypto's; where there is a faster one, the many small hashes of the trees go through it. */
  readonly sha256?: Sha256;
}

/**
 * Verifies an evidence file without asking anyone. Never throws: whatever the file holds ends in a verdict.
 *
 * @param file text of the file, or its bytes (then its UTF-8 is checked as well).
 */
export async function verifyEvidence(file: string | Uint8Array, options: VerifyOptions = {}): Promise<Verdict> {
  const trail = new Trail();
  const exact = "the file holds what the format names and nothing else";
  const evidence = await trail.check("format", "the file", exact, () => readEvidence(file));
  const found = evidence === undefined ? undefined : await checkEvidence(trail, evidence, options);
  const { events = [], checkpoint } = found ?? {};
  return {
    verdict: trail.outcome,
    events,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    steps: trail.steps,
    proved: trail.outcome === "proven" ? proofs(events, checkpoint) : [],
    onTrust: trusts(checkpoint),
    notChecked: UNCHECKED,
    reasons: trail.steps.filter((step) => !step.passed).map((step) => `${step.at}: ${step.says}`),
  };
}

interface Found {
  readonly events: readonly EventVerdict[];
  readonly checkpoint: CheckpointFacts;
}

async function checkEvidence(trail: Trail, evidence: Evidence, options: VerifyOptions): Promise<Found | undefined> {
  const { ledger } = evidence;
  const at = "ledger.checkpoint";
  const says = "a signed note of origin, number of blocks and root";
  const note = await trail.check("checkpoint", at, says, () => readCheckpoint(ledger.checkpoint, at));
  if (note === undefined) return undefined;
  const checkpoint = await checkSignatures(trail, ledger.key, note, options);
  const signed = trail.outcome;
  const hash = treeHash(options.sha256);
  const blocks: BlockState[] = [];
  for (const i of ledger.blocks.keys()) blocks.push(await checkBlock(trail, ledger.blocks, i, note, hash));
  const batches = await checkBatches(trail, evidence.batches, blocks, signed);
  const events = await checkEvents(trail, evidence, batches, hash);
  await checkNothingIsSpare(trail, evidence, blocks, batches);
  return { events, checkpoint };
}

interface BlockState {
  readonly outcome: Outcome;
  readonly block: Block | undefined;
}

/** The block's text is canonical, and the log that the checkpoint commits to holds it at its number. */
async function checkBlock(
  trail: Trail,
  blocks: Evidence["ledger"]["blocks"],
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

interface BatchState {
  readonly outcome: Outcome;
  /** Indexes into the file's blocks of those that anchor it. */
  readonly anchoredBy: readonly number[];
  readonly blockNumber: number;
}

/** Each batch is anchored by exactly one block of the file: same owner, every member equal. */
async function checkBatches(
  trail: Trail,
  batches: readonly Anchored[],
  blocks: readonly BlockState[],
  signed: Outcome,
): Promise<readonly BatchState[]> {
  const anchors = new Map<string, { readonly transaction: Anchored; readonly index: number }[]>();
  for (const [index, { block }] of blocks.entries()) {
    for (const transaction of block?.transactions ?? []) {
      const same = anchors.get(batchId(transaction)) ?? [];
      same.push({ transaction, index });
      anchors.set(batchId(transaction), same);
    }
  }
  const unknown = blocks.some(({ block, outcome }) => block === undefined && outcome === "cannot-tell");
  const states: BatchState[] = [];
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
      for (const { transaction } of found) refuseDifference(anchored, transaction, `${at}.batch`);
    });
    await own.check("batch-rules", at, "a batch of format 1 that keeps its rules", () => refuseOddBatch(anchored, at));
    listed.add(id);
    trail.join(own);
    const anchoredBy = found.map((anchor) => anchor.index);
    const under = anchoredBy.map((index) => blocks[index]?.outcome ?? "refuted");
    const blockNumber = blocks[anchoredBy[0] ?? -1]?.block?.number ?? 0;
    states.push({ outcome: worst(own.outcome, signed, ...under.slice(0, 1)), anchoredBy, blockNumber });
  }
  return states;
}

/** `owner:stream:sequence` */
function batchId({ owner, batch }: Anchored): string {
  return `${owner}:${batch.stream}:${batch.sequence}`;
}

function refuseDifference({ batch }: Anchored, transaction: Anchored, at: string): void {
  const names = Object.keys(batch) as (keyof typeof batch)[];
  const different = names.filter((name) => batch[name] !== transaction.batch[name]);
  if (different.length === 0) return;
  throw new Fault(`${at}.${different[0]}`, `not what the block anchored; different: ${different.join(", ")}`);
}

function refuseOddBatch({ batch }: Anchored, at: string): void {
  if (batch.format !== 1) throw new Fault(`${at}.batch.format`, "not known here, only 1", "cannot-tell");
  if (batch.count < 1 || batch.end - batch.first < batch.count) throw new Fault(at, "the range does not hold `count`");
  if ((batch.sequence === 0) === (batch.previous === NO_HASH)) return;
  throw new Fault(`${at}.batch.previous`, "64 zeros belong to sequence 0, and to it alone");
}

/** Each event's text is canonical, its batch's tree holds it at its index, and no two share an id. */
async function checkEvents(
  trail: Trail,
  evidence: Evidence,
  states: readonly BatchState[],
  hash: TreeHash,
): Promise<readonly EventVerdict[]> {
  const events: EventVerdict[] = [];
  for (let start = 0; start < evidence.events.length; start += TOGETHER) {
    const some = evidence.events.slice(start, start + TOGETHER);
    const checked = some.map((event, i) =>
      checkEvent(event, `events[${start + i}]`, evidence.batches[event.batch], states[event.batch], hash),
    );
    for (const { event, own } of await Promise.all(checked)) {
      trail.join(own);
      events.push(event);
    }
  }
  const ids = events.map((event) => event.id).filter((id) => id !== "");
  await trail.check("event-ids", "events", "every event has an id of its own", () => {
    if (new Set(ids).size < ids.length) throw new Fault("events", "two events of the file have one id");
  });
  return events;
}

async function checkEvent(
  entry: EvidenceEvent,
  at: string,
  anchored: Anchored | undefined,
  state: BatchState | undefined,
  hash: TreeHash,
): Promise<{ event: EventVerdict; own: Trail }> {
  const own = new Trail();
  const text = `${at}.event`;
  await own.check("event-in-batch", at, "the batch's root commits to this very text at this index", async () => {
    if (anchored === undefined) throw new Fault(`${at}.batch`, `the file has no batch ${entry.batch}`);
    const { count, root } = anchored.batch;
    if ((await rootOfPath(await hash.leafHash(entry.event), entry.index, count, entry.path, hash)) === root) return;
    throw new Fault(at, `event, index and path do not lead to the root of batches[${entry.batch}]: one was altered`);
  });
  const value = await own.check("event-text", text, "canonical JSON", () => parseCanonical(entry.event, text));
  const shape = "a trace event of format 1";
  const facts =
    value === undefined ? undefined : await own.check("event-shape", text, shape, () => readFacts(value, text));
  const event = {
    at,
    verdict: worst(own.outcome, state?.outcome ?? "refuted"),
    id: facts?.id ?? "",
    ...(facts === undefined ? {} : { facts }),
    ...(anchored === undefined ? {} : { anchor: position(anchored, entry.index, state?.blockNumber ?? 0) }),
  };
  return { event, own };
}

function position({ owner, batch }: Anchored, index: number, block: number): NonNullable<EventVerdict["anchor"]> {
  return { owner, stream: batch.stream, sequence: batch.sequence, index, count: batch.count, block };
}

/** What no event hangs on could say anything: a file that holds such a batch or block is refused. */
async function checkNothingIsSpare(
  trail: Trail,
  evidence: Evidence,
  blocks: readonly BlockState[],
  batches: readonly BatchState[],
): Promise<void> {
  const usedBatches = new Set(evidence.events.map((event) => event.batch));
  const usedBlocks = new Set(batches.flatMap((state) => state.anchoredBy));
  await trail.check("nothing-spare", "the file", "every batch holds an event, every block a batch", () => {
    const batch = batches.findIndex((_, index) => !usedBatches.has(index));
    if (batch >= 0) throw new Fault(`batches[${batch}]`, "no event of the file is in this batch");
    const block = blocks.findIndex((state, index) => state.block !== undefined && !usedBlocks.has(index));
    if (block >= 0) throw new Fault(`ledger.blocks[${block}]`, "no batch of the file is in this block");
  });
}
