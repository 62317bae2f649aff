/** Reading the schema of audit messages: children by name, and coded values. */
import type { Element } from "../fhir/element.ts";
import type { XmlElement } from "./xml.ts";

export interface Code {
  readonly system?: string;
  readonly code: string;
}

/** Code systems by the name that `codeSystemName` has for them. */
const CODE_SYSTEMS: ReadonlyMap<string, string> = new Map([
  ["dcm", "http://dicom.nema.org/resources/ontology/DCM"],
  ["ihe transactions", "urn:ihe:event-type-code"],
]);

/** An object identifier (X.660) in dots. */
const OID = /^[0-2](?:\.(?:0|[1-9]\d*))+$/;

/** The first child of this name. */
export function childOf(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name);
}

export function childrenOf(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

/** A coded value: `csd-code` in DICOM, `code` in RFC 3881. Its texts are left out. */
export function codingOf(element: XmlElement | undefined): Code | undefined {
  const code = (element?.attributes.get("csd-code") ?? element?.attributes.get("code"))?.trim();
  if (code === undefined || code === "") return undefined;
  const name = (element?.attributes.get("codeSystem") || element?.attributes.get("codeSystemName"))?.trim();
  if (name === undefined || name === "") return { code };
  return { system: CODE_SYSTEMS.get(name.toLowerCase()) ?? (OID.test(name) ? `urn:oid:${name}` : name), code };
}

/** The coded values of all children of this name. */
export function codingsOf(element: XmlElement, name: string): readonly Code[] {
  return childrenOf(element, name).flatMap((child) => codingOf(child) ?? []);
}

/** As AuditEvent's texts are limited; a query or a detail may hold a whole request. */
const TEXT_CHARACTERS_MAX = 65_536;

/** A text that is to be sealed, as much of it as is kept. */
export function clipped(text: string | undefined, flags: Set<string>): string | undefined {
  if (text === undefined || text.length <= TEXT_CHARACTERS_MAX) return text;
  flags.add("atna:text-cut");
  return text.slice(0, TEXT_CHARACTERS_MAX).toWellFormed();
}

/** A member of an object, where its value is there and not blank. */
export function whereThere(name: string, value: string | undefined): Element {
  return value === undefined || value.trim() === "" ? {} : { [name]: value };
}

const URI = /^(?:https?:\/\/|urn:)/i;
/** What FHIR has as an id: nothing in it needs to be escaped. */
const PLAIN = /^[A-Za-z0-9\-.]{1,64}$/;

/** A FHIR Reference to what has this id: absolute where the id is a URI or OID, else by its type. */
export function pointer(type: string, id: string): Element {
  if (OID.test(id)) return { type, reference: `urn:oid:${id}` };
  if (URI.test(id)) return { reference: id };
  return PLAIN.test(id) ? { reference: `${type}/${id}` } : { type, identifier: { value: id } };
}
