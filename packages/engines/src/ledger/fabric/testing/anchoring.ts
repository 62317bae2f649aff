/** Anchoring on a network that is being broken or changed. */
import { hasCode } from "@medtrace/shared/errors";
import type { Batch } from "@medtrace/shared/model/batch";
import type { Ledger } from "@medtrace/shared/ports/ledger";

/** What a patient writer does: the same batch again until the ledger has it. */
export async function anchorPatiently(ledger: Ledger, batch: Batch, tries_max: number): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await ledger.anchorBatch(batch);
      return;
    } catch (error) {
      if (!hasCode(error, "LEDGER_UNAVAILABLE", "LEDGER_UNKNOWN") || attempt === tries_max) throw error;
    }
  }
}
