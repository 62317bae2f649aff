/** Derivations for the traversal: of the projection's edges those that the viewer may see and that their events prove. */
import { batchId } from "@medtrace/shared/model/batch";
import { PROJECTION_LIMITS, type StoredDerivation } from "@medtrace/shared/ports/projection";
import type { QueryContext } from "./context.ts";
import type { Direction, EdgeSource, Edges, ProvenEdge } from "./lineage.ts";
import { sees, type Viewer } from "./scope.ts";
import type { CheckedEvent, VerifiedEvent } from "./verified.ts";

export interface EdgeFilter {
  readonly viewer: Viewer;
  readonly blockMax: number;
  readonly from?: string;
  readonly to?: string;
}

export interface VerifiedEdges extends EdgeSource {
  /** Every event that proved an edge so far. */
  readonly events: ReadonlyMap<string, VerifiedEvent>;
  /** Ids of events that were to prove one and could not. */
  readonly failed: ReadonlySet<string>;
}

/** Edges of one look. */
const LOOK_EDGES_MAX = 2_000;

/** An edge source for one request; each event is verified once, however many edges it proves. */
export function verifiedEdges(ctx: QueryContext, filter: EdgeFilter): VerifiedEdges {
  const checkedEvents = new Map<string, CheckedEvent>();
  const events = new Map<string, VerifiedEvent>();
  const failed = new Set<string>();
  const blocks = new Map<string, number>();

  const inPeriod = async (event: VerifiedEvent): Promise<boolean> => {
    const { at } = event.facts;
    if (filter.from !== undefined && at < filter.from) return false;
    if (filter.to !== undefined && at >= filter.to) return false;
    const key = batchId(event.ref);
    const block = blocks.get(key) ?? (await ctx.projection.batch(event.ref))?.block ?? Number.POSITIVE_INFINITY;
    blocks.set(key, block);
    return block <= filter.blockMax;
  };

  const check = async (ids: readonly string[]): Promise<void> => {
    const unknown = ids.filter((id) => !checkedEvents.has(id));
    for (let i = 0; i < unknown.length; i += PROJECTION_LIMITS.pageMax) {
      const part = unknown.slice(i, i + PROJECTION_LIMITS.pageMax);
      for (const stored of await ctx.projection.events(part)) {
        checkedEvents.set(stored.id, await ctx.verifier.check(stored));
      }
      for (const id of part) if (!checkedEvents.has(id)) checkedEvents.set(id, { state: "integrity-failure", id });
    }
  };

  const prove = async (stored: StoredDerivation): Promise<ProvenEdge | undefined> => {
    const checked = checkedEvents.get(stored.event);
    const { from, to, relation, event } = stored;
    if (checked?.state !== "verified") {
      failed.add(event);
      return undefined;
    }
    const { facts } = checked;
    const shows = facts.derivations.some((edge) => edge.from === from && edge.to === to && edge.relation === relation);
    if (!shows || !sees(filter.viewer, facts)) {
      failed.add(event);
      return undefined;
    }
    if (!(await inPeriod(checked))) return undefined;
    events.set(event, checked);
    return { from, to, relation, events: [event] };
  };

  /** Records are looked at apart where together they have too many edges, so that one cannot hide another's. */
  const look = async (records: readonly string[], direction: Direction): Promise<Edges> => {
    const found = await ctx.projection.derivations(records, direction, LOOK_EDGES_MAX);
    if (found.length === LOOK_EDGES_MAX && records.length > 1) {
      const half = Math.ceil(records.length / 2);
      const first = await look(records.slice(0, half), direction);
      const second = await look(records.slice(half), direction);
      return { edges: [...first.edges, ...second.edges], complete: first.complete && second.complete };
    }
    const visible = found.filter((edge) => sees(filter.viewer, edge));
    await check([...new Set(visible.map(({ event }) => event))]);
    const edges: ProvenEdge[] = [];
    for (const edge of visible) {
      const proven = await prove(edge);
      if (proven !== undefined) edges.push(proven);
    }
    return { edges, complete: found.length < LOOK_EDGES_MAX };
  };

  return { edges: look, events, failed };
}
