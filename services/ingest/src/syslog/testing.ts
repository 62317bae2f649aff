/** Audit messages for tests. */
import { createDirectory } from "@medtrace/shared/model/directory";
import type { MappingContext } from "../normalise/draft.ts";

export const CONTEXT: MappingContext = {
  institution: "north-hospital",
  directory: createDirectory({
    institutions: [
      { id: "north-hospital", aliases: ["NORTH"] },
      { id: "city-lab", aliases: ["CITYLAB", "1.2.3.4"] },
    ],
    sharedIdentifierSystems: ["urn:oid:2.16.840.1.113883.4.1"],
  }),
  zone: "+01:00",
};

export interface AuditParts {
  readonly event?: string;
  readonly participants?: string;
  readonly source?: string;
  readonly objects?: string;
}

export const PATIENT_NUMBER = "N-4711";

/** A DICOM audit message: a physician read a study of a patient. */
export function auditMessage({ event, participants, source, objects }: AuditParts = {}): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?><AuditMessage>',
    event ??
      '<EventIdentification EventActionCode="R" EventDateTime="2026-01-15T02:30:00.000+01:00" EventOutcomeIndicator="0">' +
        '<EventID csd-code="110103" codeSystemName="DCM" originalText="DICOM Instances Accessed"/></EventIdentification>',
    participants ??
      '<ActiveParticipant UserID="dr.house" UserName="Gregory House" UserIsRequestor="true" NetworkAccessPointID="10.0.0.7" NetworkAccessPointTypeCode="2"/>' +
        '<ActiveParticipant UserID="PACS" UserIsRequestor="false"><RoleIDCode csd-code="110150" codeSystemName="DCM"/></ActiveParticipant>',
    source ?? '<AuditSourceIdentification AuditSourceID="pacs-1" AuditEnterpriseSiteID="NORTH"/>',
    objects ??
      '<ParticipantObjectIdentification ParticipantObjectID="1.2.840.99.1" ParticipantObjectTypeCode="2" ParticipantObjectTypeCodeRole="3">' +
        '<ParticipantObjectIDTypeCode csd-code="110180" codeSystemName="DCM"/></ParticipantObjectIdentification>' +
        `<ParticipantObjectIdentification ParticipantObjectID="${PATIENT_NUMBER}^^^&amp;1.2.3.9&amp;ISO" ParticipantObjectTypeCode="1" ParticipantObjectTypeCodeRole="1">` +
        '<ParticipantObjectIDTypeCode csd-code="2" codeSystemName="RFC-3881"/><ParticipantObjectName>Erika Muster</ParticipantObjectName></ParticipantObjectIdentification>',
    "</AuditMessage>",
  ].join("");
}

/** A syslog message of this content. */
export function syslog(
  content: string,
  head = "<85>1 2026-01-15T01:30:01Z pacs.example PACS 4242 DICOM+RFC3881 -",
): Buffer {
  return Buffer.from(`${head} ${content}`);
}
