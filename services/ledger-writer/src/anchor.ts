/** Anchoring one batch, whatever the ledger answers, until its fate is known. */
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode, MedtraceError } from "@medtrace/shared/errors";
import { type Batch, batchHash } from "@medtrace/shared/model/batch";
import type { Anchor, Ledger } from "@medtrace/shared/ports/ledger";
import { backoff_ms } from "./backoff.ts";

/**
 * A batch that follows the head and is refused all the same is tried this often: of a ledger of many peers, one that
 * lags behind refuses what the others would take.
 */
const REFUSALS_MAX = 5;

export interface AnchorAttempts {
  /** Told of every failed try, for metrics and logs. */
  readonly onRetry: (error: MedtraceError, attempt: number, wait_ms: number) => void;
}

/**
 * Anchors a batch and waits until it stands. Unavailable and unknown are tried again with backoff: the same batch
 * again is safe, since the ledger answers with its first anchor.
 *
 * @throws MedtraceError LEDGER_CONFLICT when another batch stands in this place (re-read the head), LEDGER_REFUSED
 * when the ledger's rules refuse it time and again; the signal's reason when aborted.
 */
export async function anchorUntilKnown(
  ledger: Ledger,
  batch: Batch,
  signal: AbortSignal,
  attempts: AnchorAttempts,
): Promise<Anchor> {
  for (let attempt = 1, refusals = 0; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await ledger.anchorBatch(batch);
    } catch (error) {
      if (hasCode(error, "LEDGER_REFUSED")) {
        await throwIfMoved(ledger, batch, error);
        if (++refusals >= REFUSALS_MAX) throw error;
      } else if (!hasCode(error, "LEDGER_UNKNOWN", "LEDGER_UNAVAILABLE", "STORAGE_FAILED", "BUSY")) throw error;
      const wait_ms = backoff_ms(attempt);
      attempts.onRetry(error, attempt, wait_ms);
      await sleep(wait_ms, undefined, { signal });
    }
  }
}

/** A refusal because the head is not the batch before this one is a conflict between writers. */
async function throwIfMoved(ledger: Ledger, batch: Batch, refusal: MedtraceError): Promise<void> {
  const head = (await ledger.readHead(ledger.owner, batch.stream))?.batch;
  const follows = head === undefined ? batch.sequence === 0 : batch.previous === batchHash(head);
  if (follows) return;
  throw new MedtraceError("LEDGER_CONFLICT", `stream ${batch.stream}: its head is now at ${head?.end ?? 0}`, {
    cause: refusal,
  });
}
