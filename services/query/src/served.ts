/** What callers are shown of events. */
import { type BatchRef, batchId } from "@medtrace/shared/model/batch";
import type { TraceEvent } from "@medtrace/shared/model/trace-event";
import type { CheckedEvent, FailedEvent, VerifiedEvent } from "./verified.ts";

/** The clear part of a verified event, with its place in the batch that the ledger anchored. */
export interface ServedEvent extends Omit<TraceEvent, "format" | "sealed" | "nonce"> {
  readonly state: "verified";
  /** `owner:stream:sequence` */
  readonly batch: string;
  readonly index: number;
}

export type Served = ServedEvent | FailedEvent;

export function servedEvent({ event, ref, index }: VerifiedEvent): ServedEvent {
  const { format: _format, sealed: _sealed, nonce: _nonce, id, ...clear } = event;
  return { id, state: "verified", ...clear, batch: batchId(ref), index };
}

export function served(checked: CheckedEvent): Served {
  return checked.state === "verified" ? servedEvent(checked) : checked;
}

export function failuresIn(events: readonly { readonly state: string }[]): number {
  return events.filter(({ state }) => state === "integrity-failure").length;
}

export function sameRef(a: BatchRef, b: BatchRef): boolean {
  return a.owner === b.owner && a.stream === b.stream && a.sequence === b.sequence;
}
