/** Ids of trace events as FHIR References (FHIR R4, 2.3.0): relative ones only where they are the reader's own. */
import { subjectRecordId } from "@medtrace/shared/model/trace-event";

/** System of identifiers that are ids of trace events: `{institution}/{Type}/{id}`. */
export const ID_SYSTEM = "urn:medtrace:id";
/** System of identifiers that are ids of institutions. */
export const INSTITUTION_SYSTEM = "urn:medtrace:institution";

export interface Reference {
  readonly reference?: string;
  readonly type?: string;
  readonly identifier?: { readonly system?: string; readonly value: string };
  readonly display?: string;
}

const SUBJECT = subjectRecordId("");
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:/i;
const OF_INSTITUTION = /^([A-Za-z0-9._-]{1,64})\/([A-Za-z][A-Za-z]{0,63})\/(.+)$/;
const FHIR_ID = /^[A-Za-z0-9\-.]{1,64}$/;
/** What ingest puts where a source names no type. */
const NO_TYPES: ReadonlySet<string> = new Set(["Agent", "Resource", "Request", "Query", "Unknown"]);

/** A resource type, where it is one of FHIR's. */
export function fhirType(type: string | undefined): string | undefined {
  return type === undefined || NO_TYPES.has(type) || !/^[A-Z][A-Za-z]+$/.test(type) ? undefined : type;
}

/**
 * The reference that an id is.
 *
 * @param reader institution whose relative references these may be.
 * @param said resource type, where it is known beside the id.
 */
export function referenceOf(
  id: string,
  reader: string,
  { type: said, version }: { readonly type?: string; readonly version?: string } = {},
): Reference {
  const known = fhirType(said);
  const at = version === undefined ? "" : `/_history/${version}`;
  if (id.startsWith(SUBJECT)) return { reference: id, type: "Patient" };
  if (ABSOLUTE.test(id)) return { reference: `${id}${/^https?:/i.test(id) ? at : ""}`, ...typed(known) };
  const [, institution, type, rest = ""] = OF_INSTITUTION.exec(id) ?? [];
  if (institution === undefined) {
    return { type: known ?? "Organization", identifier: { system: INSTITUTION_SYSTEM, value: id } };
  }
  const named = decoded(rest);
  const own = fhirType(type) ?? known;
  const split = named.indexOf("|");
  if (split > 0) {
    const system = named.slice(0, split);
    const value = named.slice(split + 1);
    // Ingest's stand-in for an identifier without a system.
    return { ...typed(own), identifier: { ...(system === "identifier" ? {} : { system }), value } };
  }
  const identifier = { system: ID_SYSTEM, value: id };
  const isOwn = institution === reader && own !== undefined && FHIR_ID.test(named);
  return { ...(isOwn ? { reference: `${own}/${named}${at}` } : {}), ...typed(own), identifier };
}

function typed(type: string | undefined): { readonly type?: string } {
  return type === undefined ? {} : { type };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
