/** Lineage and accesses of a record as text for a terminal. */
import { printable } from "../failure.ts";
import type { AccessesAnswer, Edge, LineageAnswer, ServedEvent } from "./answers.ts";

const ID_SHOWN = 12;
const NAME_CHARACTERS_MAX = 120;

/** @param direction which ways were asked for. */
export function traceText(lineage: LineageAnswer, accesses: AccessesAnswer, direction: "up" | "down" | "both"): string {
  const events = new Map(lineage.activities.map((event) => [event.id, event]));
  const lines = [shown(lineage.record)];
  if (direction !== "down") lines.push("", "Made from", ...branches(lineage, events, "up"));
  if (direction !== "up") lines.push("", "Became", ...branches(lineage, events, "down"));
  if (lineage.truncated.length > 0) lines.push("", `Cut short by a limit: ${lineage.truncated.join(", ")}`);
  lines.push("", "Accesses", ...accessLines(accesses));
  const { height, lag } = accesses;
  lines.push(
    "",
    `Checked against the ledger up to block ${height}${lag === 0 ? "" : `; ${lag} more are not projected yet`}`,
  );
  return `${lines.join("\n")}\n`;
}

/** A record that was shown before is named again, but not what hangs on it: lineage may join, and go in circles. */
function branches(lineage: LineageAnswer, events: ReadonlyMap<string, ServedEvent>, way: "up" | "down"): string[] {
  const near = (edge: Edge): string => (way === "up" ? edge.to : edge.from);
  const far = (edge: Edge): string => (way === "up" ? edge.from : edge.to);
  const edges = Map.groupBy(lineage.edges, near);
  const seen = new Set([lineage.record]);
  const lines: string[] = [];
  const hang = (record: string, indent: string): void => {
    const found = edges.get(record) ?? [];
    for (const [place, edge] of found.entries()) {
      const last = place === found.length - 1;
      const next = far(edge);
      const known = seen.has(next);
      seen.add(next);
      const again = known && edges.has(next) ? " (see above)" : "";
      lines.push(`${indent}${last ? "└─ " : "├─ "}${shown(next)}  ${edge.relation}${again}`);
      const below = `${indent}${last ? "   " : "│  "}`;
      for (const id of edge.events.slice(0, 1)) lines.push(`${below}   ${eventText(events.get(id), id)}`);
      if (!known) hang(next, below);
    }
  };
  hang(lineage.record, "  ");
  return lines.length === 0 ? ["  nothing that this institution may know of"] : lines;
}

function accessLines({ events, nextCursor, hiddenCount }: AccessesAnswer): string[] {
  const lines = events.map((event) =>
    event.state === "verified"
      ? `  ${eventText(event, event.id)}`
      : `  event ${event.id.slice(0, ID_SHOWN)} is NOT as the ledger has it; run medtrace fsck`,
  );
  if (nextCursor !== undefined) lines.push("  and older ones; --limit shows more");
  if (hiddenCount !== undefined && hiddenCount > 0)
    lines.push(`  and ${hiddenCount} that this institution may not read`);
  return lines.length === 0 ? ["  none"] : lines;
}

/** When, what, by whom, why, and what of it is worth a second look. */
function eventText(event: ServedEvent | undefined, id: string): string {
  if (event === undefined) return `event ${id.slice(0, ID_SHOWN)}`;
  const { occurred, recorded, activity, source, purposes, recipients } = event;
  const words = [
    occurred?.start.given ?? recorded.given,
    activity.kind,
    `by ${whoOf(event)}`,
    ...(purposes.length === 0 ? [] : [`for ${purposes.map(({ code }) => shown(code)).join(", ")}`]),
    ...(recipients.length === 0 ? [] : [`to ${recipients.map(shown).join(", ")}`]),
    ...(event.breakGlass ? ["BREAK-GLASS"] : []),
    ...(event.outcome === "success" ? [] : [event.outcome]),
    `[${shown(source.type)}, event ${id.slice(0, ID_SHOWN)}]`,
  ];
  return words.join("  ");
}

/** The agent that asked for it, else the first person, else the first of all. */
function whoOf({ agents, institution }: ServedEvent): string {
  const who = agents.find(({ requestor }) => requestor) ?? agents.find(({ kind }) => kind === "person") ?? agents[0];
  return shown(who?.id ?? institution);
}

/** Ids come from outside: invisible and control characters are spelt out, so that none can steer a terminal. */
function shown(text: string): string {
  const visible = printable(text);
  return visible.length <= NAME_CHARACTERS_MAX ? visible : `${visible.slice(0, NAME_CHARACTERS_MAX)}…`;
}
