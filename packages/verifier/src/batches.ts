/** What holds of a batch whatever ledger anchored it. */
import type { Anchored, Batch } from "./evidence.ts";
import { type EventAnchor, Fault, type LedgerFacts, type Outcome } from "./verdict.ts";

const NO_HASH = "0".repeat(64);

/** What the ledger's part of a file shows. */
export interface LedgerFound {
  readonly facts: LedgerFacts;
  /** One for each batch of the file, in order. */
  readonly batches: readonly BatchState[];
  /** Throws Fault where the ledger's part holds what no batch needs. */
  readonly refuseSpare: () => void;
}

export interface BatchState {
  /** Of the batch and of everything that it hangs on. */
  readonly outcome: Outcome;
  readonly anchor: Pick<EventAnchor, "block" | "endorsed">;
}

/** `owner:stream:sequence` */
export function batchId({ owner, batch }: Anchored): string {
  return `${owner}:${batch.stream}:${batch.sequence}`;
}

/** @param by who anchored the other, for the fault. */
export function refuseDifference(batch: Batch, anchored: Batch, by: string, at: string): void {
  const names = Object.keys(batch) as (keyof typeof batch)[];
  const different = names.filter((name) => batch[name] !== anchored[name]);
  if (different.length === 0) return;
  throw new Fault(`${at}.${different[0]}`, `not what the ${by} anchored; different: ${different.join(", ")}`);
}

/** Throws Fault where a batch breaks the rules of its format. */
export function refuseOddBatch({ batch }: Anchored, at: string): void {
  if (batch.format !== 1) throw new Fault(`${at}.batch.format`, "not known here, only 1", "cannot-tell");
  if (batch.count < 1 || batch.end - batch.first < batch.count) throw new Fault(at, "the range does not hold `count`");
  if ((batch.sequence === 0) === (batch.previous === NO_HASH)) return;
  throw new Fault(`${at}.batch.previous`, "64 zeros belong to sequence 0, and to it alone");
}
