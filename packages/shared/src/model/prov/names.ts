/**
 * Qualified names (PROV-DM section 5.7.1) for the ids of trace events. An absolute URL or `urn:` keeps its own IRI,
 * cut into a namespace and a local part; an id that means something on this platform alone gets one in
 * `urn:medtrace:local:`. Local parts hold `A-Z a-z 0-9 _ - /` and percent signs only: PROV-N (section 3.7.1), PROV-JSON
 * and Turtle then write them alike, without escapes.
 */

export interface QualifiedName {
  readonly prefix: string;
  readonly local: string;
}

export const MEDTRACE_NAMESPACE = "urn:medtrace:prov:";
const LOCAL_NAMESPACE = "urn:medtrace:local:";

/** Prefixes that every document has, beside PROV's own `prov` and `xsd`; none is a word of PROV-N, as parsers trip over that. */
const FIXED_NAMESPACES: readonly (readonly [string, string])[] = [
  ["mt", MEDTRACE_NAMESPACE],
  ["batch", "urn:medtrace:batch:"],
  ["account", "urn:medtrace:account:"],
  ["event", "urn:medtrace:event:"],
  ["local", LOCAL_NAMESPACE],
  ["state", "urn:medtrace:state:"],
  ["subject", "urn:medtrace:subject:"],
];

export const PROV_NAMESPACES: Readonly<Record<"prov" | "xsd", string>> = {
  prov: "http://www.w3.org/ns/prov#",
  xsd: "http://www.w3.org/2001/XMLSchema#",
};

const ABSOLUTE = /^([A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`\p{Cc}\p{Cn}\p{Cs}]*?)(?<!%.?)([A-Za-z0-9_][A-Za-z0-9_-]*)$/u;
/** Names that this model itself gives: an id of a source that starts so must not pass for one of them. */
const RESERVED = /^urn:medtrace:(?!subject:|trace:)/;

export interface Naming {
  /** The name of a record or an agent. */
  of(id: string): QualifiedName;
  /** Namespaces by prefix, fixed ones first, then in the order of their first name. */
  readonly namespaces: ReadonlyMap<string, string>;
}

/** Names for one document. The same ids in the same order get the same prefixes. */
export function createNaming(): Naming {
  const namespaces = new Map(FIXED_NAMESPACES);
  const prefixes = new Map(FIXED_NAMESPACES.map(([prefix, namespace]) => [namespace, prefix]));
  const names = new Map<string, QualifiedName>();
  const prefixOf = (namespace: string): string => {
    const known = prefixes.get(namespace);
    if (known !== undefined) return known;
    const prefix = `ns${namespaces.size - FIXED_NAMESPACES.length + 1}`;
    prefixes.set(namespace, prefix);
    namespaces.set(prefix, namespace);
    return prefix;
  };
  return {
    namespaces,
    of(id) {
      const known = names.get(id);
      if (known !== undefined) return known;
      const [, namespace, local] = (RESERVED.test(id) ? null : ABSOLUTE.exec(id)) ?? [];
      const name =
        namespace === undefined || local === undefined
          ? { prefix: "local", local: localPart(id) }
          : { prefix: prefixOf(namespace), local };
      names.set(id, name);
      return name;
    },
  };
}

/** The IRI of a record or an agent. */
export function iriOf(id: string): string {
  const naming = createNaming();
  const { prefix, local } = naming.of(id);
  return `${naming.namespaces.get(prefix) ?? ""}${local}`;
}

/** Inverse of {@link iriOf}; a text that is no IRI of ours is an id already. */
export function idOfIri(iri: string): string {
  if (!iri.startsWith(LOCAL_NAMESPACE)) return iri;
  try {
    return decodeURIComponent(iri.slice(LOCAL_NAMESPACE.length));
  } catch {
    return iri;
  }
}

/** The activity of a trace event. */
export function eventName(id: string): QualifiedName {
  return { prefix: "event", local: localPart(id) };
}

/** A record as one event left it: what a revision, or a second generation, makes. */
export function stateName(event: string, record: string): QualifiedName {
  return { prefix: "state", local: `${localPart(event)}/${localPart(record)}` };
}

/** The bundle of what an institution attests of some events; `digest` tells which. */
export function bundleName(institution: string, digest: string): QualifiedName {
  return { prefix: "account", local: `${localPart(institution)}/${digest}` };
}

/** A batch that the ledger anchored, by its id. */
export function batchName(id: string): QualifiedName {
  return { prefix: "batch", local: localPart(id) };
}

/** A term of PROV, XML Schema or this platform, such as `prov:Person`. */
export function term(prefix: "prov" | "mt" | "xsd", local: string): QualifiedName {
  return { prefix, local };
}

/** `prefix:local`, as PROV-N and PROV-JSON write it. */
export function nameText({ prefix, local }: QualifiedName): string {
  return `${prefix}:${local}`;
}

/** Percent-encoded, one to one: different ids never meet in one local part. */
function localPart(id: string): string {
  const encoded = encodeURIComponent(id.toWellFormed())
    .replace(/%2F/g, "/")
    .replace(/[.!~*'()]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return encoded.startsWith("-") ? `%2D${encoded.slice(1)}` : encoded;
}
