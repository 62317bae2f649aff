/**
 * Traversal of derivations, level by level. Pure over {@link EdgeSource}, which gives only edges that the viewer may see
 * and that were verified: every hop is scoped, not only the first.
 */
import type { Derivation } from "@medtrace/shared/ports/projection";

export type Direction = "up" | "down";

/** An edge, with the events that prove it. */
export interface ProvenEdge extends Derivation {
  readonly events: readonly string[];
}

export interface Edges {
  readonly edges: readonly ProvenEdge[];
  /** False where there were more edges than are looked at. */
  readonly complete: boolean;
}

export interface EdgeSource {
  /** Edges that end (`up`) or start (`down`) at any of these records. */
  edges(records: readonly string[], direction: Direction): Promise<Edges>;
}

export interface Bounds {
  readonly depth: number;
  readonly nodesMax: number;
  readonly edgesMax: number;
  /** Clock reading after which no further look is taken. */
  readonly until_ms: number;
  readonly now_ms: () => number;
}

export interface LineageNode {
  readonly id: string;
  /** Hops from the start, by the shortest way. */
  readonly depth: number;
}

/** Which bound cut the answer short. */
export type Truncation = "depth" | "nodes" | "edges" | "time";

export interface Lineage {
  /** By depth, then as found; the start first. */
  readonly nodes: readonly LineageNode[];
  readonly edges: readonly ProvenEdge[];
  readonly truncated: readonly Truncation[];
}

/** Records of one look: bounds what a single level holds in memory. */
const LOOK_RECORDS_MAX = 100;

/**
 * What a record was derived from (`up`), what was derived from it (`down`), or both. A record is expanded once in each
 * direction, so that cycles end; what lies below an ancestor is not part of the answer.
 */
export async function traverse(
  source: EdgeSource,
  start: string,
  directions: readonly Direction[],
  bounds: Bounds,
): Promise<Lineage> {
  const nodes = new Map<string, number>([[start, 0]]);
  const edges = new Map<string, { readonly edge: Derivation; readonly events: Set<string> }>();
  const truncated = new Set<Truncation>();
  const seen = new Map(directions.map((direction) => [direction, new Set([start])]));
  let frontiers = new Map(directions.map((direction) => [direction, [start]]));

  const take = (edge: ProvenEdge, next: string, depth: number): boolean => {
    if (!nodes.has(next)) {
      if (nodes.size >= bounds.nodesMax) {
        truncated.add("nodes");
        return false;
      }
      nodes.set(next, depth);
    }
    return addEdge(edges, edge, bounds, truncated);
  };

  for (let depth = 1; [...frontiers.values()].some((frontier) => frontier.length > 0); depth++) {
    if (depth > bounds.depth) {
      if (await leadsFurther(source, frontiers, seen, bounds)) truncated.add("depth");
      break;
    }
    const next = new Map<Direction, string[]>();
    for (const [direction, frontier] of frontiers) {
      const reached: string[] = [];
      const known = seen.get(direction) ?? new Set();
      for await (const { edges: found, complete } of looks(source, frontier, direction, bounds, truncated)) {
        if (!complete) truncated.add("edges");
        for (const edge of found) {
          const far = direction === "up" ? edge.from : edge.to;
          if (!take(edge, far, depth) || known.has(far)) continue;
          known.add(far);
          reached.push(far);
        }
      }
      next.set(direction, reached);
    }
    frontiers = next;
  }
  return {
    nodes: [...nodes].map(([id, depth]) => ({ id, depth })).sort((a, b) => a.depth - b.depth),
    edges: [...edges.values()].map(({ edge, events }) => ({ ...edge, events: [...events].sort() })),
    truncated: [...truncated].sort(),
  };
}

/** Looks at a level's records in parts, for as long as there is time. */
async function* looks(
  source: EdgeSource,
  records: readonly string[],
  direction: Direction,
  bounds: Bounds,
  truncated: Set<Truncation>,
): AsyncGenerator<Edges> {
  for (let i = 0; i < records.length; i += LOOK_RECORDS_MAX) {
    if (bounds.now_ms() >= bounds.until_ms) {
      truncated.add("time");
      return;
    }
    yield await source.edges(records.slice(i, i + LOOK_RECORDS_MAX), direction);
  }
}

function addEdge(
  edges: Map<string, { readonly edge: Derivation; readonly events: Set<string> }>,
  { from, to, relation, events }: ProvenEdge,
  bounds: Bounds,
  truncated: Set<Truncation>,
): boolean {
  const key = JSON.stringify([from, to, relation]);
  const known = edges.get(key);
  if (known === undefined && edges.size >= bounds.edgesMax) {
    truncated.add("edges");
    return false;
  }
  const entry = known ?? { edge: { from, to, relation }, events: new Set<string>() };
  for (const event of events) entry.events.add(event);
  edges.set(key, entry);
  return true;
}

/** Whether an edge that was not walked starts at the last level. */
async function leadsFurther(
  source: EdgeSource,
  frontiers: ReadonlyMap<Direction, readonly string[]>,
  seen: ReadonlyMap<Direction, ReadonlySet<string>>,
  bounds: Bounds,
): Promise<boolean> {
  for (const [direction, frontier] of frontiers) {
    for await (const { edges, complete } of looks(source, frontier, direction, bounds, new Set())) {
      if (!complete) return true;
      if (edges.some((edge) => seen.get(direction)?.has(direction === "up" ? edge.from : edge.to) !== true))
        return true;
    }
  }
  return false;
}

export interface Path {
  /** From the first record to the last; empty where no way was found. */
  readonly nodes: readonly string[];
  readonly edges: readonly ProvenEdge[];
  readonly truncated: readonly Truncation[];
}

/** A shortest way along derivations from one record down to another. */
export async function shortestPath(source: EdgeSource, from: string, to: string, bounds: Bounds): Promise<Path> {
  const reachedBy = new Map<string, ProvenEdge | undefined>([[from, undefined]]);
  const truncated = new Set<Truncation>();
  let frontier = [from];
  for (let depth = 1; frontier.length > 0 && !reachedBy.has(to); depth++) {
    if (depth > bounds.depth) {
      truncated.add("depth");
      break;
    }
    const reached: string[] = [];
    for await (const { edges, complete } of looks(source, frontier, "down", bounds, truncated)) {
      if (!complete) truncated.add("edges");
      for (const edge of edges) {
        if (reachedBy.has(edge.to)) continue;
        if (reachedBy.size >= bounds.nodesMax) {
          truncated.add("nodes");
          break;
        }
        reachedBy.set(edge.to, edge);
        reached.push(edge.to);
      }
    }
    frontier = reached;
  }
  const edges: ProvenEdge[] = [];
  for (let edge = reachedBy.get(to); edge !== undefined; edge = reachedBy.get(edge.from)) edges.unshift(edge);
  const found = reachedBy.has(to);
  return {
    nodes: found ? [from, ...edges.map((edge) => edge.to)] : [],
    edges,
    truncated: found ? [] : [...truncated].sort(),
  };
}
