/** From a draft to a trace event: tokens in the place of persons, the rest sealed. */
import type { KeyObject } from "node:crypto";
import { base64url } from "@medtrace/shared/model/bytes";
import { SEAL_IV_BYTES, seal } from "@medtrace/shared/model/seal";
import {
  type SealedContent,
  subjectRecordId,
  TRACE_EVENT_FORMAT,
  type TraceAgent,
  type TraceEvent,
  type TraceRecord,
  type TraceTime,
} from "@medtrace/shared/model/trace-event";
import type { Subject } from "@medtrace/shared/ports/vault";
import type { Draft, DraftAgent, DraftRecord } from "../normalise/draft.ts";
import type { Veil } from "./veil.ts";

const NONCE_BYTES = 32;
/** Stands in for a subject where the event names none: the data key is then the institution's own. */
export const NO_SUBJECT = "none";

export interface EventParts {
  readonly id: string;
  readonly institution: string;
  readonly digest: string;
  readonly received: TraceTime;
  /** One for each of the draft's persons, in order. */
  readonly subjects: readonly Subject[];
  /** Data key of (institution, {@link sealingSubject}). */
  readonly dataKey: KeyObject;
  readonly veil: Veil;
  readonly random: (length: number) => Uint8Array;
}

/** One that is being made: optional members are set one by one, since spreading them costs as much as all the rest. */
type Made<T> = { -readonly [Member in keyof T]: T[Member] };

/** The token whose data key an event of these subjects is sealed under. */
export function sealingSubject(subjects: readonly Subject[]): string {
  return subjects[0]?.token ?? NO_SUBJECT;
}

/** The trace event of a draft; pure but for the random bytes it is given. */
export function traceEvent(draft: Draft, parts: EventParts): TraceEvent {
  const { id, subjects, veil } = parts;
  const { patterns, occurred, consentStates, correlation, feed } = draft;
  const source: Made<TraceEvent["source"]> = {
    format: draft.format,
    type: draft.type,
    system: veil(draft.system, "Device"),
    digest: parts.digest,
    index: draft.index,
    flags: draft.flags,
  };
  if (patterns !== undefined) source.patterns = patterns;
  const event: Made<TraceEvent> = {
    format: TRACE_EVENT_FORMAT,
    id,
    institution: parts.institution,
    source,
    activity: draft.activity,
    outcome: draft.outcome,
    recorded: draft.recorded,
    received: parts.received,
    purposes: draft.purposes,
    breakGlass: draft.breakGlass,
    consents: draft.consents.map((consent) => veil(consent, "Consent")),
    agents: draft.agents.map((agent) => clearAgent(agent, subjects, veil)),
    records: draft.records.map((record) => clearRecord(record, subjects, veil)),
    recipients: draft.recipients.map((recipient) => veil(recipient, "Organization")),
    subjects: tokensOf(subjects),
    joins: joinsOf(draft, subjects),
    sealed: seal(sealedContent(draft, veil), parts.dataKey, sealingSubject(subjects), id, parts.random(SEAL_IV_BYTES)),
    nonce: base64url(parts.random(NONCE_BYTES)),
  };
  if (occurred !== undefined) event.occurred = occurred;
  if (consentStates !== undefined) {
    event.consentStates = consentStates.map((state) => ({ ...state, id: veil(state.id, "Consent") }));
  }
  if (correlation !== undefined) event.correlation = veil(correlation, "Request");
  if (feed !== undefined) event.feed = feed;
  return event;
}

function tokensOf(subjects: readonly Subject[]): string[] {
  const tokens = subjects.map(({ token }) => token);
  return tokens.length > 1 ? [...new Set(tokens)] : tokens;
}

function clearAgent(agent: DraftAgent, subjects: readonly Subject[], veil: Veil): TraceAgent {
  const id = clearId(agent.id, "Agent", subjects, veil);
  const made: Made<TraceAgent> = { id, kind: agent.kind, roles: agent.roles };
  if (agent.requestor !== undefined) made.requestor = agent.requestor;
  if (agent.onBehalfOf !== undefined) made.onBehalfOf = veil(agent.onBehalfOf, "Agent");
  return made;
}

function clearRecord(record: DraftRecord, subjects: readonly Subject[], veil: Veil): TraceRecord {
  const id = clearId(record.id, record.type, subjects, veil);
  const made: Made<TraceRecord> = { id, type: record.type, role: record.role };
  if (record.version !== undefined) made.version = record.version;
  return made;
}

function clearId(
  id: string | { readonly person: number },
  type: string,
  subjects: readonly Subject[],
  veil: Veil,
): string {
  if (typeof id === "string") return veil(id, type);
  const subject = subjects[id.person];
  if (subject === undefined) throw new RangeError(`a draft names person ${id.person} of ${subjects.length}`);
  return subjectRecordId(subject.token);
}

/** Pairs said by the draft (merge, link), and tokens that one person's identifiers showed to be the same. */
function joinsOf(draft: Draft, subjects: readonly Subject[]): [string, string][] {
  if (draft.joins.length === 0 && subjects.every(({ also }) => also.length === 0)) return [];
  const pairs = new Map<string, [string, string]>();
  const add = (a: string | undefined, b: string | undefined): void => {
    if (a === undefined || b === undefined || a === b) return;
    const pair: [string, string] = a < b ? [a, b] : [b, a];
    pairs.set(pair.join(" "), pair);
  };
  for (const [a, b] of draft.joins) add(subjects[a]?.token, subjects[b]?.token);
  for (const subject of subjects) for (const other of subject.also) add(subject.token, other);
  return [...pairs.values()];
}

/** Labels are keyed by the ids that readers will see. */
function sealedContent(draft: Draft, veil: Veil): SealedContent {
  const content: Made<SealedContent> = { ...draft.sealed };
  if (draft.messageId !== undefined) content.messageId = draft.messageId;
  const { labels } = draft.sealed;
  if (labels !== undefined && Object.keys(labels).some((id) => veil(id, "Agent") !== id)) {
    content.labels = Object.fromEntries(Object.entries(labels).map(([id, label]) => [veil(id, "Agent"), label]));
  }
  return content;
}
