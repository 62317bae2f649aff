/** What an auditor sees of a ledger: every block from the first on, checked without trust in who wrote it. */
import type { Batch } from "@medtrace/shared/model/batch";
import type { Ledger } from "@medtrace/shared/ports/ledger";

export interface AnchoredBatch {
  readonly owner: string;
  readonly batch: Batch;
  readonly transaction: string;
}

export interface AuditedBlock {
  readonly number: number;
  /** Hash of this block, hex. */
  readonly hash: string;
  /** Batches of the transactions that count, in order. */
  readonly anchored: readonly AnchoredBatch[];
  /** Transactions that do not count, with the ledger's word for why. */
  readonly invalid: readonly { readonly transaction: string; readonly why: string }[];
  /** Every institution that endorses from here on, where this block says so. */
  readonly institutions: readonly string[] | undefined;
  /** What is wrong with this block, in words. */
  readonly faults: readonly string[];
}

/** A ledger that is open for an audit. */
export interface LedgerAudit extends AsyncDisposable {
  readonly ledger: Ledger;
  /** Where the blocks come from: a peer's address, or a folder. */
  readonly source: string;
  /** What {@link blocks} checks of each block, in words. */
  readonly checks: readonly string[];
  /** What it takes on trust. */
  readonly trusts: readonly string[];

  /**
   * Blocks from 0 up to, without, `end`, each checked by itself and against those before.
   *
   * @throws MedtraceError INTEGRITY where the chain breaks: nothing after it means anything.
   */
  blocks(end: number, signal: AbortSignal): AsyncIterable<AuditedBlock>;
}
