/** The embedded ledger, open for an audit. */
import { stat } from "node:fs/promises";
import { MedtraceError } from "@medtrace/shared/errors";
import type { AuditedBlock, LedgerAudit } from "../audit.ts";
import { EmbeddedLedger, type EmbeddedLedgerOptions } from "./ledger.ts";

const CHECKS = [
  "each block names the hash of the one before, and is in the signed tree over all blocks",
  "the world state is what the blocks make",
];
const TRUSTS = ["the holder of the ledger's signing key, who could sign another history: compare an older checkpoint"];

/** @throws MedtraceError NOT_FOUND where there is none: looking must not make one; otherwise as EmbeddedLedger.open. */
export async function openEmbeddedAudit(folder: string, options: EmbeddedLedgerOptions): Promise<LedgerAudit> {
  await stat(folder).catch(() => {
    throw new MedtraceError("NOT_FOUND", "there is no ledger here", { at: folder, hint: "see LEDGER_URL" });
  });
  const ledger = await EmbeddedLedger.open(folder, options);
  return {
    ledger,
    source: folder,
    checks: CHECKS,
    trusts: TRUSTS,
    blocks: (end, signal) => auditedBlocks(ledger, end, signal),
    [Symbol.asyncDispose]: () => ledger[Symbol.asyncDispose](),
  };
}

async function* auditedBlocks(ledger: EmbeddedLedger, end: number, signal: AbortSignal): AsyncGenerator<AuditedBlock> {
  if (end < 1) return;
  // What the ledger finds wrong with itself is of no one block: it is told with the first.
  const faults: string[] = [];
  for await (const fault of ledger.check(signal)) faults.push(fault);
  for await (const { number, hash, transactions } of ledger.blocks(0, signal)) {
    const anchored = transactions.flatMap(({ id, anchored: one }) =>
      one === undefined ? [] : [{ ...one, transaction: id }],
    );
    yield { number, hash, anchored, invalid: [], institutions: undefined, faults: number === 0 ? faults : [] };
    if (number >= end - 1) return;
  }
  signal.throwIfAborted();
}
