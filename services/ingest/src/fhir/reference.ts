/** FHIR References: what they point to, as record, agent or patient (FHIR R4, 2.3.0 References). */
import type { Identifier } from "@medtrace/shared/ports/vault";
import type { DraftPerson, MappingContext } from "../normalise/draft.ts";
import { knownInstitution } from "../normalise/institutions.ts";
import { type Contained, containedIdentifiers, resourceTypeOf } from "./contained.ts";
import { CODE_CHARACTERS_MAX, child, type Element, text } from "./element.ts";
import { idWithin } from "./limits.ts";

/** As most references are; the rest is looked at more closely. */
const RELATIVE = /^([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/([A-Za-z0-9\-.]{1,64}))?$/;
const HTTP = /^https?:/i;
const OTHER_SCHEME = /^(?!https?:)[a-z][a-z0-9+.-]*:/i;
/** `[base/]{Type}/{id}[/_history/{version}]`; an id of more than FHIR's characters is an id all the same. */
const LITERAL = /^(?:(.*)\/)?([A-Z][A-Za-z]{1,63})\/([^/]+?)(?:\/_history\/([^/]{1,64}))?\/?$/;
/** The patient's own resource, whatever follows it: an operation, a search in the patient's compartment. */
const OF_PATIENT = /^(?:(.*)\/)?Patient\/([^/]+)/i;
const COMPARTMENT = /\/Patient\/[^/]+/gi;
/** A search in the place of an id: a conditional reference (FHIR R4, 3.1.0.11.1), or a URL that was called. */
const SEARCH = /^(?:.*\/)?([A-Z][A-Za-z]{1,63})(?:\/_search)?\/?$/;
/** Parameters, of any URL, that may say who somebody is. */
const PERSONAL =
  /(?:^|[&;])[^=&;]*(?:patient|subject|person|name|identifier|birth|mrn|mail|phone|address)[^=&;]*=|Patient\//i;
const SUBJECT_URN = /^urn:medtrace:subject:([A-Za-z0-9_-]{22})$/;

const URN = /^urn:/i;
const URI_SYSTEM = "urn:ietf:rfc:3986";
/** Stands in for the system of an identifier that has none. */
const NO_SYSTEM = "identifier";

const REFERENCE_CHARACTERS_MAX = 2_048;
const IDENTIFIER_CHARACTERS_MAX = 512;
const TYPE_CHARACTERS_MAX = 128;

/** What a reference points to. Where that is a patient, `patient` is all there is. */
export interface Pointed {
  readonly patient?: DraftPerson;
  /** Resource type, where the reference says it. */
  readonly type?: string | undefined;
  /** Absolute URL or `urn:`, else `{institution}/{Type}/{id}`; of an identifier that is no URI `{institution}/{Type}/{system|value}`. */
  readonly id?: string;
  readonly version?: string | undefined;
  /** Names that a directory of institutions may have for it, likeliest first. */
  readonly names?: readonly string[];
  /** A search that stands in the place of an id, and may say who somebody is. */
  readonly search?: string;
}

export interface ReadOptions {
  /** Type in the id of what is only named by an identifier. */
  readonly type: string;
  /** Whether its surroundings say that it is a patient: an identifier alone does not. */
  readonly isPatient?: boolean;
}

export interface ReferenceReader {
  /** @throws MedtraceError INPUT_INVALID or INPUT_TOO_LARGE at the FHIRPath of what cannot be read. */
  read(reference: Element | undefined, at: string, options: ReadOptions): Pointed;
  /** The institution that the directory knows it as, where it is, or may be, an Organization. */
  institution(pointed: Pointed, isInstitution?: boolean, display?: string): string | undefined;
}

export interface Surroundings {
  /** What `urn:uuid:` references of a Bundle stand for; undefined where it is not one of the Bundle. */
  readonly resolve?: ((fullUrl: string) => string | undefined) | undefined;
  /** The resources that `#id` references point to. */
  readonly contained?: Contained;
}

/** Reads references as one institution means them. */
export function referenceReader(context: MappingContext, surroundings: Surroundings = {}): ReferenceReader {
  const { resolve = () => undefined, contained } = surroundings;
  const own = (type: string, id: string): string => `${context.institution}/${type}/${encodeURIComponent(id)}`;
  const scoped = (system: string, value: string): Identifier => ({
    system,
    value,
    scope: context.directory.isShared(system) ? "shared" : "local",
  });

  const identifierOf = (identifier: Element | undefined, at: string): Identifier | undefined => {
    if (identifier === undefined) return undefined;
    const value = text(identifier, "value", at, IDENTIFIER_CHARACTERS_MAX);
    const system = text(identifier, "system", at, CODE_CHARACTERS_MAX);
    return value === undefined ? undefined : scoped(system ?? NO_SYSTEM, value);
  };

  return {
    read(reference, at, options) {
      if (reference === undefined) return {};
      const given = text(reference, "reference", at, REFERENCE_CHARACTERS_MAX);
      const inner = given?.startsWith("#") ? contained?.get(given.slice(1)) : undefined;
      const said = inner === undefined ? text(reference, "type", at, TYPE_CHARACTERS_MAX) : resourceTypeOf(inner);
      const identifiers = [
        identifierOf(child(reference, "identifier", at), `${at}.identifier`),
        ...containedIdentifiers(inner, `${at}.resolve()`).map(([one, where]) => identifierOf(one, where)),
      ].filter((identifier) => identifier !== undefined);
      // A fragment points into the resource itself, where only an identifier could be traced.
      const outer = given === undefined || given.startsWith("#") ? undefined : (resolve(given) ?? given);
      const literal = outer === undefined ? { type: said } : pointedBy(outer, said, own, scoped);
      const pointed = joined(literal, outer, identifiers, options, own);
      if (pointed.id !== undefined) idWithin(pointed.id, at);
      return pointed;
    },
    institution({ type, names = [] }, isInstitution = false, display) {
      if (type !== "Organization" && type !== undefined) return undefined;
      const is = isInstitution || type === "Organization";
      for (const name of is && display !== undefined ? [...names, display] : names) {
        // A short code may be anyone's number; it names an institution where one is named.
        const known = is || /[|:]/.test(name) ? knownInstitution(name, context) : undefined;
        if (known !== undefined) return known;
      }
      return undefined;
    },
  };
}

/** What a literal reference and the identifiers beside it point to together. */
function joined(
  literal: Pointed,
  given: string | undefined,
  identifiers: readonly Identifier[],
  { type: fallback, isPatient = false }: ReadOptions,
  own: Own,
): Pointed {
  if (literal.patient !== undefined || isPatientType(literal.type) || (isPatient && literal.type === undefined)) {
    const known = literal.patient ?? {
      identifiers: given === undefined || literal.search !== undefined ? [] : [opaque(given)],
    };
    const all = [...known.identifiers, ...identifiers];
    return known.token === undefined && all.length === 0 ? literal : { patient: { ...known, identifiers: all } };
  }
  const [first] = identifiers;
  if (first === undefined) return literal;
  const names = identifiers.flatMap(({ system, value }) => [`${system}|${value}`, value]);
  const id = literal.id ?? uriOf(first) ?? own(literal.type ?? fallback, `${first.system}|${first.value}`);
  return { ...literal, id, names: [...(literal.names ?? []), ...names] };
}

/** An identifier that is a URI is known to all by it: its system says so, or a `urn:` stands there without one. */
function uriOf({ system, value }: Identifier): string | undefined {
  const isUri =
    system === URI_SYSTEM ? HTTP.test(value) || OTHER_SCHEME.test(value) : system === NO_SYSTEM && URN.test(value);
  return isUri ? value : undefined;
}

type Own = (type: string, id: string) => string;
type Scoped = (system: string, value: string) => Identifier;

function pointedBy(given: string, said: string | undefined, own: Own, scoped: Scoped): Pointed {
  const relative = RELATIVE.exec(given);
  if (relative !== null) return pointedByRelative(relative, own);
  const token = SUBJECT_URN.exec(given)?.[1];
  if (token !== undefined) return { patient: { identifiers: [], token } };
  if (OTHER_SCHEME.test(given)) {
    const isPatient = /[/:]Patient\//i.test(given);
    return isPatient ? { patient: { identifiers: [urlIdentifier(given)] } } : { type: said, id: given, names: [given] };
  }
  const [path, query] = parted(given);
  const isAbsolute = HTTP.test(path);
  const [, base = "", type, id, version] = LITERAL.exec(path) ?? [];
  if (type !== undefined && id !== undefined && !isPatientType(type) && query === undefined) {
    // What is found in a patient's compartment is found outside of it too.
    const target = isAbsolute ? `${base.replace(COMPARTMENT, "")}/${type}/${id}` : own(type, id);
    return { type, id: target, version, names: isAbsolute ? [target] : [target, id] };
  }
  const patient = patientOf(path, query, scoped);
  if (patient !== undefined) return { patient: { identifiers: [patient] } };
  if (query !== undefined && (SEARCH.test(path) || PERSONAL.test(query))) {
    return { type: SEARCH.exec(path)?.[1] ?? said, search: given };
  }
  const whole = query === undefined ? path : `${path}?${query}`;
  return { type: said, id: isAbsolute ? whole : own(said ?? "Resource", whole), names: [whole] };
}

function pointedByRelative([, type = "", id = "", version]: RegExpExecArray, own: Own): Pointed {
  if (isPatientType(type)) return { patient: { identifiers: [localIdentifier(id)] } };
  const target = own(type, id);
  return { type, id: target, version, names: [target, id] };
}

function isPatientType(type: string | undefined): boolean {
  return type?.length === "Patient".length && type.toLowerCase() === "patient";
}

/** Path and query of a reference, without its fragment. */
function parted(given: string): readonly [path: string, query: string | undefined] {
  const hash = given.indexOf("#");
  const whole = hash === -1 ? given : given.slice(0, hash);
  const mark = whole.indexOf("?");
  return mark === -1 ? [whole, undefined] : [whole.slice(0, mark), whole.slice(mark + 1)];
}

/** The patient whose resource this is, or whom a search names by one identifier. */
function patientOf(path: string, query: string | undefined, scoped: Scoped): Identifier | undefined {
  const [, base = "", id] = OF_PATIENT.exec(path) ?? [];
  if (id !== undefined) return HTTP.test(base) ? urlIdentifier(`${base}/Patient/${id}`) : localIdentifier(id);
  if (query === undefined || SEARCH.exec(path)?.[1] !== "Patient") return undefined;
  const parameters = new URLSearchParams(query);
  const [resource] = parameters.getAll("_id");
  if (resource) return localIdentifier(resource);
  const [, system = "", value = ""] = /^(?:([^|,]*)\|)?([^|,]+)$/.exec(parameters.get("identifier") ?? "") ?? [];
  return value === "" ? undefined : scoped(system === "" ? NO_SYSTEM : system, value);
}

/** A reference to what is known to be a patient, though not from the reference. */
function opaque(given: string): Identifier {
  return HTTP.test(given) || OTHER_SCHEME.test(given) ? urlIdentifier(given) : localIdentifier(given);
}

/** A relative reference to a Patient is the institution's own, an absolute URL means the same patient to everyone. */
function localIdentifier(id: string): Identifier {
  return { system: "Patient", value: id, scope: "local" };
}

function urlIdentifier(url: string): Identifier {
  return { system: URI_SYSTEM, value: url, scope: "shared" };
}
