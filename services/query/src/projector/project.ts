/** From a trace event's bytes to what the projection keeps of it; pure. */
import { derivationFault, INDEX_ENTRIES_MAX } from "@medtrace/shared/model/event-limits";
import { feedId } from "@medtrace/shared/model/feed-statement";
import type { RecordRole, TraceEvent } from "@medtrace/shared/model/trace-event";
import { requestRecordId, subjectRecordId } from "@medtrace/shared/model/trace-event";
import type { Derivation, Facet, ProjectedEvent } from "@medtrace/shared/ports/projection";
import { readTraceEvent, ShapeFault } from "./shape.ts";

/** What every feed statement is found by, beside its own feed. */
export const EVERY_SYSTEM = "*";

/** A trace event and what it is found by. */
export interface Projected {
  readonly event: TraceEvent;
  readonly projected: ProjectedEvent;
}

/** Bytes that are no trace event, and why, without anything of what they hold. */
export interface Unreadable {
  readonly fault: string;
}

/** What stands in the log at this place; `index` is the leaf's place in its batch. */
export function read(bytes: Uint8Array, index: number, offset: number): Projected | Unreadable {
  try {
    const event = readTraceEvent(bytes);
    return { event, projected: projectedEvent(event, bytes, index, offset) };
  } catch (error) {
    if (error instanceof ShapeFault) return { fault: error.message };
    throw error;
  }
}

/** As {@link read}, for those who need no reason: undefined where the bytes are no trace event. */
export function project(bytes: Uint8Array, index: number, offset: number): Projected | undefined {
  const found = read(bytes, index, offset);
  return "fault" in found ? undefined : found;
}

function projectedEvent(event: TraceEvent, bytes: Uint8Array, index: number, offset: number): ProjectedEvent {
  const facets = facetsOf(event);
  const recipients = [...new Set(event.recipients)];
  const at = event.occurred?.start.utc ?? event.recorded.utc;
  if (new Date(at).toISOString() !== at) throw new ShapeFault("its time is not a day of the calendar");
  if (facets.length * (1 + recipients.length) > INDEX_ENTRIES_MAX) {
    throw new ShapeFault(`records, agents and subjects by recipients are over ${INDEX_ENTRIES_MAX}`);
  }
  return {
    id: event.id,
    index,
    offset,
    bytes,
    institution: event.institution,
    recipients,
    at,
    facets,
    derivations: derivationsOf(event),
    joins: joinsOf(event),
  };
}

/**
 * An agent is also whoever another acted for: what was done on one's behalf is one's own responsibility. A request is
 * found as a record is: its client and its server each name it.
 */
function facetsOf({ institution, records, agents, subjects, recipients, correlation, feed }: TraceEvent): Facet[] {
  const facets: Facet[] = [];
  const add = (kind: Facet["kind"], values: Iterable<string>): void => {
    for (const value of new Set(values)) facets.push({ kind, value });
  };
  const ids = records.map(({ id }) => id);
  add("record", correlation === undefined ? ids : [...ids, requestRecordId(correlation)]);
  add(
    "agent",
    agents.flatMap(({ id, onBehalfOf }) => (onBehalfOf === undefined ? [id] : [id, onBehalfOf])),
  );
  add("subject", subjects);
  add("recipient", recipients);
  if (feed !== undefined) add("system", [EVERY_SYSTEM, feedId(institution, feed)]);
  return facets;
}

/** PROV relation that what was made has to a record of this role. */
const RELATIONS: Partial<Record<RecordRole, Derivation["relation"]>> = {
  source: "wasDerivedFrom",
  revision: "wasRevisionOf",
  quotation: "wasQuotedFrom",
};

const SUBJECT_RECORD = subjectRecordId("");

/**
 * Every record made (generated, revised) from every record it was made of. A merge makes the surviving record from
 * the one it invalidates. What failed made nothing. Subjects are people, not copies: they are joined, never derived.
 */
function derivationsOf({ records, outcome, activity }: TraceEvent): Derivation[] {
  if (outcome !== "success") return [];
  const relationTo = (role: RecordRole): Derivation["relation"] | undefined =>
    activity.kind === "merge" && role === "invalidated" ? "wasDerivedFrom" : RELATIONS[role];
  const sources = records.filter(({ id, role }) => relationTo(role) !== undefined && !id.startsWith(SUBJECT_RECORD));
  if (sources.length === 0) return [];
  const made = records.filter(
    ({ id, role }) => (role === "generated" || role === "revised") && !id.startsWith(SUBJECT_RECORD),
  );
  const fault = derivationFault(sources, made);
  if (fault !== undefined) throw new ShapeFault(fault);
  const found = new Map<string, Derivation>();
  for (const source of sources) {
    const relation = relationTo(source.role) as Derivation["relation"];
    for (const { id: to } of made) {
      if (to !== source.id) found.set(JSON.stringify([source.id, to, relation]), { from: source.id, to, relation });
    }
  }
  return [...found.values()];
}

function joinsOf({ joins }: TraceEvent): (readonly [string, string])[] {
  const found = new Map<string, readonly [string, string]>();
  for (const [a, b] of joins) {
    if (a === b) continue;
    const pair = a < b ? ([a, b] as const) : ([b, a] as const);
    found.set(JSON.stringify(pair), pair);
  }
  return [...found.values()];
}
