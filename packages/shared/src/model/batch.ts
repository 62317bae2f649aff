/** Batch, format version 1: a contiguous range of one stream, with the Merkle root of its leaves. */
import { sha256Hex } from "./bytes.ts";
import { canonicalText, type Json } from "./canonical.ts";

export const BATCH_FORMAT = 1;

export interface Batch {
  readonly format: typeof BATCH_FORMAT;
  /** `{event log}-{partition}`, 1 to 64 of `A-Z a-z 0-9 . _ -`. */
  readonly stream: string;
  /** 0, 1, 2 … within the stream. */
  readonly sequence: number;
  /** First log offset of the range. */
  readonly first: number;
  /** One past the last log offset; the range is half-open, and offsets may have holes. */
  readonly end: number;
  /** Records in the range, and leaves in the tree. */
  readonly count: number;
  /** Merkle root of the leaves, hex. */
  readonly root: string;
  /** {@link batchHash} of the batch before, or {@link NO_BATCH} for sequence 0. */
  readonly previous: string;
}

/** Names a batch everywhere: the owner is the MSP id of the identity that anchored it. */
export interface BatchRef {
  readonly owner: string;
  readonly stream: string;
  readonly sequence: number;
}

export const NO_BATCH: string = "0".repeat(64);
export const STREAM_PATTERN: RegExp = /^[A-Za-z0-9._-]{1,64}$/;
export const OWNER_PATTERN: RegExp = /^[A-Za-z0-9._-]{1,64}$/;
export const HASH_PATTERN: RegExp = /^[0-9a-f]{64}$/;

/** SHA-256 of the batch's canonical bytes, hex. */
export function batchHash(batch: Batch): string {
  return sha256Hex(canonicalText(batch as unknown as Json));
}

/** `owner:stream:sequence`, as the query API names a batch. */
export function batchId(ref: BatchRef): string {
  return `${ref.owner}:${ref.stream}:${ref.sequence}`;
}

/** Inverse of {@link batchId}; undefined where the text is not one. */
export function parseBatchId(id: string): BatchRef | undefined {
  const parts = id.split(":");
  const [owner, stream, sequence] = parts;
  if (parts.length !== 3 || owner === undefined || stream === undefined || sequence === undefined) return undefined;
  if (!OWNER_PATTERN.test(owner) || !STREAM_PATTERN.test(stream) || !/^(0|[1-9]\d{0,14})$/.test(sequence)) {
    return undefined;
  }
  return { owner, stream, sequence: Number(sequence) };
}

/** The stream of one partition of a named event log. */
export function streamName(log: string, partition: number): string {
  return `${log}-${partition}`;
}

/** Inverse of {@link streamName}; undefined where the stream is not of this log. */
export function partitionOf(log: string, stream: string): number | undefined {
  const prefix = `${log}-`;
  const rest = stream.startsWith(prefix) ? stream.slice(prefix.length) : "";
  return /^(0|[1-9]\d{0,5})$/.test(rest) ? Number(rest) : undefined;
}

/** The faults of a value that should be a batch, in words; empty where it is one. Extra members are faults. */
export function batchFaults(value: unknown): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return ["a batch is a JSON object"];
  const batch = value as Record<string, unknown>;
  const faults: string[] = [];
  const known = ["format", "stream", "sequence", "first", "end", "count", "root", "previous"];
  for (const key of Object.keys(batch)) if (!known.includes(key)) faults.push(`${key} is not part of a batch`);
  if (batch["format"] !== BATCH_FORMAT) faults.push(`format must be ${BATCH_FORMAT}`);
  if (typeof batch["stream"] !== "string" || !STREAM_PATTERN.test(batch["stream"])) {
    faults.push("stream must be 1 to 64 of A-Z a-z 0-9 . _ -");
  }
  for (const key of ["sequence", "first", "end", "count"]) {
    if (!Number.isSafeInteger(batch[key]) || (batch[key] as number) < 0) faults.push(`${key} must be an integer >= 0`);
  }
  for (const key of ["root", "previous"]) {
    if (typeof batch[key] !== "string" || !HASH_PATTERN.test(batch[key])) faults.push(`${key} must be 64 hex digits`);
  }
  if (faults.length > 0) return faults;
  const { sequence, first, end, count, previous } = value as Batch;
  if (count < 1) faults.push("count must be at least 1");
  if (end - first < count) faults.push("the range first..end is smaller than count");
  if (sequence === 0 && previous !== NO_BATCH) faults.push("sequence 0 has no previous batch");
  if (sequence > 0 && previous === NO_BATCH) faults.push("previous must be the hash of the batch before");
  return faults;
}
