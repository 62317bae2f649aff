/** The records that an event touched, by the rows of its rule. */
import type { RecordRole } from "@medtrace/shared/model/trace-event";
import type { DraftRecord } from "../../normalise/draft.ts";
import { holdWithin, RECORDS_MAX } from "../limits.ts";
import { field, repetitions } from "../message.ts";
import { labelOf } from "./agents.ts";
import { type Flags, type Hl7Context, recordId } from "./context.ts";
import type { Group } from "./groups.ts";
import type { Person } from "./people.ts";
import type { RecordRow, RoleByCode, Rule } from "./rule.ts";

/** The event's persons: those it is about, then the one of MRG. */
export interface Cast {
  readonly persons: readonly Person[];
  /** Place of MRG's person. */
  readonly prior: number | undefined;
}

export interface Records {
  readonly records: readonly DraftRecord[];
  readonly labels: Readonly<Record<string, string>>;
}

/** @throws MedtraceError INPUT_TOO_LARGE over RECORDS_MAX records, or for an id over ID_LENGTH_MAX. */
export function recordsOf(
  rule: Rule,
  groups: readonly Group[],
  cast: Cast,
  flags: Flags,
  context: Hl7Context,
): Records {
  const records = new Map<string, DraftRecord>();
  const labels: Record<string, string> = {};
  for (const row of rule.records) {
    if (typeof row.id === "string") {
      for (const person of placesOf(row.id, cast)) {
        const role = roleOf(row.role, groups[0]);
        records.set(`${person} ${role}`, { id: { person }, type: row.type, role });
      }
      continue;
    }
    for (const group of groups) addRecord(row, group, row === rule.records[0]);
    holdWithin(records.size, RECORDS_MAX, "records in a message", "MSH");
  }
  return { records: [...records.values()], labels };

  /** `main`: the row says what the message is about, so that a record without an id is missed. */
  function addRecord(row: RecordRow, group: Group, main: boolean): void {
    const found = typeof row.id === "string" ? undefined : group.find(row.id);
    if (found === undefined) {
      if (main) flags.add("hl7:no-record-id");
      return;
    }
    const at = `${found.segment.name}-${found.field}`;
    const [text = ""] = repetitions(found.segment, found.field);
    const id = recordId(found.segment, text, row.form ?? "EI", row.type, at, context);
    if (id === undefined) return;
    // A visit numbered like its patient would show the patient's number in clear.
    if (row.type === "Encounter" && isPatientNumber(field(found.segment, found.field), cast)) {
      flags.add("hl7:visit-numbered-as-patient");
      return;
    }
    const role = roleOf(row.role, group);
    records.set(`${id} ${role}`, { id, type: row.type, role });
    const named = row.label === undefined ? undefined : group.find(row.label);
    if (named === undefined) return;
    const label = labelOf(named.segment, named.field);
    if (label !== "") labels[id] ??= label;
  }
}

function placesOf(id: "patient" | "prior", { persons, prior }: Cast): number[] {
  if (id === "prior") return prior === undefined ? [] : [prior];
  return persons.map((_, place) => place).filter((place) => place !== prior);
}

function roleOf(role: RecordRole | RoleByCode, group: Group | undefined): RecordRole {
  if (typeof role === "string") return role;
  const found = group?.find(role.by);
  const code = found === undefined ? "" : field(found.segment, found.field).toUpperCase();
  return role.roles.get(code) ?? role.otherwise;
}

function isPatientNumber(value: string, { persons }: Cast): boolean {
  return persons.some((person) => person.identifiers.some((identifier) => identifier.value === value));
}
