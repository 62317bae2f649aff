/**
 * What a search means: each parameter as a criterion, without clear identifiers of patients, that can travel in the link
 * to the next page.
 */
import type { QueryContext } from "../context.ts";
import type { Viewer } from "../scope.ts";
import { type DateValue, dateValue } from "./date.ts";
import {
  agentByIdentifier,
  entityByIdentifier,
  type Named,
  namedByReference,
  patientByIdentifier,
  patientByReference,
} from "./names.ts";
import { cut, type Given, PARAMETERS } from "./parameters.ts";

/** A code, of a system or of any; `system` is empty where the coding must have none. */
export interface SearchedCode {
  readonly system?: string;
  /** Absent: any code of the system. */
  readonly code?: string;
}

/** What an event must be like; each holds by any of its alternatives. */
export type Criterion =
  | { readonly kind: "id"; readonly ids: readonly string[] }
  | { readonly kind: "date"; readonly values: readonly DateValue[] }
  | { readonly kind: "named"; readonly of: NamedKind; readonly any: readonly Named[] }
  | { readonly kind: "code"; readonly name: string; readonly not: boolean; readonly any: readonly SearchedCode[] }
  | { readonly kind: "text"; readonly name: string; readonly exact: boolean; readonly any: readonly string[] };

export type NamedKind = "patient" | "agent" | "entity" | "source";

/** Whether it can only be told from what is sealed. */
export function needsUnsealing({ kind }: Criterion): boolean {
  return kind === "text";
}

/**
 * The criteria of a search's parameters.
 *
 * @throws MedtraceError INPUT_INVALID naming a parameter whose value cannot be read.
 */
export async function criteriaOf(ctx: QueryContext, viewer: Viewer, given: readonly Given[]): Promise<Criterion[]> {
  const criteria: Criterion[] = [];
  for (const one of given) criteria.push(await criterionOf(ctx, viewer, one));
  return criteria;
}

async function criterionOf(ctx: QueryContext, viewer: Viewer, given: Given): Promise<Criterion> {
  const { name, modifier, values } = given;
  if (name === "_id") return { kind: "id", ids: values };
  if (name === "date") return { kind: "date", values: values.map((value) => dateValue(value, Date.now())) };
  const of = /^(patient|agent|entity|source)(?:\.identifier)?$/.exec(name)?.[1] as NamedKind | undefined;
  if (of !== undefined) {
    const any: Named[] = [];
    for (const value of values) any.push(await named(ctx, viewer, given, of, value));
    return { kind: "named", of, any };
  }
  if (PARAMETERS[name]?.type === "string") return { kind: "text", name, exact: modifier === "exact", any: values };
  return { kind: "code", name, not: modifier === "not", any: values.map(codeOf) };
}

const PLACE_OF = { patient: "record", agent: "Agent", entity: "record", source: "Device" } as const;

function named(ctx: QueryContext, viewer: Viewer, given: Given, of: NamedKind, value: string): Promise<Named> {
  const { name, modifier } = given;
  if (!name.endsWith(".identifier")) {
    return of === "patient"
      ? patientByReference(ctx, viewer, value)
      : namedByReference(ctx, viewer, value, modifier, PLACE_OF[of]);
  }
  const byIdentifier = {
    patient: patientByIdentifier,
    agent: agentByIdentifier,
    source: agentByIdentifier,
    entity: entityByIdentifier,
  }[of];
  return byIdentifier(ctx, viewer, name, value);
}

/** `code`, `system|code`, `|code` or `system|` (FHIR R4, 3.1.1.5.8 token). */
function codeOf(text: string): SearchedCode {
  const [first = "", second] = cut(text, "|");
  if (second === undefined) return { code: first };
  return { system: first, ...(second === "" ? {} : { code: second }) };
}
