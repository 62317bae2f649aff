/** Patients that a message names, and what of them is sealed. */
import type { Identifier } from "@medtrace/shared/ports/vault";
import { IDENTIFIERS_MAX, SEALED_VALUE_LENGTH_MAX } from "../limits.ts";
import { components, rawField, repetitions, type Segment, subpart } from "../message.ts";
import { type Flags, type Hl7Context, universalUri } from "./context.ts";

export interface SealedIdentifier {
  readonly system: string;
  readonly value: string;
  readonly type?: string;
}

export interface Person {
  readonly identifiers: readonly Identifier[];
  /** The same, with their HL7 types (CX.5), for the sealed part. */
  readonly sealed: readonly SealedIdentifier[];
}

interface IdentifierField {
  readonly field: number;
  /** System where the value names no authority and no type: the same for PID and MRG, so that they meet. */
  readonly system: string;
}

const PID_FIELDS: readonly IdentifierField[] = [
  { field: 3, system: "PID-3" },
  { field: 2, system: "PID-2" },
  { field: 4, system: "PID-4" },
  { field: 18, system: "PID-18" },
  { field: 19, system: "SS" },
];
/** MRG-1, 2, 3 and 4 are the prior values of PID-3, 4, 18 and 2 (HL7 v2.9 section 3.4.10). */
const MRG_FIELDS: readonly IdentifierField[] = [
  { field: 1, system: "PID-3" },
  { field: 4, system: "PID-2" },
  { field: 2, system: "PID-4" },
  { field: 3, system: "PID-18" },
];
/** HL7 table 0203: numbers of accounts and visits, which their authority may also have given to a patient. */
const NOT_OF_A_PERSON = /^(?:AN|ANC|AND|ANON|ANT|VN|VNC|VND|VNT|VNON)$/;
/** What systems put where a number is wanted and none is known; it would make one person of many. */
const PLACEHOLDER = /^(?:0|([0-9xX])\1{5,}|unknown|none|null|n\/?a|unassigned|pending)$/i;

/** Value, check digit, its scheme, assigner and type of a CX. */
const CX_PARTS = 5;

const NOBODY: Person = { identifiers: [], sealed: [] };

export const personOfPid = (pid: Segment, flags: Flags, context: Hl7Context): Person =>
  personOf(pid, PID_FIELDS, flags, context);

export const personOfMrg = (mrg: Segment, flags: Flags, context: Hl7Context): Person =>
  personOf(mrg, MRG_FIELDS, flags, context);

/** The person that a query asks for, by the identifiers in one of its fields. */
export function personOfQuery(segment: Segment, field: number, flags: Flags, context: Hl7Context): Person {
  return personOf(segment, [{ field, system: "PID-3" }], flags, context);
}

function personOf(segment: Segment, fields: readonly IdentifierField[], flags: Flags, context: Hl7Context): Person {
  const identifiers: Identifier[] = [];
  const sealed: SealedIdentifier[] = [];
  for (const { field, system: fallback } of fields) {
    if (rawField(segment, field) === "") continue;
    for (const text of repetitions(segment, field)) {
      const parts = components(segment, text, CX_PARTS);
      const value = subpart(segment, parts[0]);
      if (value === "") continue;
      if (PLACEHOLDER.test(value)) {
        flags.add("hl7:placeholder-identifier");
        continue;
      }
      const type = subpart(segment, parts[4]).toUpperCase();
      const system = systemOf(segment, parts[3], type, fallback);
      if (value.length > SEALED_VALUE_LENGTH_MAX || system.length > SEALED_VALUE_LENGTH_MAX) {
        flags.add("hl7:identifiers-cut");
        continue;
      }
      if (identifiers.some((known) => known.system === system && known.value === value)) continue;
      if (identifiers.length === IDENTIFIERS_MAX) {
        flags.add("hl7:identifiers-cut");
        return { identifiers, sealed };
      }
      const shared = context.directory.isShared(system) || (type !== "" && context.directory.isShared(type));
      identifiers.push({ system, value, scope: shared ? "shared" : "local" });
      sealed.push({ system, value, ...(type === "" ? {} : { type }) });
    }
  }
  return identifiers.length === 0 ? NOBODY : { identifiers, sealed };
}

/** Assigning authority (CX.4: universal id, else namespace), else the type (CX.5), else what the field stands for. */
function systemOf(segment: Segment, assigner: string | undefined, type: string, fallback: string): string {
  const universal = subpart(segment, assigner, 2);
  const authority =
    universal === "" ? subpart(segment, assigner) : universalUri(universal, subpart(segment, assigner, 3));
  const system = authority || type || fallback;
  // An account number equal to somebody's patient number must not make the two one person.
  const account = NOT_OF_A_PERSON.test(type) || (fallback === "PID-18" && type === "");
  return account && authority !== "" ? `${system}#${type || "AN"}` : system;
}

/** The person without the identifiers that the other one has too; as it was where that would leave none. */
export function without(person: Person, other: Person): Person {
  const foreign = (own: { system: string; value: string }): boolean =>
    !other.identifiers.some((known) => known.system === own.system && known.value === own.value);
  const identifiers = person.identifiers.filter(foreign);
  if (identifiers.length === 0 || identifiers.length === person.identifiers.length) return person;
  return { identifiers, sealed: person.sealed.filter(foreign) };
}

/** True where every identifier of one is the other's: there is only one person. */
export function isSame(one: Person, other: Person): boolean {
  return one.identifiers.every((own) =>
    other.identifiers.some((known) => known.system === own.system && known.value === own.value),
  );
}
