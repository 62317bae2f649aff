/** Derivations, by either end, and the closure of joined subject tokens: level by level, each by an index. */
import { PROJECTION_LIMITS, type StoredDerivation, type StoredJoin } from "@medtrace/shared/ports/projection";
import type { Filter } from "mongodb";
import { bounded } from "../limits.ts";
import { derivationsOf, eventId, storedDerivation } from "./documents.ts";
import type { EventDocument } from "./schema.ts";
import { slices } from "./slices.ts";
import type { Snapshot } from "./snapshot.ts";

/** Below the 200 scans (internalQueryMaxScansToExplode) up to which MongoDB merges by the index instead of sorting. */
const RECORDS_OF_QUERY = 128;

interface Edge {
  readonly seq: number;
  readonly derivation: StoredDerivation;
}

/** As Projection.derivations. */
export async function findDerivations(
  snapshot: Snapshot,
  records: readonly string[],
  direction: "up" | "down",
  limit: number,
): Promise<StoredDerivation[]> {
  bounded("limit", limit, PROJECTION_LIMITS.derivationsMax);
  if (records.length === 0) return [];
  bounded("records", records.length, PROJECTION_LIMITS.facetsMax);
  let found: Edge[] = [];
  for (const some of slices([...new Set(records)], RECORDS_OF_QUERY)) {
    found.push(...(await edgesAt(snapshot, new Set(some), direction, limit)));
    found = found.sort((a, b) => a.seq - b.seq).slice(0, limit);
  }
  return found.map(({ derivation }) => derivation);
}

/** The first derivations at any of these records. Events are read one by one, as one may show many. */
async function edgesAt(
  { state, at: { events }, session }: Snapshot,
  records: ReadonlySet<string>,
  direction: "up" | "down",
  limit: number,
): Promise<Edge[]> {
  const ends = direction === "down" ? "sources" : "targets";
  const filter: Filter<EventDocument> = { [ends]: { $in: [...records] }, _id: { $lt: state.events } };
  const projection = { id: 1, institution: 1, recipients: 1, sources: 1, targets: 1, derivations: 1 };
  const found: Edge[] = [];
  for await (const event of events.find(filter, { session, projection, hint: ends }).sort({ _id: 1 }).limit(limit)) {
    for (const derivation of derivationsOf(event)) {
      if (!records.has(direction === "down" ? derivation.from : derivation.to)) continue;
      found.push({ seq: event._id, derivation: storedDerivation(event, derivation) });
      if (found.length === limit) return found;
    }
  }
  return found;
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
