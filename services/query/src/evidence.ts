/** Evidence files: verified events with their audit paths, batches, and the ledger's proof of these. */

import { hash } from "node:crypto";
import { MedtraceError } from "@medtrace/shared/errors";
import { type BatchRef, batchId } from "@medtrace/shared/model/batch";
import { fromUtf8, hex } from "@medtrace/shared/model/bytes";
import {
  EVIDENCE_FORMAT,
  type Evidence,
  type EvidenceBatch,
  type EvidenceEvent,
} from "@medtrace/shared/model/evidence";
import { verifyEvidence } from "@medtrace/verifier/verify";
import type { QueryContext } from "./context.ts";
import { createEd25519 } from "./ed25519.ts";
import type { VerifiedEvent } from "./verified.ts";

const ed25519 = createEd25519();

/**
 * The text of an evidence file for these events, each once. It is verified as its readers will verify it, with the
 * ledger's own key as the only one trusted, before anyone gets it.
 *
 * @throws MedtraceError INTEGRITY where it does not prove what it should.
 */
export async function evidenceText(ctx: QueryContext, events: readonly VerifiedEvent[]): Promise<string> {
  const text = JSON.stringify(await evidenceOf(ctx, events));
  const trust = [await ctx.ledger.trustAnchor()];
  const verdict = await verifyEvidence(text, {
    trust,
    requireTrust: true,
    sha256: (bytes) => hash("sha256", bytes, "hex"),
    ed25519,
  });
  if (verdict.verdict === "proven") return text;
  throw new MedtraceError("INTEGRITY", `the evidence would not be proven: ${verdict.reasons[0] ?? "no reason"}`, {
    hint: "run medtrace fsck; docs/runbooks/integrity.md",
  });
}

async function evidenceOf(ctx: QueryContext, verified: readonly VerifiedEvent[]): Promise<Evidence> {
  const places = new Map<string, number>();
  const refs: BatchRef[] = [];
  const batches: EvidenceBatch[] = [];
  const events: EvidenceEvent[] = [];
  for (const { ref, index, bytes } of new Map(verified.map((event) => [event.id, event])).values()) {
    const anchored = await ctx.verifier.tree(ref);
    if (anchored === undefined) {
      throw new MedtraceError("INTEGRITY", "a batch is not the one that the ledger anchored", { at: batchId(ref) });
    }
    const place = places.get(batchId(ref)) ?? batches.length;
    if (place === batches.length) {
      places.set(batchId(ref), place);
      refs.push(ref);
      batches.push({ owner: ref.owner, batch: anchored.batch });
    }
    events.push({ event: fromUtf8(bytes), batch: place, index, path: anchored.tree.path(index).map(hex) });
  }
  return { format: EVIDENCE_FORMAT, events, batches, ledger: await ctx.ledger.prove(refs) };
}
