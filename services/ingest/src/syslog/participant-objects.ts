/** ParticipantObjectIdentification (DICOM PS3.15 A.5.2, RFC 3881 section 5.5) as an entity of an AuditEvent. */
import type { Element } from "../fhir/element.ts";
import { universalUri } from "../hl7v2/map/context.ts";
import { childOf, childrenOf, clipped, codingOf, pointer, whereThere } from "./coded.ts";
import type { XmlElement } from "./xml.ts";

/** ParticipantObjectTypeCode (RFC 3881, 5.5.1). */
const PERSON = "1";
/** ParticipantObjectTypeCodeRole (5.5.2). */
const PATIENT = "1";
const QUERY = "24";
/** Subscriber and guarantor. */
const PAYERS: ReadonlySet<string> = new Set(["9", "10"]);
/** ParticipantObjectIDTypeCode (5.5.4) of patients: medical record, patient, enrollee and social security number. */
const PATIENT_NUMBERS: ReadonlySet<string> = new Set(["1", "2", "4", "5"]);
/** Resource types by ParticipantObjectIDTypeCode: RFC 3881, DCM, and IHE XDS's submission set. */
const RESOURCES: ReadonlyMap<string, string> = new Map([
  ["3", "Encounter"],
  ["6", "Account"],
  ["9", "DocumentReference"],
  ["110180", "ImagingStudy"],
  ["urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd", "List"],
]);
const RESOURCE_TYPES = "http://hl7.org/fhir/resource-types";
const URI = /^(?:https?:\/\/|urn:)/i;
/** Stands for the system of a patient's number without authority, as in HL7 v2: so that both meet. */
const NO_AUTHORITY = "PID-3";

export function objectOf(object: XmlElement, flags: Set<string>): Element {
  const { attributes } = object;
  const idType = codingOf(childOf(object, "ParticipantObjectIDTypeCode"))?.code ?? "";
  const id = attributes.get("ParticipantObjectID")?.trim() ?? "";
  const role = attributes.get("ParticipantObjectTypeCodeRole")?.trim() || undefined;
  const details = childrenOf(object, "ParticipantObjectDetail").flatMap(({ attributes: detail }) => {
    const value = detail.get("value")?.trim();
    return value === undefined || value === ""
      ? []
      : [{ valueString: clipped(`${detail.get("type") ?? ""}: ${value}`, flags) }];
  });
  const isPerson = attributes.get("ParticipantObjectTypeCode")?.trim() === PERSON;
  const isPatient = isPerson ? role === undefined || role === PATIENT : PATIENT_NUMBERS.has(idType);
  // A number that says who somebody is, patient or not, is no id of a record.
  const secret = isPerson && (PAYERS.has(role ?? "") || PATIENT_NUMBERS.has(idType)) ? id : undefined;
  const more = {
    ...whereThere("name", clipped(childOf(object, "ParticipantObjectName")?.text, flags)),
    ...whereThere("query", clipped(childOf(object, "ParticipantObjectQuery")?.text, flags)),
    ...whereThere("description", [attributes.get("ParticipantObjectSensitivity"), secret].join(" ").trim()),
    ...(details.length === 0 ? {} : { detail: details }),
  };
  if (isPatient) return { type: { code: PERSON }, role: { code: PATIENT }, ...patientOf(id), ...more };
  const named = role === undefined ? {} : { role: { code: role } };
  if (isPerson)
    return { ...named, ...(id === "" || secret !== undefined ? {} : { what: pointer("Person", id) }), ...more };
  const resource = RESOURCES.get(idType) ?? (role === QUERY ? "Query" : undefined);
  const type = resource === undefined ? {} : { type: { system: RESOURCE_TYPES, code: resource } };
  return { ...type, ...named, ...(id === "" ? {} : { what: pointer(resource ?? "Resource", id) }), ...more };
}

/** A patient's number, which IHE has as an HL7 CX: `id^^^namespace&universal id&type`. */
function patientOf(text: string): Element {
  if (URI.test(text)) return { what: { reference: text } };
  const components = text.split("^");
  const value = components[0]?.trim() ?? "";
  if (value === "") return {};
  const [namespace = "", universal = "", type = ""] = (components[3] ?? "").split("&").map((part) => part.trim());
  const authority = universal === "" ? namespace : universalUri(universal, type);
  const system = authority || components[4]?.trim() || NO_AUTHORITY;
  return { what: { type: "Patient", identifier: { system, value } } };
}
