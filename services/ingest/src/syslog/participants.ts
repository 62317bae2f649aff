/** ActiveParticipant (DICOM PS3.15 A.5.2, RFC 3881 section 5.2) as an agent of an AuditEvent. */
import { isIP } from "node:net";
import type { Element } from "../fhir/element.ts";
import type { MappingContext } from "../normalise/draft.ts";
import { knownInstitution } from "../normalise/institutions.ts";
import { codingsOf, pointer, whereThere } from "./coded.ts";
import type { XmlElement } from "./xml.ts";

/** DCM: Application, Application Launcher, Destination Role ID, Source Role ID. */
const SOFTWARE: ReadonlySet<string> = new Set(["110150", "110151", "110152", "110153"]);
const DESTINATION = "110152";
/** What stands where an id is demanded and none is known. */
const NOBODY = /^(?:|unknown|anonymous|none|null|n\/?a|-)$/i;

/** The agent; who cannot be told by an id is known by a name alone, which is sealed. */
export function participantOf(participant: XmlElement, context: MappingContext): Element {
  const { attributes } = participant;
  const roles = codingsOf(participant, "RoleIDCode");
  const address = attributes.get("NetworkAccessPointID")?.trim();
  const requestor = attributes.get("UserIsRequestor")?.trim();
  const ids = ["UserID", "AlternativeUserID"].map((name) => attributes.get(name)?.trim() ?? "");
  const id = ids.find((one) => !NOBODY.test(one) && !isAddress(one, address));
  const name = attributes.get("UserName")?.trim();
  const isSoftware = roles.some(({ code }) => SOFTWARE.has(code));
  const names = [...ids, name ?? ""].filter((one) => one !== "");
  const institution = roles.some(({ code }) => code === DESTINATION)
    ? names.map((one) => knownInstitution(one, context)).find((one) => one !== undefined)
    : undefined;
  return {
    role: roles.map((coding) => ({ coding: [coding] })),
    ...(institution === undefined ? whoOf(id, isSoftware) : { who: { identifier: { value: institution } } }),
    // An address that stands in the place of an id is sealed with the names.
    ...whereThere("name", [name, ids.find((one) => id === undefined && isAddress(one, address))].join(" ").trim()),
    ...(requestor === undefined ? {} : { requestor: requestor === "true" || requestor === "1" }),
    ...(address === undefined || address === "" ? {} : { network: { address } }),
  };
}

function whoOf(id: string | undefined, isSoftware: boolean): Element {
  return id === undefined ? {} : { who: pointer(isSoftware ? "Device" : "Practitioner", id) };
}

function isAddress(id: string, address: string | undefined): boolean {
  return id !== "" && (isIP(id) !== 0 || id === address);
}
