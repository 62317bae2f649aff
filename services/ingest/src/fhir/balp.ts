/**
 * IHE Basic Audit Log Patterns (BALP 1.1, profiles.ihe.net/ITI/BALP): which patterns an AuditEvent follows, by what it
 * claims or by its shape, and what of a claimed one is missing. A repository takes what does not conform and flags it.
 */
import type { ActivityKind, Coding } from "@medtrace/shared/model/trace-event";
import type { DraftAgent, DraftRecord } from "../normalise/draft.ts";
import { roleCodes } from "./agents.ts";
import { child, children, type Element, texts } from "./element.ts";

const PROFILE =
  /^https:\/\/profiles\.ihe\.net\/ITI\/BALP\/StructureDefinition\/IHE\.BasicAudit\.([A-Za-z.]{1,64})(?:\|.*)?$/;

type Needed = "data" | "query" | "consent" | "patient";

interface Pattern {
  /** Code of the event's type; absent: any. */
  readonly type?: string;
  /** One of these must be there. */
  readonly subtypes?: readonly string[];
  readonly kind?: ActivityKind;
  /** Codes of agents' types that must all be there. */
  readonly agents: readonly string[];
  readonly entities: readonly Needed[];
}

const REST = "rest";
/** DICOM: 110150 Application, 110152 Destination, 110153 Source. */
const ENDS = ["110153", "110152"] as const;

const rest = (kind: ActivityKind, subtypes: readonly string[], entity: Needed, agents: readonly string[]): Pattern => ({
  type: REST,
  subtypes,
  kind,
  agents,
  entities: [entity],
});
const OF_DATA: Readonly<Record<string, Pattern>> = {
  Create: rest("create", ["create"], "data", ENDS),
  Read: rest("read", ["read", "vread"], "data", ENDS),
  Update: rest("update", ["update", "patch"], "data", ENDS),
  Delete: rest("delete", ["delete"], "data", ["110150", "custodian"]),
  Query: rest("execute", ["search", "search-type", "search-system"], "query", ENDS),
};
const disclosure = (type: string): Pattern => ({
  type,
  subtypes: ["disclose"],
  kind: "disclose",
  agents: ENDS,
  entities: ["patient", "data"],
});
const byToken = (agent: string): Pattern => ({ agents: [agent], entities: [] });

/** Every pattern, the more exact before the less. */
const PATTERNS: ReadonlyMap<string, Pattern> = new Map<string, Pattern>([
  ...Object.entries(OF_DATA).map(([name, pattern]): [string, Pattern] => [
    `Patient${name}`,
    { ...pattern, entities: [...pattern.entities, "patient"] },
  ]),
  ...Object.entries(OF_DATA),
  ["PrivacyDisclosure.Source", disclosure("110106")],
  ["PrivacyDisclosure.Recipient", disclosure("110107")],
  [
    "AuthZconsent",
    {
      type: "110113",
      subtypes: ["AuthZ-Consent"],
      kind: "execute",
      agents: ["110150", "IRCP", "PROV", "authserver"],
      entities: ["patient", "consent"],
    },
  ],
  ["SAMLaccessTokenUse.Comprehensive", byToken("UserSamlAgent")],
  ["SAMLaccessTokenUse.Minimal", byToken("UserSamlAgent")],
  ["OAUTHaccessTokenUse.Comprehensive", byToken("UserOauthAgent")],
  ["OAUTHaccessTokenUse.Minimal", byToken("UserOauthAgent")],
  ["OAUTHaccessTokenUse.Opaque", byToken("UserOauthAgent")],
]);

/** Patterns of each type of event; tokens may be used in any. */
const BY_TYPE: ReadonlyMap<string, readonly (readonly [string, Pattern])[]> = Map.groupBy(
  [...PATTERNS].filter(([, { type }]) => type !== undefined),
  ([, { type }]) => type as string,
);

export interface BalpFacts {
  /** How many patients it names. */
  readonly persons: number;
  readonly kind: ActivityKind;
  /** Type, then subtypes. */
  readonly codes: readonly Coding[];
  readonly agents: readonly DraftAgent[];
  readonly records: readonly DraftRecord[];
}

export interface Balp {
  /** Names of patterns that it follows, without their common beginning: those it claims, else one by its shape. */
  readonly patterns: readonly string[];
  /** What a claimed pattern asks for and is not there. */
  readonly flags: readonly string[];
}

const NONE: Balp = { patterns: [], flags: [] };

/** The patterns of an AuditEvent. @throws MedtraceError INPUT_INVALID where `meta.profile` is no list of texts. */
export function balpOf(resource: Element, facts: BalpFacts): Balp {
  const meta = child(resource, "meta", "AuditEvent");
  const profiles = meta === undefined ? [] : texts(meta, "profile", "AuditEvent.meta");
  const claimed = profiles.flatMap((profile) => PROFILE.exec(profile)?.[1] ?? []);
  if (claimed.length === 0) return byShape(resource, facts);
  const codes = agentCodes(resource, facts);
  const flags = claimed.flatMap((name) => {
    const pattern = PATTERNS.get(name);
    return pattern === undefined ? ["balp:unknown-pattern"] : missing(pattern, resource, facts, codes);
  });
  return { patterns: [...new Set(claimed.filter((name) => PATTERNS.has(name)))].sort(), flags };
}

function byShape(resource: Element, facts: BalpFacts): Balp {
  const ofType = BY_TYPE.get(facts.codes[0]?.code ?? "");
  if (ofType === undefined) return NONE;
  let codes: ReadonlySet<string> | undefined;
  for (const [name, pattern] of ofType) {
    if (pattern.kind !== facts.kind) continue;
    codes ??= agentCodes(resource, facts);
    if (missing(pattern, resource, facts, codes).length === 0) return { patterns: [name], flags: [] };
  }
  return NONE;
}

/** What of a pattern is not there. */
function missing(
  { type, subtypes, kind, agents, entities }: Pattern,
  resource: Element,
  facts: BalpFacts,
  codes: ReadonlySet<string>,
): string[] {
  const flags: string[] = [];
  const [first, ...more] = facts.codes;
  if (type !== undefined && first?.code !== type) flags.push("balp:other-type");
  if (subtypes !== undefined && !more.some(({ code }) => subtypes.includes(code))) flags.push("balp:other-subtype");
  if (kind !== undefined && kind !== facts.kind) flags.push("balp:other-action");
  if (codes.size === 0) flags.push("balp:untyped-agents");
  else if (agents.some((code) => !codes.has(code))) flags.push("balp:missing-agent");
  for (const entity of entities) if (!HAS[entity](resource, facts)) flags.push(`balp:no-${entity}`);
  return flags;
}

/** object-role 24 Query. */
const ROLE_QUERY = "24";

const HAS: Readonly<Record<Needed, (resource: Element, facts: BalpFacts) => boolean>> = {
  patient: (_resource, { persons }) => persons > 0,
  // The Patient resource itself may be what was touched.
  data: (_resource, { records }) => records.some(({ type, role }) => type !== "Patient" || role !== "associated"),
  consent: (_resource, { records }) => records.some(({ type }) => type === "Consent"),
  query: (resource) =>
    children(resource, "entity", "AuditEvent").some((entity) => {
      const { role } = entity as { role?: { code?: unknown; coding?: readonly { code?: unknown }[] } };
      return role?.code === ROLE_QUERY || role?.coding?.[0]?.code === ROLE_QUERY;
    }),
};

/** Codes of all agents' types and roles; of those too that nothing says who they are. */
function agentCodes(resource: Element, { agents }: BalpFacts): ReadonlySet<string> {
  const elements = children(resource, "agent", "AuditEvent");
  if (elements.length === agents.length) return new Set(agents.flatMap(({ roles }) => roles));
  return new Set(elements.flatMap((agent, i) => roleCodes(agent, `AuditEvent.agent[${i}]`)));
}
