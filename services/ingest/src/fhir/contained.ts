/** Contained resources (FHIR R4, 2.22.4): what `#id` references point to, and nobody else can. */
import { children, type Element } from "./element.ts";

/** Contained resources by their id. */
export type Contained = ReadonlyMap<string, Element>;

const NONE: Contained = new Map();

/** @throws MedtraceError INPUT_INVALID where `contained` is no list of objects. */
export function contained(resource: Element, at: string): Contained {
  if (resource["contained"] === undefined) return NONE;
  const found = new Map<string, Element>();
  for (const inner of children(resource, "contained", at)) {
    if (typeof inner["id"] === "string") found.set(inner["id"], inner);
  }
  return found;
}

/** What a contained resource is. */
export function resourceTypeOf(inner: Element): string | undefined {
  return typeof inner["resourceType"] === "string" ? inner["resourceType"] : undefined;
}

/** The identifiers of a contained resource, each with its FHIRPath. */
export function containedIdentifiers(inner: Element | undefined, at: string): (readonly [Element, string])[] {
  if (inner === undefined || !Array.isArray(inner["identifier"])) return [];
  return children(inner, "identifier", at).map((one, i) => [one, `${at}.identifier[${i}]`] as const);
}
