/** Where an event is before it can be served: accepted by ingest, or anchored and not projected yet. */
import { type Batch, type BatchRef, streamName } from "@medtrace/shared/model/batch";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import type { Receipt } from "@medtrace/shared/ports/vault";

export interface AnchoredAt {
  readonly ref: BatchRef;
  readonly batch: Batch;
}

/**
 * The batch of this ledger identity that holds a position of the event log; undefined while none does. What other
 * institutions anchor, or this one from other logs, is never looked at.
 *
 * @param log the event log's name
 */
export async function anchoredAt(ledger: Ledger, log: string, receipt: Receipt): Promise<AnchoredAt | undefined> {
  const { owner } = ledger;
  const stream = streamName(log, receipt.partition);
  const head = (await ledger.readHead(owner, stream))?.batch;
  if (head === undefined || receipt.offset >= head.end) return undefined;
  const at = async (sequence: number): Promise<AnchoredAt | undefined> => {
    const ref = { owner, stream, sequence };
    const batch = sequence === head.sequence ? head : await ledger.readBatch(ref);
    return batch === undefined ? undefined : { ref, batch };
  };
  return holding(receipt.offset, head.sequence, at);
}

/** From the head back by ever longer steps, since what is not projected yet is new; then by halving. */
async function holding(
  offset: number,
  last: number,
  at: (sequence: number) => Promise<AnchoredAt | undefined>,
): Promise<AnchoredAt | undefined> {
  let low = 0;
  let high = last;
  let step = 1;
  for (let sequence = last; low <= high; ) {
    const found = await at(sequence);
    if (found === undefined) return undefined;
    if (offset >= found.batch.end) low = sequence + 1;
    else if (offset >= found.batch.first) return found;
    else high = sequence - 1;
    sequence = low === 0 ? Math.max(0, last - step) : Math.floor((low + high) / 2);
    step *= 2;
  }
  return undefined;
}
