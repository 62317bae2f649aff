/**
 * Block of the embedded ledger, format version 1. Its canonical bytes are stored; its hash is their RFC 6962 leaf
 * hash, so that the chain (`previous`) and the checkpoint's tree commit to the same value.
 */
import type { Batch } from "./batch.ts";
import { hex, sha256, utf8 } from "./bytes.ts";
import { canonicalText, type Json } from "./canonical.ts";
import { leafHash } from "./merkle.ts";

export const BLOCK_FORMAT = 1;
export const NO_BLOCK: string = "0".repeat(64);

export interface BlockTransaction {
  /** 64 hex digits; {@link transactionId}. */
  readonly id: string;
  /** MSP id of the submitter: the owner of the stream. */
  readonly owner: string;
  readonly batch: Batch;
}

export interface Block {
  readonly format: typeof BLOCK_FORMAT;
  readonly number: number;
  /** Hash of the block before, hex, or {@link NO_BLOCK}. */
  readonly previous: string;
  readonly transactions: readonly BlockTransaction[];
}

/** SHA-256 of the canonical JSON array [owner, batch], hex: a batch is anchored once, so its transaction is too. */
export function transactionId(owner: string, batch: Batch): string {
  return hex(sha256(utf8(canonicalText([owner, batch as unknown as Json]))));
}

export function blockText(block: Block): string {
  return canonicalText(block as unknown as Json);
}

/** RFC 6962 leaf hash of the block's canonical text. */
export function blockHash(text: string): Uint8Array {
  return leafHash(utf8(text));
}
