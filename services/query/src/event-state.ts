/** How far one event is: accepted, anchored, verified, or not as the ledger has it. */
import { eventLogName } from "@medtrace/shared/config";
import type { Batch, BatchRef } from "@medtrace/shared/model/batch";
import type { Receipt } from "@medtrace/shared/ports/vault";
import { type AnchoredAt, anchoredAt } from "./accepted.ts";
import type { QueryContext } from "./context.ts";
import { notFound, sees, type Viewer } from "./scope.ts";
import type { VerifiedEvent } from "./verified.ts";

export type EventState =
  | { readonly state: "accepted" }
  | { readonly state: "anchored"; readonly anchored: AnchoredAt }
  | { readonly state: "verified"; readonly event: VerifiedEvent }
  | { readonly state: "integrity-failure" };

const EVENT_ID = /^[0-9a-f]{64}$/;

/**
 * The state of an event that the viewer may know of.
 *
 * @throws MedtraceError NOT_FOUND where there is none, or it is not the viewer's to know.
 */
export async function eventState(ctx: QueryContext, viewer: Viewer, id: string): Promise<EventState> {
  if (!EVENT_ID.test(id)) throw notFound();
  // The receipt is looked up whether or not it is needed: what is hidden takes the same work as what is not there.
  const [receipt, stored] = await Promise.all([receiptOf(ctx, id), ctx.projection.event(id)]);
  const sent = receipt !== undefined && sees(viewer, { institution: receipt.institution, recipients: [] });
  if (stored !== undefined) {
    const checked = await ctx.verifier.check(stored);
    if (checked.state === "verified" && sees(viewer, checked.facts)) return { state: "verified", event: checked };
    if (checked.state === "integrity-failure" && (sent || viewer.supervises)) return checked;
    throw notFound();
  }
  if (!sent) throw notFound();
  const anchored = await anchoredAt(ctx.ledger, eventLogName(ctx.settings.engines), receipt);
  if (anchored === undefined) return { state: "accepted" };
  if ((await ctx.projection.batch(anchored.ref)) === undefined) return { state: "anchored", anchored };
  // Its batch is projected, and it is not there; unless the batch came while this was looked at.
  const late = await ctx.projection.event(id);
  if (late === undefined) return { state: "integrity-failure" };
  const checked = await ctx.verifier.check(late);
  return checked.state === "verified" ? { state: "verified", event: checked } : checked;
}

async function receiptOf(ctx: QueryContext, id: string): Promise<Receipt | undefined> {
  return (await ctx.vault.receipts([id])).get(id);
}

/** Where an event is on the ledger, as far as its blocks show. */
export interface ServedAnchor extends BatchRef {
  readonly count: number;
  readonly root: string;
  /** Leaf index in the batch, once the event is verified. */
  readonly index?: number;
  readonly block?: number;
  readonly transaction?: string;
}

export function servedAnchor(
  { owner, stream, sequence }: BatchRef,
  { count, root }: Batch,
  more: { readonly index?: number; readonly block?: number; readonly transaction?: string } = {},
): ServedAnchor {
  return { owner, stream, sequence, count, root, ...more };
}
