/**
 * What of a block is there already. Asked before, outside of its transaction: nothing is added but by a block, and a block
 * that came between moves the checkpoint, which the transaction finds.
 */
import { batchId } from "@medtrace/shared/model/batch";
import type { BlockUpdate, ProjectedEvent } from "@medtrace/shared/ports/projection";
import { EVENT_ID, eventIdBytes } from "../limits.ts";
import { bytesOf, eventId } from "./documents.ts";
import { anchoredTwice, type Plan } from "./plan.ts";
import { type Collections, idPrefix, type JoinDocument, type StateDocument } from "./schema.ts";
import { slices } from "./slices.ts";

/** Keys of one look-up. */
const SLICE = 1_000;
/** Pairs of tokens of one look-up, which is a product: all that join any of these to any of those. */
const PAIRS_SLICE = 100;

/** Bytes of the block's events that are there already, by id. */
export async function storedEvents(
  at: Collections,
  { batches }: BlockUpdate,
  { events }: StateDocument,
): Promise<Map<string, Uint8Array>> {
  if (events === 0) return new Map();
  const ids = new Set(batches.flatMap(({ events }) => events.map(({ id }) => id)).filter((id) => EVENT_ID.test(id)));
  const found = new Map<string, Uint8Array>();
  for (const slice of slices([...ids], SLICE)) {
    const prefix = { $in: slice.map((id) => idPrefix(id)) };
    for await (const document of at.events.find({ prefix }, { projection: { _id: 0, id: 1, bytes: 1 } })) {
      const id = eventId(document.id);
      if (ids.has(id)) found.set(id, bytesOf(document.bytes, "an event's bytes"));
    }
  }
  return found;
}

/** @throws MedtraceError INTEGRITY where a batch of the block is there already. */
export async function refuseKnownBatches(at: Collections, { batches }: BlockUpdate): Promise<void> {
  const ids = batches.map(({ owner, batch: { stream, sequence } }) => batchId({ owner, stream, sequence }));
  for (const slice of slices(ids, SLICE)) {
    const known = await at.batches.findOne({ _id: { $in: [...slice] } }, { projection: { _id: 1 } });
    if (known !== null) throw anchoredTwice(known._id);
  }
}

/** Pairs of tokens that no event joined before, in both directions, each with the first event that does. */
export async function newJoins(at: Collections, { events }: Plan): Promise<JoinDocument[]> {
  const pairs = new Map<string, JoinDocument>();
  for (const { event, place } of events) {
    for (const join of joinsOf(event, place.seq)) {
      const name = pairName(join);
      if (!pairs.has(name)) pairs.set(name, join);
    }
  }
  for (const slice of slices([...pairs.values()], PAIRS_SLICE)) {
    const token = { $in: [...new Set(slice.map((join) => join.token))] };
    const other = { $in: [...new Set(slice.map((join) => join.other))] };
    const projection = { _id: 0, token: 1, other: 1 };
    for await (const known of at.joins.find({ token, other }, { projection })) pairs.delete(pairName(known));
  }
  return [...pairs.values()];
}

function joinsOf({ id, joins }: ProjectedEvent, seq: number): JoinDocument[] {
  if (joins.length === 0) return [];
  const event = eventIdBytes(id);
  return joins.flatMap(([a, b]) => [
    { token: a, other: b, seq, event },
    { token: b, other: a, seq, event },
  ]);
}

function pairName({ token, other }: Pick<JoinDocument, "token" | "other">): string {
  return JSON.stringify([token, other]);
}
