/** Reading elements of a resource that may hold anything: each access names its FHIRPath when it refuses. */
import { MedtraceError } from "@medtrace/shared/errors";
import { canonicalBytes, type Json } from "@medtrace/shared/model/canonical";
import type { Coding } from "@medtrace/shared/model/trace-event";

export type Element = Readonly<Record<string, unknown>>;

const DEFINED = "hl7.org/fhir/R4 has the definition of each resource";

/** @throws MedtraceError INPUT_INVALID naming the FHIRPath. */
export function invalid(at: string, message: string, hint?: string): MedtraceError {
  return new MedtraceError("INPUT_INVALID", message, { at, ...(hint === undefined ? {} : { hint }) });
}

/**
 * The canonical bytes of a resource (RFC 8785): what its digest is taken of.
 *
 * @throws MedtraceError INPUT_MALFORMED where it has none: half of a surrogate pair somewhere.
 */
export function rawOf(resource: Element, type: string): Uint8Array {
  try {
    return canonicalBytes(resource as Json);
  } catch (cause) {
    throw new MedtraceError("INPUT_MALFORMED", "the resource has no canonical form", {
      at: type,
      hint: "look for half surrogate pairs and nesting",
      cause,
    });
  }
}

/** The value as a JSON object. @throws MedtraceError INPUT_INVALID */
export function element(value: unknown, at: string): Element {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(at, "must be a JSON object", DEFINED);
  return value as Element;
}

/** A member that is an object, or undefined where it is absent. */
export function child(parent: Element, name: string, at: string): Element | undefined {
  const value = parent[name];
  return value === undefined ? undefined : element(value, `${at}.${name}`);
}

/** A member that repeats: its objects; empty where it is absent. */
export function children(parent: Element, name: string, at: string): readonly Element[] {
  const value = parent[name];
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid(`${at}.${name}`, "must be a JSON array", DEFINED);
  return value.map((item, i) => element(item, `${at}.${name}[${i}]`));
}

const TEXT_CHARACTERS_MAX = 65_536;

/** A member that is a string, trimmed, or undefined where it is absent or blank. */
export function text(parent: Element, name: string, at: string): string | undefined {
  const value = parent[name];
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw invalid(`${at}.${name}`, "must be a string", DEFINED);
  if (value.length > TEXT_CHARACTERS_MAX)
    throw invalid(`${at}.${name}`, `is over ${TEXT_CHARACTERS_MAX} characters`, "shorten it");
  if (!value.isWellFormed())
    throw invalid(`${at}.${name}`, "holds half of a surrogate pair", "cut text between characters");
  return value.trim() || undefined;
}

/** A member that repeats strings. */
export function texts(parent: Element, name: string, at: string): readonly string[] {
  const value = parent[name];
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid(`${at}.${name}`, "must be a JSON array", DEFINED);
  return value.flatMap((_, i) => text({ item: value[i] }, "item", `${at}.${name}[${i}]`) ?? []);
}

/** The coding of a Coding element; undefined without a code. Its display is text and stays out of the clear part. */
export function coding(from: Element | undefined, at: string): Coding | undefined {
  if (from === undefined) return undefined;
  const code = text(from, "code", at);
  const system = text(from, "system", at);
  return code === undefined ? undefined : { ...(system === undefined ? {} : { system }), code };
}

/** Codings of CodeableConcepts. */
export function codings(concepts: readonly Element[], at: string): readonly Coding[] {
  return concepts.flatMap((concept) => children(concept, "coding", at).flatMap((one) => coding(one, at) ?? []));
}
