/**
 * The ledger's rules: a stream has no gap, no overlap and no fork. One contract, several hosts (context.ts). It has no
 * clock and no randomness, and writes canonical JSON, so that every peer computes the same bytes.
 *
 * World state: `batch/{owner}/{stream}/{sequence}` and `head/{owner}/{stream}`, both an {@link Entry}; no other key.
 */
import { MedtraceError } from "@medtrace/shared/errors";
import {
  type Batch,
  type BatchRef,
  batchFaults,
  batchHash,
  HASH_PATTERN,
  NO_BATCH,
  OWNER_PATTERN,
  STREAM_PATTERN,
} from "@medtrace/shared/model/batch";
import { fromHex, fromUtf8 } from "@medtrace/shared/model/bytes";
import { canonicalBytes, canonicalText, type Json } from "@medtrace/shared/model/canonical";
import { verifyInclusion as provesInclusion } from "@medtrace/shared/model/merkle";
import type { QueryContext, SubmitContext } from "./context.ts";

/** No tree of fewer than 2^53 leaves has a longer path. */
const PATH_MAX = 53;

/** A batch as the world state keeps it. */
export interface Entry {
  readonly batch: Batch;
  /** The transaction that anchored it first. */
  readonly transaction: string;
}

export interface OwnedEntry extends Entry {
  readonly owner: string;
}

export interface InclusionClaim extends BatchRef {
  /** Leaf hash, hex. */
  readonly leaf: string;
  readonly index: number;
  /** RFC 6962 audit path, lowest sibling first, hex. */
  readonly path: readonly string[];
}

export function batchKey(ref: BatchRef): string {
  return `batch/${ref.owner}/${ref.stream}/${ref.sequence}`;
}

export function headKey(owner: string, stream: string): string {
  return `head/${owner}/${stream}`;
}

/**
 * Anchors a batch to the submitter's stream. The same batch again gives its first entry and writes nothing.
 *
 * @throws MedtraceError LEDGER_REFUSED naming what is wrong: the shape, or where the stream's head is.
 */
export async function anchorBatch(context: SubmitContext, batch: Batch): Promise<Entry> {
  const faults = batchFaults(batch);
  if (faults.length > 0) throw refused(`not a batch: ${faults.join("; ")}`);
  const owner = context.submitter;
  if (!OWNER_PATTERN.test(owner)) throw refused(`submitter ${JSON.stringify(owner.slice(0, 80))} cannot own a stream`);
  const { stream, sequence } = batch;
  const head = await readEntry(context, headKey(owner, stream));
  if (head !== undefined && sequence <= head.batch.sequence) return anchoredAlready(context, owner, batch, head);
  refuseUnlessNext(owner, batch, head?.batch);
  const entry: Entry = { batch, transaction: context.transaction };
  const value = canonicalBytes(entry as unknown as Json);
  await context.putState(batchKey({ owner, stream, sequence }), value);
  await context.putState(headKey(owner, stream), value);
  context.emit({ name: "BatchAnchored", owner, batch });
  return entry;
}

async function anchoredAlready(context: SubmitContext, owner: string, batch: Batch, head: Entry): Promise<Entry> {
  const { stream, sequence } = batch;
  const there =
    sequence === head.batch.sequence ? head : await readEntry(context, batchKey({ owner, stream, sequence }));
  if (there !== undefined && batchHash(there.batch) === batchHash(batch)) return there;
  throw refused(`another batch ${sequence} of ${owner}/${stream} is anchored; ${describeHead(head.batch)}`);
}

function refuseUnlessNext(owner: string, batch: Batch, head: Batch | undefined): void {
  const at = `${owner}/${batch.stream}`;
  const sequence = head === undefined ? 0 : head.sequence + 1;
  if (head !== undefined && batch.first !== head.end) {
    throw refused(`batch of ${at} starts at ${batch.first}, not at ${head.end}; ${describeHead(head)}`);
  }
  if (batch.sequence !== sequence) {
    throw refused(`batch of ${at} has sequence ${batch.sequence}, not ${sequence}; ${describeHead(head)}`);
  }
  if (batch.previous !== (head === undefined ? NO_BATCH : batchHash(head))) {
    throw refused(`batch ${sequence} of ${at} does not name the head as previous; ${describeHead(head)}`);
  }
}

function describeHead(head: Batch | undefined): string {
  if (head === undefined) return "the stream has no head yet";
  return `the head is batch ${head.sequence}, ending at ${head.end}, hash ${batchHash(head)}`;
}

/** A batch with the transaction that anchored it, or undefined. */
export async function readBatch(context: Pick<QueryContext, "getState">, ref: BatchRef): Promise<Entry | undefined> {
  return isRef(ref) ? readEntry(context, batchKey(ref)) : undefined;
}

/** The last batch of a stream, or undefined. */
export async function readHead(
  context: Pick<QueryContext, "getState">,
  owner: string,
  stream: string,
): Promise<Entry | undefined> {
  return isRef({ owner, stream, sequence: 0 }) ? readEntry(context, headKey(owner, stream)) : undefined;
}

/** Every stream's head, by owner, then stream. */
export async function listStreams(context: Pick<QueryContext, "list">): Promise<OwnedEntry[]> {
  const heads: OwnedEntry[] = [];
  for await (const { key, value } of context.list("head/")) {
    heads.push({ owner: key.split("/")[1] as string, ...decode(key, value) });
  }
  // Not the order of keys: "A-B/" sorts before "A/".
  return heads.sort((a, b) => compare(a.owner, b.owner) || compare(a.batch.stream, b.batch.stream));
}

/** True where the path proves the leaf at this index of an anchored batch; false where not, or no such batch. */
export async function verifyInclusion(
  context: Pick<QueryContext, "getState">,
  claim: InclusionClaim,
): Promise<boolean> {
  const { leaf, index, path } = claim;
  if (path.length > PATH_MAX || ![leaf, ...path].every((hash) => HASH_PATTERN.test(hash))) return false;
  const entry = await readBatch(context, claim);
  if (entry === undefined) return false;
  return provesInclusion(fromHex(leaf), index, entry.batch.count, path.map(fromHex), fromHex(entry.batch.root));
}

async function readEntry(context: Pick<QueryContext, "getState">, key: string): Promise<Entry | undefined> {
  const value = await context.getState(key);
  return value === undefined ? undefined : decode(key, value);
}

/** The contract reads nothing that it would not have written. */
function decode(key: string, value: Uint8Array): Entry {
  try {
    const text = fromUtf8(value);
    const entry = JSON.parse(text) as Entry;
    if (batchFaults(entry.batch).length === 0 && canonicalText(entry as unknown as Json) === text) return entry;
  } catch (cause) {
    throw new MedtraceError("INTEGRITY", "the world state holds what no rule writes", { at: key, cause });
  }
  throw new MedtraceError("INTEGRITY", "the world state holds what no rule writes", { at: key });
}

function isRef(ref: BatchRef): boolean {
  return (
    OWNER_PATTERN.test(ref.owner) &&
    STREAM_PATTERN.test(ref.stream) &&
    Number.isSafeInteger(ref.sequence) &&
    ref.sequence >= 0
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function refused(message: string): MedtraceError {
  return new MedtraceError("LEDGER_REFUSED", message, { hint: "build the batch again from the stream's head" });
}
