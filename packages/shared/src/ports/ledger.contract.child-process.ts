/** A process of its own that anchors batches; see ledger.contract.child.ts. */
import type { Batch } from "../model/batch.ts";
import { linesOfChild } from "./contract.child-process.ts";
import type { LedgerHarness, LedgerStorage } from "./ledger.contract.kit.ts";

export interface ChildOptions {
  readonly owner: string;
  readonly stream: string;
  readonly batches_max: number;
  /** Others write the stream too: a lost place is tried again after the new head. */
  readonly contested?: boolean;
}

/** Batches that a child process had acknowledged. It is killed once it has said `killAfter` of them, if given. */
export async function runChild(
  harness: LedgerHarness,
  storage: LedgerStorage,
  options: ChildOptions,
  killAfter?: number,
): Promise<Batch[]> {
  const script = new URL("./ledger.contract.child.ts", import.meta.url);
  const lines = await linesOfChild(script, [harness.module.href, storage.url, JSON.stringify(options)], killAfter);
  return lines.map((line) => JSON.parse(line) as Batch);
}
