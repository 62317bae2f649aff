/** Agents of AuditEvent and Provenance: who took part, under which id, and what identifies them. */

import type { AgentKind } from "@medtrace/shared/model/trace-event";
import type { DraftAgent, MappingContext } from "../normalise/draft.ts";
import { child, codings, codingsOf, type Element, text } from "./element.ts";
import type { Persons } from "./persons.ts";
import type { Pointed, ReferenceReader } from "./reference.ts";
import type { Sealing } from "./sealed.ts";
import { hasText } from "./sealed.ts";

/** What an agent is, by the resource type of its reference. */
const KIND_OF_TYPE: ReadonlyMap<string, AgentKind> = new Map(
  Object.entries<AgentKind>({
    Practitioner: "person",
    PractitionerRole: "person",
    RelatedPerson: "person",
    Person: "person",
    Patient: "subject",
    Device: "device",
    Organization: "institution",
    Endpoint: "software",
  }),
);

/**
 * What an agent is, by its type code: DICOM audit roles, v3 participation types and role classes, and the codes of
 * extra-security-role-type, SAML and XCA that BALP uses.
 */
const KIND_OF_CODE: ReadonlyMap<string, AgentKind> = new Map(
  Object.entries<AgentKind>({
    "110150": "software",
    "110151": "software",
    "110152": "software",
    "110153": "software",
    AUT: "person",
    CST: "institution",
    DEV: "device",
    INF: "person",
    IRCP: "person",
    PAT: "subject",
    PATSUBJ: "subject",
    PROV: "institution",
    authserver: "software",
    datasubject: "subject",
    homeCommunityId: "institution",
    humanuser: "person",
  }),
);

export interface AgentParts {
  readonly context: MappingContext;
  readonly references: ReferenceReader;
  readonly persons: Persons;
  readonly sealing: Sealing;
  readonly flags: Set<string>;
}

/** A reference to an agent, where it stands, and what else its element says of it. */
export interface AgentSource {
  /** The `agent` element; empty where there is only a reference. */
  readonly agent: Element;
  readonly at: string;
  readonly who: Element | undefined;
  readonly whoAt: string;
}

/** Codes of an agent: its type and roles; as clear `roles` they carry no display text. */
export function roleCodes(agent: Element, at: string): string[] {
  const all = [...codings(child(agent, "type", at), `${at}.type`), ...codingsOf(agent, "role", at)];
  return [...new Set(all.map(({ code }) => code))];
}

/** The agent that a reference points to; undefined, and flagged, where nothing says who it is. */
export function agentOf({ agent, at, who, whoAt }: AgentSource, parts: AgentParts): DraftAgent | undefined {
  const { references, persons, sealing } = parts;
  const roles = roleCodes(agent, at);
  const byCode = roles.map((code) => KIND_OF_CODE.get(code)).find((kind) => kind !== undefined);
  const name = text(agent, "name", at);
  const altId = text(agent, "altId", at, 512);
  const display = who === undefined ? undefined : text(who, "display", whoAt);
  const isRequestor = agent["requestor"] === true;
  const more = { roles, ...(isRequestor ? { requestor: true } : {}) };

  const pointed = references.read(who, whoAt, { type: "Agent", isPatient: byCode === "subject" });
  const patient = pointed.patient ?? (byCode === "subject" ? byAltId(pointed, altId) : undefined);
  if (patient !== undefined) {
    sealing.names(name, display, altId);
    return { id: { person: persons.place(patient, whoAt) }, kind: "subject", ...more };
  }
  sealing.text(pointed.search);
  const institution = references.institution(pointed, byCode === "institution", display);
  if (institution !== undefined) {
    sealing.label(institution, [name, display, altId]);
    return { id: institution, kind: "institution", ...more };
  }
  const kind = KIND_OF_TYPE.get(pointed.type ?? "") ?? byCode ?? (isRequestor ? "person" : "unknown");
  const id = pointed.id ?? (altId === undefined ? undefined : ownAgent(altId, parts));
  if (id !== undefined) {
    sealing.label(id, [name, display, pointed.id === undefined ? undefined : altId]);
    return { id, kind, ...more };
  }
  sealing.names(name, display);
  if (hasText(name, display)) return { id: ownAgent("unidentified", parts), kind, ...more };
  parts.flags.add("fhir:unidentified-agent");
  return undefined;
}

function ownAgent(id: string, { context }: AgentParts): string {
  return `${context.institution}/Agent/${encodeURIComponent(id)}`;
}

/** What a patient is known by to the system that wrote the event, where no reference says who it is. */
function byAltId({ id }: Pointed, altId: string | undefined): Pointed["patient"] {
  if (id !== undefined || altId === undefined) return undefined;
  return { identifiers: [{ system: "AuditEvent.agent.altId", value: altId, scope: "local" }] };
}
