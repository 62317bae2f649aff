/** What of a message identifies a person and is kept for its own institution only, bounded. */
import type { SealedContent } from "@medtrace/shared/model/trace-event";
import { cut, SEALED_VALUE_LENGTH_MAX, SEALED_VALUES_MAX, TEXT_LENGTH_MAX } from "../limits.ts";
import { field, rawField, repetitions, type Segment, spoken } from "../message.ts";
import type { Person } from "./people.ts";

/** Names of a patient, also the prior ones. */
const NAMES: Fields = { PID: [5, 9], MRG: [7] };
/** Home address, then the phones at home and at work. */
const ADDRESSES: Fields = { PID: [11, 13, 14], MRG: [] };
/** Observation types (OBX-2, HL7 table 0125) whose value is text that somebody wrote. */
const TEXT_TYPES: ReadonlySet<string> = new Set(["FT", "TX"]);

type Sealed = { -readonly [Member in keyof SealedContent]: SealedContent[Member] };
type Fields = Readonly<Record<"PID" | "MRG", readonly number[]>>;

/**
 * @param segments those that the event is about.
 * @param labels names of agents and records, by id.
 * @param remarks further texts, such as staff named without an id.
 */
export function sealedOf(
  segments: readonly Segment[],
  people: readonly Person[],
  labels: Readonly<Record<string, string>>,
  remarks: readonly string[],
): SealedContent {
  const identifiers = people.flatMap((person) => person.sealed);
  const patients = segments.filter(({ name }) => name === "PID" || name === "MRG");
  const names = valuesOf(patients, NAMES);
  const addresses = valuesOf(patients, ADDRESSES);
  const birthDate = birthDateOf(patients);
  const text = textsOf(segments, remarks);
  const sealed: Sealed = {};
  if (identifiers.length > 0) sealed.identifiers = identifiers;
  if (names.length > 0) sealed.names = names;
  if (birthDate !== undefined) sealed.birthDate = cut(birthDate, SEALED_VALUE_LENGTH_MAX);
  if (addresses.length > 0) sealed.addresses = addresses;
  if (text.length > 0) sealed.text = text;
  if (Object.keys(labels).length > 0) sealed.labels = labels;
  return sealed;
}

function birthDateOf(patients: readonly Segment[]): string | undefined {
  for (const segment of patients) {
    const text = segment.name === "PID" ? field(segment, 7) : "";
    if (text !== "") return text;
  }
  return undefined;
}

function valuesOf(patients: readonly Segment[], fields: Fields): string[] {
  const values: string[] = [];
  for (const segment of patients) {
    for (const n of fields[segment.name as "PID" | "MRG"]) {
      if (rawField(segment, n) === "") continue;
      for (const repetition of repetitions(segment, n)) {
        if (values.length >= SEALED_VALUES_MAX) return values;
        const value = spoken(segment, cut(repetition, SEALED_VALUE_LENGTH_MAX));
        if (value !== "" && !values.includes(value)) values.push(value);
      }
    }
  }
  return values;
}

/**
 * Notes (NTE-3), written observations (OBX-5), and Z segments as they came, since what they mean is known to their
 * systems alone: as many characters of all of them as TEXT_LENGTH_MAX.
 */
function textsOf(segments: readonly Segment[], remarks: readonly string[]): string[] {
  const texts: string[] = [];
  let left = TEXT_LENGTH_MAX;
  const add = (text: string): void => {
    if (text === "") return;
    texts.push(cut(text, left));
    left -= text.length;
  };
  for (const remark of remarks) if (left > 0) add(remark);
  for (const segment of segments) {
    if (left <= 0) break;
    const { name } = segment;
    if (name === "NTE") addField(segment, 3);
    else if (name === "OBX") {
      if (TEXT_TYPES.has(field(segment, 2))) addField(segment, 5);
    } else if (name.startsWith("Z")) add(segment.text);
  }
  return texts;

  function addField(segment: Segment, n: number): void {
    add(spoken(segment, cut(rawField(segment, n), TEXT_LENGTH_MAX)));
  }
}
