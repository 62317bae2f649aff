/** Agents of AuditEvent and Provenance: who took part, under which id, and what identifies them. */

import type { AgentKind } from "@medtrace/shared/model/trace-event";
import type { DraftAgent, MappingContext } from "../normalise/draft.ts";
import { child, children, codings, type Element, text } from "./element.ts";
import type { Persons } from "./persons.ts";
import type { ReferenceReader } from "./reference.ts";
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

/** What an agent is, by its type code: DICOM audit roles and BALP's v3 participation types. */
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
    PATSUBJ: "subject",
    humanuser: "person",
  }),
);

export interface AgentParts {
  readonly context: MappingContext;
  readonly references: ReferenceReader;
  readonly persons: Persons;
  readonly sealing: Sealing;
}

/** Codes of an agent: its type and roles; as clear `roles` they carry no display text. */
export function roleCodes(agent: Element, at: string): string[] {
  const type = child(agent, "type", at);
  const concepts = [...(type === undefined ? [] : [type]), ...children(agent, "role", at)];
  return [...new Set(codings(concepts, at).map(({ code }) => code))];
}

/** The agent of a `who` reference; undefined where nothing says who it is. */
export function agentOf(
  agent: Element,
  who: Element | undefined,
  at: string,
  { context, references, persons, sealing }: AgentParts,
): DraftAgent | undefined {
  const roles = roleCodes(agent, at);
  const name = text(agent, "name", at);
  const altId = text(agent, "altId", at);
  const display = who === undefined ? undefined : text(who, "display", `${at}.who`);
  const requestor = agent["requestor"] === true;
  const patient = references.patient(who, `${at}.who`);
  if (patient !== undefined) {
    sealing.names(name, display, altId);
    const place = persons.place(patient);
    return { id: { person: place }, kind: "subject", roles, ...(requestor ? { requestor } : {}) };
  }
  const target = references.target(who, `${at}.who`);
  const byCode = roles.map((code) => KIND_OF_CODE.get(code)).find((kind) => kind !== undefined);
  const kind = KIND_OF_TYPE.get(target?.type ?? "") ?? byCode ?? (requestor ? "person" : "unknown");
  const type = target?.type ?? (who === undefined ? undefined : text(who, "type", `${at}.who`)) ?? "Agent";
  const id =
    target?.id ??
    references.logicalId(who, type, `${at}.who`) ??
    (altId === undefined ? undefined : `${context.institution}/Agent/${encodeURIComponent(altId)}`);
  if (id === undefined) {
    sealing.names(name, display);
    return hasText(name, display)
      ? { id: `${context.institution}/Agent/unidentified`, kind, roles, ...(requestor ? { requestor } : {}) }
      : undefined;
  }
  sealing.label(id, [name, display, altId === undefined || id.endsWith(encodeURIComponent(altId)) ? undefined : altId]);
  return { id, kind, roles, ...(requestor ? { requestor } : {}) };
}
