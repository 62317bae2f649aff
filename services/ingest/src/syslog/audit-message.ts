/**
 * A DICOM audit message (PS3.15 A.5; RFC 3881 before it) as the FHIR AuditEvent that it stands for, by the mapping that
 * AuditEvent has (hl7.org/fhir/R4/auditevent-mappings.html): so that both are traced alike.
 */
import { MedtraceError } from "@medtrace/shared/errors";
import { traceTime } from "@medtrace/shared/model/time";
import type { Element } from "../fhir/element.ts";
import type { MappingContext } from "../normalise/draft.ts";
import { childOf, childrenOf, clipped, codingOf, codingsOf, pointer, whereThere } from "./coded.ts";
import { objectOf } from "./participant-objects.ts";
import { participantOf } from "./participants.ts";
import type { XmlElement } from "./xml.ts";

const BARE_OFFSET = /[+-]\d{4}$/;
const OFFSET = /(?:Z|[+-]\d{2}:\d{2})$/;

/** What an audit message says that AuditEvent has another form for. */
export interface ReadAudit {
  readonly resource: Element;
  readonly flags: readonly string[];
}

/**
 * @param source what is named as the system where AuditSourceIdentification names none.
 * @throws MedtraceError INPUT_UNSUPPORTED where the root is no AuditMessage, INPUT_INVALID at what it must have and has not.
 */
export function readAuditMessage(root: XmlElement, source: string | undefined, context: MappingContext): ReadAudit {
  if (root.name !== "AuditMessage") {
    throw new MedtraceError("INPUT_UNSUPPORTED", "the message is no AuditMessage", {
      at: "MSG",
      hint: "send DICOM audit messages (PS3.15 A.5)",
    });
  }
  const flags = new Set<string>();
  const event = childOf(root, "EventIdentification");
  if (event === undefined) throw missing("EventIdentification");
  const type = codingOf(childOf(event, "EventID"));
  if (type === undefined) throw missing("EventIdentification/EventID");
  const audit = childOf(root, "AuditSourceIdentification");
  const site = audit?.attributes.get("AuditEnterpriseSiteID");
  const observer = audit?.attributes.get("AuditSourceID") || source;
  const resource: Element = {
    type,
    subtype: codingsOf(event, "EventTypeCode"),
    ...whereThere("action", event.attributes.get("EventActionCode")),
    recorded: recordedOf(event.attributes.get("EventDateTime"), context, flags),
    ...whereThere("outcome", event.attributes.get("EventOutcomeIndicator")),
    ...whereThere("outcomeDesc", clipped(childOf(event, "EventOutcomeDescription")?.text, flags)),
    purposeOfEvent: codingsOf(event, "PurposeOfUse").map((coding) => ({ coding: [coding] })),
    agent: childrenOf(root, "ActiveParticipant").map((one) => participantOf(one, context)),
    source: {
      ...whereThere("site", site),
      ...(observer === undefined ? {} : { observer: pointer("Device", observer) }),
    },
    entity: childrenOf(root, "ParticipantObjectIdentification").map((one) => objectOf(one, flags)),
  };
  return { resource, flags: [...flags] };
}

/** EventDateTime (xsd:dateTime), which is to be unambiguous and may come without an offset all the same. */
function recordedOf(given: string | undefined, { zone }: MappingContext, flags: Set<string>): string {
  const at = "EventIdentification/@EventDateTime";
  if (given === undefined) throw missing(at);
  const text = given.trim();
  const whole = BARE_OFFSET.test(text) ? `${text.slice(0, -2)}:${text.slice(-2)}` : text;
  const time = OFFSET.test(whole) ? whole : `${whole}${zone}`;
  if (time !== whole) flags.add("atna:assumed-offset");
  if (traceTime(time) !== undefined) return time;
  throw new MedtraceError("INPUT_INVALID", "EventDateTime is no time", { at, hint: "2026-11-23T05:00:00Z is one" });
}

function missing(at: string): MedtraceError {
  return new MedtraceError("INPUT_INVALID", `${at} is required`, { at, hint: "DICOM PS3.15 A.5.1 has the schema" });
}
