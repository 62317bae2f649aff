/** What the parts of one mapping share. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { TraceTime } from "@medtrace/shared/model/trace-event";
import type { MappingContext } from "../../normalise/draft.ts";
import { knownInstitution } from "../../normalise/institutions.ts";
import type { Hl7Flag } from "../flags.ts";
import { ID_LENGTH_MAX } from "../limits.ts";
import { part, type Segment } from "../message.ts";

export interface Hl7Context extends MappingContext {
  /** Stands in where MSH-7 cannot be read: a mapping has no clock. */
  readonly received: TraceTime;
}

/** Collects what is odd about a message; each flag once. */
export type Flags = Set<Hl7Flag>;

const ABSOLUTE = /^(?:urn:|https?:\/\/)/i;
const UNPRINTABLE = /[\p{Cc}\p{Cf}\s]+/gu;
const PLAIN = /^[!-~]+$/;

/** Names of an HD (namespace, universal id, its type) or an XON's id, likeliest first: `urn:oid:` for an ISO OID. */
export function authorityNames(namespace: string, universal: string, type: string): string[] {
  const names = [namespace];
  if (universal !== "") names.push(universalUri(universal, type), universal);
  return names.filter((name) => name !== "");
}

/** A universal id as a URI where its type says how (HL7 table 0301), else as it is. */
export function universalUri(universal: string, type: string): string {
  if (ABSOLUTE.test(universal)) return universal;
  const kind = type.toUpperCase();
  if (kind === "ISO") return `urn:oid:${universal}`;
  return kind === "UUID" || kind === "GUID" ? `urn:uuid:${universal.toLowerCase()}` : universal;
}

/** A text fit for an id in the clear part: white space and control characters as single blanks. */
export function idText(text: string, at: string): string {
  const clean = PLAIN.test(text) ? text : text.replace(UNPRINTABLE, " ").trim();
  if (clean.length > ID_LENGTH_MAX) {
    throw new MedtraceError("INPUT_TOO_LARGE", `an identifier is longer than ${ID_LENGTH_MAX} characters`, {
      at,
      hint: "send the identifier alone, without text around it",
    });
  }
  return clean;
}

/** Which of its components name who assigned an identifier. */
export type IdentifierForm = "CX" | "EI" | "XCN";

/** The institution that assigned an identifier; undefined where it does not say, or the directory does not know it. */
export function assignerOf(
  segment: Segment,
  text: string,
  form: IdentifierForm,
  context: Hl7Context,
): string | undefined {
  if (!text.includes(segment.syntax.delimiters.component)) return undefined;
  for (const name of assignerNames(segment, text, form)) {
    const known = knownInstitution(name, context);
    if (known !== undefined) return known;
  }
  return undefined;
}

function assignerNames(segment: Segment, text: string, form: IdentifierForm): string[] {
  if (form === "EI") return authorityNames(part(segment, text, 2), part(segment, text, 3), part(segment, text, 4));
  const authority = form === "CX" ? 4 : 9;
  const [namespace = "", universal = "", type = ""] = [1, 2, 3].map((sub) => part(segment, text, authority, sub));
  return authorityNames(namespace, universal, type);
}

/**
 * Record id of an identifier. An absolute URI, or the universal id of an EI that has nothing else, stands for itself;
 * else the id is the assigner's where the directory knows it, and the sender's own where not. Undefined where the field
 * is empty.
 */
export function recordId(
  segment: Segment,
  text: string,
  form: IdentifierForm,
  type: string,
  at: string,
  context: Hl7Context,
): string | undefined {
  const value = idText(part(segment, text, 1), at);
  if (value !== "") {
    return ABSOLUTE.test(value)
      ? value
      : `${assignerOf(segment, text, form, context) ?? context.institution}/${type}/${value}`;
  }
  const universal = form === "EI" ? idText(part(segment, text, 3), at) : "";
  if (universal === "") return undefined;
  const uri = universalUri(universal, part(segment, text, 4));
  return ABSOLUTE.test(uri) ? uri : `${context.institution}/${type}/${uri}`;
}
