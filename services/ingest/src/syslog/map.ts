/** From a syslog message to the draft of the audit message in it. */
import { draftOfAuditEvent } from "../fhir/audit-event.ts";
import type { Draft, MappingContext } from "../normalise/draft.ts";
import { readAuditMessage } from "./audit-message.ts";
import { readSyslog } from "./header.ts";
import { readXml } from "./xml.ts";

/** ITI-20 names its messages so; DICOM PS3.15 A.6 `DICOM+RFC3881`. Others that hold an audit message are flagged. */
const MESSAGE_ID = /^(?:IHE|DICOM)\+(?:RFC-?3881|DICOM)$/i;

/**
 * The draft of an audit message. Its identity is the keyed digest of the XML as it came: syslog has no id for a
 * message, and one sent again has another header.
 *
 * @throws MedtraceError at what cannot be read, or is no audit message.
 */
export function draftOfSyslog(bytes: Uint8Array, context: MappingContext): Draft {
  const { content, messageId, hostName } = readSyslog(bytes);
  const { resource, flags } = readAuditMessage(readXml(content), hostName, context);
  const draft = draftOfAuditEvent(resource, context);
  const odd = MESSAGE_ID.test(messageId ?? "") ? flags : [...flags, "atna:unknown-message-id"];
  return {
    ...draft,
    format: "dicom-audit",
    type: "AuditMessage",
    flags: [...odd, ...draft.flags.map((flag) => flag.replace(/^fhir:/, "atna:"))].sort(),
    raw: content,
  };
}
