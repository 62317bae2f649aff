/** Where an event is before it can be served: accepted by ingest, or anchored and not projected yet. */
import type { Batch, BatchRef } from "@medtrace/shared/model/batch";
import type { Ledger, StreamHead } from "@medtrace/shared/ports/ledger";
import type { Receipt } from "@medtrace/shared/ports/vault";

export interface AnchoredAt {
  readonly ref: BatchRef;
  readonly batch: Batch;
}

/** The batch of this ledger identity that holds a log position; undefined while none does. */
export async function anchoredAt(ledger: Ledger, receipt: Receipt): Promise<AnchoredAt | undefined> {
  const streams = await ledger.listStreams();
  const heads = streams.filter(
    ({ owner, stream }) => owner === ledger.owner && partitionIn(stream) === receipt.partition,
  );
  for (const head of heads) {
    const found = await batchWith(ledger, head, receipt.offset);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Streams are named `{event log}-{partition}`. */
function partitionIn(stream: string): number | undefined {
  const digits = /-(0|[1-9]\d{0,5})$/.exec(stream)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** By halving: ranges follow one another in a stream. */
async function batchWith(
  ledger: Ledger,
  { owner, stream, batch: head }: StreamHead,
  offset: number,
): Promise<AnchoredAt | undefined> {
  let low = 0;
  let high = head.sequence;
  while (low <= high) {
    const sequence = Math.floor((low + high) / 2);
    const ref = { owner, stream, sequence };
    const batch = await ledger.readBatch(ref);
    if (batch === undefined) return undefined;
    if (offset < batch.first) high = sequence - 1;
    else if (offset >= batch.end) low = sequence + 1;
    else return { ref, batch };
  }
  return undefined;
}
