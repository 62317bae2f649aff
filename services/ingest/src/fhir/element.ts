/** Reading elements of a resource that may hold anything: each access names its FHIRPath when it refuses. */
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";
import { canonicalBytes, type Json } from "@medtrace/shared/model/canonical";
import type { Coding } from "@medtrace/shared/model/trace-event";

export type Element = Readonly<Record<string, unknown>>;

const DEFINED = "hl7.org/fhir/R4 has the definition of each resource";
const TEXT_CHARACTERS_MAX = 65_536;
/** A code, a code system, a resource type. */
export const CODE_CHARACTERS_MAX = 512;
/** Items of one list: agents, entities, targets, codings. */
const ITEMS_MAX = 10_000;

/**
 * The refusal of one element.
 *
 * @param message what is wrong, as said of the element: "is required".
 */
export function invalid(
  at: string,
  message: string,
  hint: string = DEFINED,
  code: ErrorCode = "INPUT_INVALID",
): MedtraceError {
  return new MedtraceError(code, `${at.slice(at.lastIndexOf(".") + 1)} ${message}`, { at, hint });
}

/** The refusal of an element that is over a limit. */
export function tooLarge(at: string, message: string, hint: string): MedtraceError {
  return invalid(at, message, hint, "INPUT_TOO_LARGE");
}

/** The value as a JSON object. @throws MedtraceError INPUT_INVALID */
export function element(value: unknown, at: string): Element {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(at, "must be a JSON object");
  return value as Element;
}

/** A member that is an object, or undefined where it is absent. */
export function child(parent: Element, name: string, at: string): Element | undefined {
  const value = parent[name];
  return value === undefined ? undefined : element(value, `${at}.${name}`);
}

/** A member that repeats: its objects; empty where it is absent. */
export function children(parent: Element, name: string, at: string): readonly Element[] {
  return list(parent, name, at).map((item, i) => element(item, `${at}.${name}[${i}]`));
}

/** A member that is a string, trimmed, or undefined where it is absent or blank. */
export function text(
  parent: Element,
  name: string,
  at: string,
  charactersMax: number = TEXT_CHARACTERS_MAX,
): string | undefined {
  const value = parent[name];
  return value === undefined ? undefined : textOf(value, `${at}.${name}`, charactersMax);
}

/** A member that repeats strings. */
export function texts(parent: Element, name: string, at: string): readonly string[] {
  return list(parent, name, at).flatMap((item, i) => textOf(item, `${at}.${name}[${i}]`, TEXT_CHARACTERS_MAX) ?? []);
}

/** The coding of a Coding element; undefined without a code. Its display is text and stays out of the clear part. */
export function coding(from: Element | undefined, at: string): Coding | undefined {
  if (from === undefined) return undefined;
  const code = text(from, "code", at, CODE_CHARACTERS_MAX);
  const system = text(from, "system", at, CODE_CHARACTERS_MAX);
  return code === undefined ? undefined : { ...(system === undefined ? {} : { system }), code };
}

/** Codings of a CodeableConcept. */
export function codings(concept: Element | undefined, at: string): readonly Coding[] {
  if (concept === undefined) return [];
  return children(concept, "coding", at).flatMap((one, i) => coding(one, `${at}.coding[${i}]`) ?? []);
}

/** Codings of a member that repeats CodeableConcepts. */
export function codingsOf(parent: Element, name: string, at: string): readonly Coding[] {
  return children(parent, name, at).flatMap((concept, i) => codings(concept, `${at}.${name}[${i}]`));
}

function list(parent: Element, name: string, at: string): readonly unknown[] {
  const value = parent[name];
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid(`${at}.${name}`, "must be a JSON array");
  if (value.length > ITEMS_MAX) {
    throw tooLarge(`${at}.${name}`, `has more than ${ITEMS_MAX} items`, "send what happened as several resources");
  }
  return value;
}

function textOf(value: unknown, at: string, charactersMax: number): string | undefined {
  if (typeof value !== "string") throw invalid(at, "must be a string");
  if (value.length > charactersMax) throw tooLarge(at, `is over ${charactersMax} characters`, "shorten it");
  if (!value.isWellFormed()) throw invalid(at, "holds half of a surrogate pair", "cut text between characters");
  return value.trim() || undefined;
}

/**
 * The canonical bytes of a whole resource, which its digest is over.
 *
 * @throws MedtraceError INPUT_MALFORMED where it has none: no text, nor a member's name, may hold half of a surrogate pair.
 */
export function canonicalOf(resource: Element, at: string): Uint8Array {
  try {
    return canonicalBytes(resource as Json);
  } catch (cause) {
    throw new MedtraceError("INPUT_MALFORMED", "the resource has no canonical form: half of a surrogate pair", {
      at: halfAt(resource, at) ?? at,
      hint: "cut text between characters",
      cause,
    });
  }
}

/** The first place that holds half of a surrogate pair; for a member's name, what it is a member of. */
function halfAt(value: unknown, at: string): string | undefined {
  if (typeof value === "string") return value.isWellFormed() ? undefined : at;
  if (typeof value !== "object" || value === null) return undefined;
  for (const [name, member] of Object.entries(value)) {
    if (!name.isWellFormed()) return at;
    const found = halfAt(member, Array.isArray(value) ? `${at}[${name}]` : `${at}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
