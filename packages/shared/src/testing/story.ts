/**
 * A small story, worked out by hand: a patient of hospital A has blood drawn, a laboratory measures, A reports and refers
 * her to hospital B. B reads the letter, breaks the glass for the report, merges her two identities, and a copy of the
 * letter leaks. The laboratory then withdraws its result. Nobody in it is a real person.
 *
 * ```
 * laboratory  Specimen/1 ─► Observation/1 ──────┐ (withdrawn)
 * hospital-a  ServiceRequest/1    DiagnosticReport/1 ─► Letter/1 ─┐ (quotes)
 * hospital-b                                                      └─► Export/1 ─► to an unknown partner
 * ```
 */
import { eventId, type TraceEvent, type TraceRecord } from "../model/trace-event.ts";
import type { Derivation } from "../ports/projection.ts";

/** An event of the story before it is sealed, and the lineage edges that it shows. */
export interface StoryEvent {
  readonly name: StoryName;
  readonly event: Omit<TraceEvent, "sealed" | "nonce">;
  readonly derivations: readonly Derivation[];
}

export type StoryName =
  | "order"
  | "measure"
  | "report"
  | "refer"
  | "read-letter"
  | "break-glass"
  | "correct"
  | "merge"
  | "export"
  | "leak"
  | "withdraw";

/** Tokens of the patient: as A and the laboratory know her, and the second one that B made. */
export const STORY_SUBJECTS = { known: "c3RvcnktcGF0aWVudC0xMQ", second: "c3RvcnktcGF0aWVudC0yMg" } as const;

export const STORY_RECORDS = {
  order: "hospital-a/ServiceRequest/1",
  specimen: "laboratory/Specimen/1",
  observation: "laboratory/Observation/1",
  report: "hospital-a/DiagnosticReport/1",
  letter: "hospital-a/Letter/1",
  consent: "hospital-a/Consent/1",
  chart: "hospital-b/Encounter/1",
  oldChart: "hospital-b/Encounter/2",
  export: "hospital-b/Export/1",
} as const;

export const STORY_AGENTS = {
  clinician: "hospital-a/Practitioner/1",
  analyser: "laboratory/Device/1",
  specialist: "hospital-b/Practitioner/7",
  assistant: "hospital-b/Practitioner/8",
} as const;

/** Who the leaked copy went to, by the only name that is known. */
export const STORY_STRANGER = "partner-of-no-one";

interface Told extends Partial<Omit<TraceEvent, "activity">> {
  readonly kind: TraceEvent["activity"]["kind"];
  /** Minutes after the story begins. */
  readonly minute: number;
  readonly derivations?: readonly Derivation[];
}

const STORY_BEGINS = Date.parse("2026-03-02T07:00:00.000Z");
const { known, second } = STORY_SUBJECTS;
const R = STORY_RECORDS;

const record = (id: string, role: TraceRecord["role"], version?: string): TraceRecord => ({
  id,
  type: id.split("/")[1] ?? "",
  role,
  ...(version === undefined ? {} : { version }),
});
const clinician = {
  id: STORY_AGENTS.clinician,
  kind: "person",
  roles: ["AUT"],
  requestor: true,
  onBehalfOf: "hospital-a",
} as const;
const specialist = {
  id: STORY_AGENTS.specialist,
  kind: "person",
  roles: ["IRCP"],
  requestor: true,
  onBehalfOf: "hospital-b",
} as const;
const TREATMENT = [{ system: "http://terminology.hl7.org/CodeSystem/v3-ActReason", code: "TREAT" }];

const TOLD: Readonly<Record<StoryName, Told>> = {
  order: {
    kind: "order",
    minute: 0,
    recipients: ["laboratory"],
    agents: [clinician],
    records: [record(R.order, "generated")],
  },
  measure: {
    kind: "create",
    minute: 60,
    institution: "laboratory",
    recipients: ["hospital-a"],
    agents: [{ id: STORY_AGENTS.analyser, kind: "device", roles: [], onBehalfOf: "laboratory" }],
    records: [record(R.order, "used"), record(R.specimen, "source"), record(R.observation, "generated", "1")],
    derivations: [{ from: R.specimen, to: R.observation, relation: "wasDerivedFrom" }],
  },
  report: {
    kind: "create",
    minute: 120,
    agents: [clinician],
    records: [record(R.observation, "source", "1"), record(R.report, "generated", "1")],
    derivations: [{ from: R.observation, to: R.report, relation: "wasDerivedFrom" }],
  },
  refer: {
    kind: "create",
    minute: 180,
    purposes: TREATMENT,
    consents: [R.consent],
    recipients: ["hospital-b"],
    agents: [clinician],
    records: [record(R.report, "quotation", "1"), record(R.letter, "generated")],
    derivations: [{ from: R.report, to: R.letter, relation: "wasQuotedFrom" }],
  },
  "read-letter": {
    kind: "read",
    minute: 1_500,
    institution: "hospital-b",
    purposes: TREATMENT,
    consents: [R.consent],
    agents: [specialist],
    records: [record(R.letter, "used")],
    subjects: [second],
  },
  "break-glass": {
    kind: "read",
    minute: 1_510,
    institution: "hospital-b",
    recipients: ["hospital-a"],
    breakGlass: true,
    purposes: [{ system: "http://terminology.hl7.org/CodeSystem/v3-ActReason", code: "BTG" }],
    agents: [specialist],
    records: [record(R.report, "used", "1")],
    subjects: [second],
  },
  correct: {
    kind: "update",
    minute: 1_600,
    recipients: ["hospital-b"],
    agents: [clinician],
    records: [record(R.report, "revised", "2")],
  },
  merge: {
    kind: "merge",
    minute: 1_700,
    institution: "hospital-b",
    agents: [{ id: STORY_AGENTS.assistant, kind: "person", roles: ["ENT"], onBehalfOf: STORY_AGENTS.specialist }],
    records: [record(R.oldChart, "invalidated"), record(R.chart, "generated")],
    subjects: [known, second],
    joins: [[known, second]],
    derivations: [{ from: R.oldChart, to: R.chart, relation: "wasDerivedFrom" }],
  },
  export: {
    kind: "create",
    minute: 2_900,
    institution: "hospital-b",
    agents: [{ id: STORY_AGENTS.assistant, kind: "person", roles: ["AUT"] }],
    records: [record(R.letter, "source"), record(R.export, "generated")],
    derivations: [{ from: R.letter, to: R.export, relation: "wasDerivedFrom" }],
  },
  leak: {
    kind: "disclose",
    minute: 2_905,
    institution: "hospital-b",
    recipients: [STORY_STRANGER],
    agents: [{ id: STORY_AGENTS.assistant, kind: "person", roles: ["AUT"] }],
    records: [record(R.export, "used")],
  },
  withdraw: {
    kind: "delete",
    minute: 4_000,
    institution: "laboratory",
    recipients: ["hospital-a"],
    agents: [{ id: STORY_AGENTS.analyser, kind: "device", roles: [] }],
    records: [record(R.observation, "invalidated", "1")],
  },
};

/** The story's events in their order; times carry the offset of the place. */
export function story(): readonly StoryEvent[] {
  return (Object.keys(TOLD) as StoryName[]).map((name) => ({
    name,
    event: eventOf(name, TOLD[name]),
    derivations: TOLD[name].derivations ?? [],
  }));
}

function eventOf(
  name: StoryName,
  { kind, minute, derivations: _, institution = "hospital-a", ...more }: Told,
): StoryEvent["event"] {
  const id = eventId(institution, "ehr", `story-${name}`, 0);
  const at_ms = STORY_BEGINS + minute * 60_000;
  const local = new Date(at_ms + 3_600_000).toISOString().replace(/\.\d+Z$/, "+01:00");
  const time = { given: local, utc: new Date(at_ms).toISOString() };
  return {
    format: 1,
    id,
    institution,
    source: { format: "fhir-r4", type: "AuditEvent", system: "ehr", digest: `hmac-sha256:${id}`, index: 0, flags: [] },
    activity: { kind, codes: [] },
    outcome: "success",
    occurred: { start: time, end: time },
    recorded: time,
    received: time,
    purposes: [],
    breakGlass: false,
    consents: [],
    agents: [],
    records: [],
    recipients: [],
    subjects: [known],
    joins: [],
    ...more,
  };
}
