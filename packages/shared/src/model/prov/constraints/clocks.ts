/**
 * Clock order: an event that must not come after another, and has the later time. PROV-CONSTRAINTS leaves times out of its
 * order, as clocks may differ (section 2.2); what they contradict is told beside its verdict.
 */
import type { EventGraph } from "./events.ts";
import type { Report } from "./violations.ts";

interface Latest {
  readonly time_ms: number;
  readonly node: number;
}

/** Reports each event that is earlier, by its time, than the latest one that must come before it or at the same time. */
export function checkClocks({ nodes, edges }: EventGraph, components: readonly number[], report: Report): void {
  const times = nodes.map(({ time }) => timeOf(time));
  const members: number[][] = [];
  components.forEach((component, node) => {
    members[component] ??= [];
    members[component].push(node);
  });
  const before: (Latest | undefined)[] = [];
  for (let component = members.length - 1; component >= 0; component--) {
    const own = members[component] ?? [];
    const latest = own.reduce((found, node) => later(found, times[node], node), before[component]);
    if (latest === undefined) continue;
    for (const node of own) {
      const time = times[node];
      if (time !== undefined && time < latest.time_ms) tell(nodes, latest.node, node, report);
      for (const { to } of edges[node] ?? []) {
        const next = components[to] ?? 0;
        if (next !== component) before[next] = later(before[next], latest.time_ms, latest.node);
      }
    }
  }
}

function later(found: Latest | undefined, time_ms: number | undefined, node: number): Latest | undefined {
  if (time_ms === undefined) return found;
  return found === undefined || time_ms > found.time_ms ? { time_ms, node } : found;
}

/** Milliseconds; undefined where the text is no instant. */
function timeOf(time: string | undefined): number | undefined {
  return time !== undefined && /^-?\d+(\.\d+)?$/.test(time) ? Number(time) : undefined;
}

function tell(nodes: EventGraph["nodes"], first: number, second: number, report: Report): void {
  const [one, other] = [nodes[first], nodes[second]];
  if (one === undefined || other === undefined) return;
  const detail = `the ${one.kind} of ${text(one.time)} must not come after the ${other.kind} of ${text(other.time)}`;
  report("clock-order", [...one.names, ...other.names], detail);
}

function text(time: string | undefined): string {
  const time_ms = timeOf(time);
  return time_ms === undefined ? "an unknown time" : new Date(time_ms).toISOString();
}
