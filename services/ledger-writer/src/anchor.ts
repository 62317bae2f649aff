/** Anchoring one batch, whatever the ledger answers, until its fate is known. */
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode, MedtraceError } from "@medtrace/shared/errors";
import { type Batch, batchHash } from "@medtrace/shared/model/batch";
import type { Anchor, Ledger } from "@medtrace/shared/ports/ledger";

const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 5_000;

export interface AnchorAttempts {
  /** Told of every failed try, for metrics and logs. */
  readonly onRetry: (error: MedtraceError, attempt: number, wait_ms: number) => void;
}

/**
 * Anchors a batch and waits until it stands. Unavailable and unknown are tried again with backoff: the same batch
 * again is safe, since the ledger answers with its first anchor.
 *
 * @throws MedtraceError LEDGER_CONFLICT when another batch stands in this place (re-read the head), LEDGER_REFUSED
 * when the ledger's rules refuse it; the signal's reason when aborted.
 */
export async function anchorUntilKnown(
  ledger: Ledger,
  batch: Batch,
  signal: AbortSignal,
  attempts: AnchorAttempts,
): Promise<Anchor> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await ledger.anchorBatch(batch);
    } catch (error) {
      if (hasCode(error, "LEDGER_REFUSED")) throw await conflictOrRefusal(ledger, batch, error);
      if (!hasCode(error, "LEDGER_UNKNOWN", "LEDGER_UNAVAILABLE", "STORAGE_FAILED", "BUSY")) throw error;
      const wait_ms = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(attempt - 1, 10));
      attempts.onRetry(error, attempt, wait_ms);
      await sleep(wait_ms, undefined, { signal });
    }
  }
}

/** A refusal because the head moved on is a conflict between writers; any other is final. */
async function conflictOrRefusal(ledger: Ledger, batch: Batch, refusal: MedtraceError): Promise<MedtraceError> {
  const head = (await ledger.readHead(ledger.owner, batch.stream))?.batch;
  const built = head === undefined ? batch.sequence === 0 : batch.previous === batchHash(head);
  return built
    ? refusal
    : new MedtraceError("LEDGER_CONFLICT", `stream ${batch.stream}: its head is now at ${head?.end ?? 0}`, {
        cause: refusal,
      });
}
