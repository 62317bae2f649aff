/** FHIR References: what they point to, as record, agent or patient (FHIR R4, 2.3.0 References). */
import type { Identifier } from "@medtrace/shared/ports/vault";
import type { DraftPerson, MappingContext } from "../normalise/draft.ts";
import { child, type Element, text } from "./element.ts";

const ABSOLUTE = /^[a-z][a-z0-9+.-]*:/i;
const RELATIVE = /^([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/([A-Za-z0-9\-.]{1,64}))?$/;
const ABSOLUTE_TAIL = /^(.*\/([A-Z][A-Za-z]{1,63})\/[A-Za-z0-9\-.]{1,64})(?:\/_history\/([A-Za-z0-9\-.]{1,64}))?$/;
const SUBJECT_URN = /^urn:medtrace:subject:([A-Za-z0-9_-]{22})$/;
const ID_CHARACTERS_MAX = 1_024;

/** What a reference points to, without its version. */
export interface Target {
  /** Absolute URL or `urn:`, else `{institution}/{Type}/{id}`. */
  readonly id: string;
  /** Resource type, where the reference says it. */
  readonly type: string | undefined;
  readonly version: string | undefined;
  /** `{Type}/{id}` as it was given, where it was relative. */
  readonly relative: string | undefined;
}

export interface ReferenceReader {
  /** The target of a literal reference; undefined where there is none. */
  target(reference: Element | undefined, at: string): Target | undefined;
  /** The patient that a reference points to, undefined where it points to something else. */
  patient(reference: Element | undefined, at: string): DraftPerson | undefined;
  /** The identifier of a logical reference, as an id: `{institution}/{type}/{system|value}`. */
  logicalId(reference: Element | undefined, type: string, at: string): string | undefined;
}

/**
 * Reads references as one institution means them.
 *
 * @param resolve what `urn:uuid:` references of a Bundle stand for; undefined where it is not one of the Bundle.
 */
export function referenceReader(
  context: MappingContext,
  resolve: (fullUrl: string) => string | undefined = () => undefined,
): ReferenceReader {
  const target: ReferenceReader["target"] = (reference, at) => {
    const given = reference === undefined ? undefined : text(reference, "reference", at);
    // A fragment points into the resource itself, to nothing that could be traced.
    if (given === undefined || given.startsWith("#") || given.length > ID_CHARACTERS_MAX) return undefined;
    const literal = resolve(given) ?? given;
    const type = reference === undefined ? undefined : text(reference, "type", at);
    const relative = RELATIVE.exec(literal);
    if (relative !== null) {
      const [, named, id, version] = relative;
      return { id: `${context.institution}/${named}/${id}`, type: named, version, relative: `${named}/${id}` };
    }
    if (!ABSOLUTE.test(literal)) {
      return {
        id: `${context.institution}/${type ?? "Resource"}/${encodeURIComponent(literal)}`,
        type,
        version: undefined,
        relative: undefined,
      };
    }
    const tail = ABSOLUTE_TAIL.exec(literal);
    return { id: tail?.[1] ?? literal, type: tail?.[2] ?? type, version: tail?.[3], relative: undefined };
  };

  const logical = (reference: Element | undefined, at: string): Identifier | undefined => {
    const identifier = reference === undefined ? undefined : child(reference, "identifier", at);
    const value = identifier === undefined ? undefined : text(identifier, "value", `${at}.identifier`);
    if (identifier === undefined || value === undefined) return undefined;
    const system = text(identifier, "system", `${at}.identifier`) ?? "identifier";
    return { system, value, scope: context.directory.isShared(system) ? "shared" : "local" };
  };

  return {
    target,
    patient(reference, at) {
      if (reference === undefined) return undefined;
      const found = target(reference, at);
      const token = found === undefined ? undefined : SUBJECT_URN.exec(found.id)?.[1];
      if (token !== undefined) return { identifiers: [], token };
      const type = found?.type ?? text(reference, "type", at);
      if (type !== "Patient") return undefined;
      const identifiers = [
        ...(found === undefined ? [] : [patientIdentifier(found)]),
        ...[logical(reference, at)].filter((one) => one !== undefined),
      ];
      return identifiers.length === 0 ? undefined : { identifiers };
    },
    logicalId(reference, type, at) {
      const identifier = logical(reference, at);
      if (identifier === undefined) return undefined;
      return `${context.institution}/${type}/${encodeURIComponent(`${identifier.system}|${identifier.value}`)}`;
    },
  };
}

/**
 * The identifier that a literal reference to a Patient is: a relative one is the institution's own, an absolute URL
 * means the same patient to everyone.
 */
export function patientIdentifier(target: Pick<Target, "id" | "relative">): Identifier {
  return target.relative === undefined
    ? { system: "urn:ietf:rfc:3986", value: target.id, scope: "shared" }
    : { system: "Patient", value: target.relative.slice("Patient/".length), scope: "local" };
}
