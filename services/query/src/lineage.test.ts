import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { type Bounds, type Direction, type EdgeSource, type ProvenEdge, shortestPath, traverse } from "./lineage.ts";

type Raw = readonly [from: string, to: string];

const edge = ([from, to]: Raw, events: readonly string[] = [`${from}-${to}`]): ProvenEdge => ({
  from,
  to,
  relation: "wasDerivedFrom",
  events,
});

function sourceOf(raw: readonly Raw[]): EdgeSource {
  return {
    edges: async (records, direction) => ({
      edges: raw.filter(([from, to]) => records.includes(direction === "up" ? to : from)).map((one) => edge(one)),
      complete: true,
    }),
  };
}

const wide = (more: Partial<Bounds> = {}): Bounds => ({
  depth: 10,
  nodesMax: 1_000,
  edgesMax: 1_000,
  until_ms: 1,
  now_ms: () => 0,
  ...more,
});

/** image 1, image 2 -> report -> letter -> copy; report -> summary; image 2 -> study. */
const STORY: readonly Raw[] = [
  ["image-1", "report"],
  ["image-2", "report"],
  ["image-2", "study"],
  ["report", "letter"],
  ["report", "summary"],
  ["letter", "copy"],
];

const idsByDepth = (nodes: readonly { id: string; depth: number }[]): Record<string, number> =>
  Object.fromEntries(nodes.map(({ id, depth }) => [id, depth]));

test("up leads to what a record was made from, down to what was made from it, both to the two together", async () => {
  const of = async (directions: readonly Direction[]): Promise<Record<string, number>> =>
    idsByDepth((await traverse(sourceOf(STORY), "report", directions, wide())).nodes);
  assert.deepEqual(await of(["up"]), { report: 0, "image-1": 1, "image-2": 1 });
  assert.deepEqual(await of(["down"]), { report: 0, letter: 1, summary: 1, copy: 2 });
  // The study was made from an ancestor, not from the report: it is no part of the report's lineage.
  assert.deepEqual(await of(["up", "down"]), {
    report: 0,
    "image-1": 1,
    "image-2": 1,
    letter: 1,
    summary: 1,
    copy: 2,
  });
});

test("a depth that cuts something off is said; one that fits exactly is not", async () => {
  const cut = await traverse(sourceOf(STORY), "report", ["down"], wide({ depth: 1 }));
  assert.deepEqual(idsByDepth(cut.nodes), { report: 0, letter: 1, summary: 1 });
  assert.deepEqual(cut.truncated, ["depth"]);
  assert.deepEqual((await traverse(sourceOf(STORY), "report", ["down"], wide({ depth: 2 }))).truncated, []);
});

test("the bounds on records, edges and time cut the answer and are said", async () => {
  const star: Raw[] = Array.from({ length: 500 }, (_, i) => ["hub", `leaf-${i}`] as const);
  const few = await traverse(sourceOf(star), "hub", ["down"], wide({ nodesMax: 10 }));
  assert.equal(few.nodes.length, 10);
  assert.deepEqual(few.truncated, ["nodes"]);
  const thin = await traverse(sourceOf(star), "hub", ["down"], wide({ edgesMax: 7 }));
  assert.equal(thin.edges.length, 7);
  assert.deepEqual(thin.truncated, ["edges"]);
  const late = await traverse(sourceOf(star), "hub", ["down"], wide({ until_ms: 0 }));
  assert.deepEqual(late.truncated, ["time"]);
});

test("a cycle ends, and its edges are all there", async () => {
  const ring: Raw[] = [
    ["a", "b"],
    ["b", "c"],
    ["c", "a"],
  ];
  const { nodes, edges, truncated } = await traverse(sourceOf(ring), "a", ["up", "down"], wide());
  assert.equal(nodes.length, 3);
  assert.equal(edges.length, 3);
  assert.deepEqual(truncated, []);
});

test("the events that prove one edge are gathered", async () => {
  const source: EdgeSource = {
    edges: async (records) => ({
      edges: records.includes("a") ? [edge(["a", "b"], ["e2"]), edge(["a", "b"], ["e1"])] : [],
      complete: true,
    }),
  };
  assert.deepEqual((await traverse(source, "a", ["down"], wide())).edges, [edge(["a", "b"], ["e1", "e2"])]);
});

const graph = fc
  .array(fc.tuple(fc.nat(11), fc.nat(11)), { maxLength: 40 })
  .map((pairs) => pairs.map(([from, to]): Raw => [`r${from}`, `r${to}`]));

/** Depth of each record by going over all raw edges again and again until nothing is added. */
function distances(raw: readonly Raw[], start: string, direction: Direction, depth: number): Map<string, number> {
  const found = new Map([[start, 0]]);
  for (let at = 1; at <= depth; at++) {
    for (const [from, to] of raw) {
      const [near, far] = direction === "up" ? [to, from] : [from, to];
      if (found.get(near) === at - 1 && !found.has(far)) found.set(far, at);
    }
  }
  return found;
}

test("traversal of any graph finds what a plain search over all edges finds", async () => {
  await fc.assert(
    fc.asyncProperty(graph, fc.integer({ min: 1, max: 6 }), fc.boolean(), async (raw, depth, both) => {
      const directions: Direction[] = both ? ["up", "down"] : ["up"];
      const { nodes, edges, truncated } = await traverse(sourceOf(raw), "r0", directions, wide({ depth }));
      const expected = new Map<string, number>();
      const expectedEdges = new Set<string>();
      let beyond = false;
      for (const direction of directions) {
        const reach = distances(raw, "r0", direction, depth);
        for (const [id, at] of reach) expected.set(id, Math.min(at, expected.get(id) ?? at));
        beyond ||= distances(raw, "r0", direction, depth + 1).size > reach.size;
        for (const [from, to] of raw) {
          if ((reach.get(direction === "up" ? to : from) ?? depth) < depth) expectedEdges.add(`${from} ${to}`);
        }
      }
      assert.deepEqual(idsByDepth(nodes), Object.fromEntries(expected));
      assert.deepEqual(new Set(edges.map(({ from, to }) => `${from} ${to}`)), expectedEdges);
      assert.deepEqual(truncated, beyond ? ["depth"] : []);
    }),
  );
});

test("a shortest path is as long as the distance, and each of its edges is one of the graph", async () => {
  await fc.assert(
    fc.asyncProperty(graph, fc.nat(11), async (raw, last) => {
      const to = `r${last}`;
      const { nodes, edges } = await shortestPath(sourceOf(raw), "r0", to, wide({ depth: 12 }));
      const distance = distances(raw, "r0", "down", 12).get(to);
      assert.equal(nodes.length, distance === undefined ? 0 : distance + 1);
      if (distance === undefined) return;
      assert.deepEqual([nodes[0], nodes.at(-1)], ["r0", to]);
      edges.forEach((one, i) => {
        assert.deepEqual([one.from, one.to], [nodes[i], nodes[i + 1]]);
        assert.ok(raw.some(([a, b]) => a === one.from && b === one.to));
      });
    }),
  );
});
