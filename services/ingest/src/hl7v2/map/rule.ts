/** The shape of the mapping table's rows, and the words they are written in. */
import type { ActivityKind, RecordRole } from "@medtrace/shared/model/trace-event";
import type { IdentifierForm } from "./context.ts";

/** A field by its HL7 name, such as `OBR-3`. */
export interface Path {
  readonly segment: string;
  readonly field: number;
}

/** A role that the message itself decides: by the code in the first of `by` that has a value. */
export interface RoleByCode {
  readonly by: readonly Path[];
  readonly roles: ReadonlyMap<string, RecordRole>;
  readonly otherwise: RecordRole;
}

export interface RecordRow {
  readonly type: string;
  /**
   * Where the record's id stands: fields, of which the first that has a value counts; `patient`: the Patient record
   * of every person the event is about; `prior`: that of the person in MRG.
   */
  readonly id: readonly Path[] | "patient" | "prior";
  readonly role: RecordRole | RoleByCode;
  /** Data type of the id's fields; EI where it is left out, which a plain value is read as too. */
  readonly form?: IdentifierForm;
  /** Fields, of which the first that has a value names the record for people; kept sealed. */
  readonly label?: readonly Path[];
}

export interface Rule {
  /** `ADT^A01`, several parted by blanks; a type alone stands for its events that have no row. */
  readonly on: string;
  /** What the messages say, in a few words. */
  readonly what: string;
  readonly kind: ActivityKind;
  readonly records: readonly RecordRow[];
  /**
   * Segments that open a repeating group, outermost first: the records of each group are read for themselves.
   * `ORC OBR`: an ORC opens a group, and an OBR does where the group has one already.
   */
  readonly groups?: readonly string[];
  /**
   * Whom one event is about. By default each PID, with what follows it, makes an event of its own. `prior`: each pair
   * of PID and MRG does. `all`: one event is about every PID of the message. A path: the identifier of a query.
   */
  readonly people?: "prior" | "all" | Path;
  /** The message says that the people are one person. */
  readonly joins?: true;
  /** The message discloses what it holds to MSH-5/6. */
  readonly disclosed?: true;
  /** When it was done, where EVN-6 does not say: per group the first that has a value. */
  readonly occurred?: readonly Path[];
}

const PATH = /^([A-Z][A-Z0-9]{2})-(\d{1,3})$/;

/** Paths of `OBR-3 ORC-3`; a wrong one is a fault of the table, found when it is loaded. */
export function paths(text: string): readonly Path[] {
  return text.split(" ").map((name) => {
    const [, segment, field] = PATH.exec(name) ?? [];
    if (segment === undefined) throw new TypeError(`not a field: ${name}`);
    return { segment, field: Number(field) };
  });
}

export const patient = (role: RecordRole): RecordRow => ({ type: "Patient", id: "patient", role });
export const prior = (role: RecordRole): RecordRow => ({ type: "Patient", id: "prior", role });
/** A visit (PV1-19, MRG-5) or an account (PID-18, MRG-3), whose numbers are of type CX. */
export const numbered = (type: "Encounter" | "Account", id: string, role: RecordRole): RecordRow => ({
  type,
  id: paths(id),
  role,
  form: "CX",
});
export const visit = (role: RecordRole): RecordRow => numbered("Encounter", "PV1-19", role);

/** A record by the first of these fields that has a value. */
export function record(type: string, id: string, role: RecordRole | RoleByCode, label?: string): RecordRow {
  return { type, id: paths(id), role, ...(label === undefined ? {} : { label: paths(label) }) };
}

/** Roles by code: `byCode("ORC-1", { generated: "NW CH", invalidated: "CA" }, "used")`. */
export function byCode(
  by: string,
  codes: Readonly<Partial<Record<RecordRole, string>>>,
  otherwise: RecordRole,
): RoleByCode {
  const roles = Object.entries(codes).flatMap(([role, list]) =>
    list.split(" ").map((code): [string, RecordRole] => [code, role as RecordRole]),
  );
  return { by: paths(by), roles: new Map(roles), otherwise };
}
