/** Derivations, by either end, and the closure of joined subject tokens: level by level, each by an index. */
import { PROJECTION_LIMITS, type StoredDerivation, type StoredJoin } from "@medtrace/shared/ports/projection";
import type { Filter } from "mongodb";
import { bounded } from "../limits.ts";
import { eventId, storedDerivation } from "./documents.ts";
import type { EventDocument } from "./schema.ts";
import { slices } from "./slices.ts";
import type { Snapshot } from "./snapshot.ts";

/** Below the 200 scans (internalQueryMaxScansToExplode) up to which MongoDB merges by the index instead of sorting. */
const RECORDS_OF_QUERY = 128;

/** As Projection.derivations. */
export async function derivationsOf(
  { state, at: { events }, session }: Snapshot,
  records: readonly string[],
  direction: "up" | "down",
  limit: number,
): Promise<StoredDerivation[]> {
  bounded("limit", limit, PROJECTION_LIMITS.derivationsMax);
  if (records.length === 0) return [];
  bounded("records", records.length, PROJECTION_LIMITS.facetsMax);
  const end = direction === "down" ? "from" : "to";
  const wanted = new Set(records);
  const found = new Map<number, EventDocument>();
  const projection = { _id: 1, id: 1, institution: 1, recipients: 1, derivations: 1 };
  for (const some of slices([...wanted], RECORDS_OF_QUERY)) {
    // Every event has one derivation of these at least, so that `limit` events are enough.
    const filter = { [`derivations.${end}`]: { $in: some }, _id: { $lt: state.events } } as Filter<EventDocument>;
    const options = { session, projection, hint: `derivations_${end}` };
    for await (const event of events.find(filter, options).sort({ _id: 1 }).limit(limit)) found.set(event._id, event);
  }
  const inOrder = [...found.values()].sort((a, b) => a._id - b._id);
  const derivations = inOrder.flatMap((event) =>
    (event.derivations ?? []).filter((edge) => wanted.has(edge[end])).map((edge) => storedDerivation(event, edge)),
  );
  return derivations.slice(0, limit);
}

/** Every token joined to this one, with itself, sorted; breadth first, so that what is cut off at the limit is farthest. */
export async function closureOf(snapshot: Snapshot, token: string): Promise<string[]> {
  const found = new Set([token]);
  for (let level = [token]; level.length > 0; ) {
    const before = found.size;
    await joinedTo(snapshot, level, found);
    if (found.size >= PROJECTION_LIMITS.closureMax) break;
    level = [...found].slice(before);
  }
  return [...found].sort();
}

/** Adds what is joined to any of these, up to the limit. */
async function joinedTo(
  { state, at: { joins }, session }: Snapshot,
  level: string[],
  found: Set<string>,
): Promise<void> {
  const filter = { token: { $in: level }, seq: { $lt: state.events } };
  const options = { session, projection: { _id: 0, other: 1 }, hint: "token" } as const;
  for await (const { other } of joins.find(filter, options).sort({ token: 1, other: 1 })) {
    found.add(other);
    if (found.size >= PROJECTION_LIMITS.closureMax) return;
  }
}

/** As Projection.joins. */
export async function joinsOf({ state, at: { joins }, session }: Snapshot, token: string): Promise<StoredJoin[]> {
  const options = { session, projection: { _id: 0, other: 1, event: 1 }, hint: "token" } as const;
  const found = joins
    .find({ token, seq: { $lt: state.events } }, options)
    .sort({ other: 1 })
    .limit(PROJECTION_LIMITS.closureMax);
  return (await found.toArray()).map(({ other, event }) => ({ other, event: eventId(event) }));
}
