/** What the parts of the ledger's contract suite share. */
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { hasCode } from "../errors.ts";
import { type Batch, batchHash, NO_BATCH } from "../model/batch.ts";
import type { LedgerProof } from "../model/evidence.ts";
import type { Ledger, LedgerBlock } from "./ledger.ts";

/** A ledger to test on. It may hold other streams already; disposing removes what can be removed. */
export interface LedgerStorage extends AsyncDisposable {
  /** What {@link LedgerHarness.module} opens it by. */
  readonly url: string;
  /** A connection that submits as this owner: again after a close, or one more beside others. */
  open(owner: string): Promise<Ledger>;
}

export interface LedgerHarness {
  create(): Promise<LedgerStorage>;
  /** Two MSP ids that connections can be had for. */
  readonly owners: readonly [string, string];
  /** Module with `openLedger(url, { owner })`, for child processes. */
  readonly module: URL;
  /**
   * The batches that a proof shows to whoever trusts the anchor, each by provenName (ledger.contract.proof.ts); throws
   * where it shows none. By default it is read as the embedded ledger's.
   */
  readonly provenBatches?: (proof: LedgerProof, trust: string) => Set<string>;
}

/** Whatever takes longer hangs; a wrong engine must fail a test, not stop it. */
export const HANGS_MS = 30_000;

/** The name of a stream that no test has used. */
export function newStream(): string {
  return `test-${randomBytes(6).toString("hex")}-0`;
}

/** The batch that comes after this one, of 10 records. */
export function batchAfter(stream: string, head?: Batch, over: Partial<Batch> = {}): Batch {
  const first = head?.end ?? 0;
  return {
    format: 1,
    stream,
    sequence: head === undefined ? 0 : head.sequence + 1,
    first,
    end: first + 10,
    count: 10,
    root: randomBytes(32).toString("hex"),
    previous: head === undefined ? NO_BATCH : batchHash(head),
    ...over,
  };
}

/** Anchors some batches of a stream, one after another. */
export async function anchorChain(ledger: Ledger, stream: string, length: number, head?: Batch): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (let i = 0; i < length; i++) {
    const batch = batchAfter(stream, batches.at(-1) ?? head);
    await ledger.anchorBatch(batch);
    batches.push(batch);
  }
  return batches;
}

export const refused = (error: unknown): boolean => hasCode(error, "LEDGER_REFUSED");
/** How a writer that came second may be told. */
export const lost = (error: unknown): boolean => hasCode(error, "LEDGER_REFUSED", "LEDGER_CONFLICT");

/** Blocks from a number on, until `enough` says so of the last; each in order, once, naming the one before. */
export async function blocksUntil(
  ledger: Ledger,
  number: number,
  enough: (block: LedgerBlock, all: readonly LedgerBlock[]) => boolean,
): Promise<LedgerBlock[]> {
  const blocks: LedgerBlock[] = [];
  const abort = new AbortController();
  const hangs = AbortSignal.timeout(HANGS_MS);
  for await (const block of ledger.blocks(number, AbortSignal.any([abort.signal, hangs]))) {
    const before = blocks.at(-1);
    assert.equal(block.number, number + blocks.length);
    if (before !== undefined) assert.equal(block.previous, before.hash);
    assert.match(block.hash, /^[0-9a-f]{64}$/);
    blocks.push(block);
    if (enough(block, blocks)) abort.abort();
  }
  assert.ok(abort.signal.aborted, `the blocks that a test waits for do not come: ${blocks.length} from ${number} on`);
  return blocks;
}

/** The batches of one stream that these blocks anchor, in order. */
export function anchoredIn(blocks: readonly LedgerBlock[], owner: string, stream: string): Batch[] {
  return blocks
    .flatMap((block) => block.transactions)
    .flatMap(({ anchored }) => (anchored === undefined ? [] : [anchored]))
    .filter((one) => one.owner === owner && one.batch.stream === stream)
    .map((one) => one.batch);
}

/** Every block that there is now, from a number on. */
export async function blocksNow(ledger: Ledger, number: number): Promise<LedgerBlock[]> {
  const height = await ledger.height();
  return height <= number ? [] : blocksUntil(ledger, number, (block) => block.number === height - 1);
}
