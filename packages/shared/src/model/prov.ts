/**
 * PROV (W3C PROV-DM) from trace events: records are entities, trace events are activities; people, devices, software
 * and institutions are agents. The roles that records have in an event decide its relations.
 *
 * An entity is generated once. Where an event makes anew what the document already knows (an update, a second report
 * under one id), it generates a *state* of the record: an entity of its own, `specializationOf` the record. Derivations
 * thus always lead from what was there to what is new, and a document is valid by PROV-CONSTRAINTS whatever its events
 * say of each other.
 */
import type { Derivation } from "../ports/projection.ts";
import { createNaming, eventName, nameText, type QualifiedName, stateName, term } from "./prov-names.ts";
import type { AgentKind, Coding, TraceAgent, TraceEvent, TraceRecord, TraceTime } from "./trace-event.ts";

/** Positional arguments of each relation, by the names that PROV-JSON gives them; those at the end may be missing. */
export const RELATIONS = {
  used: ["activity", "entity", "time"],
  wasGeneratedBy: ["entity", "activity", "time"],
  wasInvalidatedBy: ["entity", "activity", "time"],
  wasDerivedFrom: ["generatedEntity", "usedEntity", "activity", "generation", "usage"],
  wasAssociatedWith: ["activity", "agent", "plan"],
  actedOnBehalfOf: ["delegate", "responsible", "activity"],
  specializationOf: ["specificEntity", "generalEntity"],
} as const;

export type RelationKind = keyof typeof RELATIONS;

/** An attribute's value: a plain text, a name, or a text of another XML Schema type. */
export type ProvValue =
  | string
  | { readonly name: QualifiedName }
  | { readonly text: string; readonly type: "dateTime" | "boolean" };

/** Attributes by `prefix:local`, each with at least one value. */
export type ProvAttributes = ReadonlyMap<string, readonly ProvValue[]>;

export interface ProvElement {
  readonly name: QualifiedName;
  readonly attributes: ProvAttributes;
}

export interface ProvActivity extends ProvElement {
  /** xsd:dateTime, with the offset that the source gave. */
  readonly start: string | undefined;
  readonly end: string | undefined;
}

export interface ProvRelation {
  readonly kind: RelationKind;
  /** In the order of {@link RELATIONS}; a text is a time. */
  readonly arguments: readonly (QualifiedName | string | undefined)[];
  readonly attributes: ProvAttributes;
}

export interface ProvDocument {
  /** Namespaces by prefix, without PROV's own. */
  readonly namespaces: ReadonlyMap<string, string>;
  readonly entities: readonly ProvElement[];
  readonly activities: readonly ProvActivity[];
  readonly agents: readonly ProvElement[];
  readonly relations: readonly ProvRelation[];
}

/** A trace event with the derivations that it shows. */
export interface ProvInput {
  readonly event: Omit<TraceEvent, "sealed" | "nonce">;
  readonly derivations: readonly Derivation[];
}

/**
 * The document of these events, in the order of their times. The same events give the same document.
 */
export function provDocument(inputs: readonly ProvInput[]): ProvDocument {
  const draft = createDraft();
  const ordered = inputs.toSorted((a, b) => compare(sortKey(a.event), sortKey(b.event)));
  for (const input of ordered) describeEvent(draft, input);
  return draft.finish();
}

function sortKey({ occurred, recorded, id }: ProvInput["event"]): string {
  return `${(occurred?.start ?? recorded).utc} ${id}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

type Attributes = Map<string, ProvValue[]>;

/** A document while it grows. */
interface Draft {
  /** The entity of a record, described further by each event that names it. */
  entity(id: string, type?: string): QualifiedName;
  /** The entity that an event makes of a record: the record itself where nothing was known of it before. */
  generated(event: string, id: string, type?: string): QualifiedName;
  agent(id: string, kind: AgentKind): QualifiedName;
  activity(activity: ProvActivity): void;
  relate(kind: RelationKind, args: ProvRelation["arguments"], attributes?: Attributes): void;
  finish(): ProvDocument;
}

function createDraft(): Draft {
  const naming = createNaming();
  const entities = new Map<string, { name: QualifiedName; attributes: Attributes }>();
  const agents = new Map<string, { name: QualifiedName; attributes: Attributes }>();
  const activities: ProvActivity[] = [];
  const relations = new Map<string, ProvRelation>();

  const element = (kind: typeof entities, name: QualifiedName): Attributes => {
    const key = nameText(name);
    const known = kind.get(key) ?? { name, attributes: new Map() };
    kind.set(key, known);
    return known.attributes;
  };
  const entity: Draft["entity"] = (id, type) => {
    const name = naming.of(id);
    const attributes = element(entities, name);
    if (type !== undefined) add(attributes, "mt:recordType", type);
    return name;
  };
  const relate: Draft["relate"] = (kind, args, attributes = new Map()) => {
    const key = [kind, ...args.map((arg) => (typeof arg === "object" ? nameText(arg) : (arg ?? "")))].join(" ");
    const known = relations.get(key);
    if (known === undefined) relations.set(key, { kind, arguments: args, attributes });
    else for (const [name, values] of attributes) for (const v of values) add(known.attributes as Attributes, name, v);
  };
  return {
    entity,
    relate,
    generated(event, id, type) {
      if (!entities.has(nameText(naming.of(id)))) return entity(id, type);
      const state = stateName(event, id);
      const attributes = element(entities, state);
      if (type !== undefined) add(attributes, "mt:recordType", type);
      relate("specializationOf", [state, entity(id)]);
      return state;
    },
    agent(id, kind) {
      const name = naming.of(id);
      const attributes = element(agents, name);
      const type = AGENT_TYPES[kind];
      if (type !== undefined) add(attributes, "prov:type", { name: type });
      return name;
    },
    activity: (activity) => {
      activities.push(activity);
    },
    finish: () => ({
      namespaces: naming.namespaces,
      entities: [...entities.values()],
      activities,
      agents: [...agents.values()],
      relations: [...relations.values()],
    }),
  };
}

const AGENT_TYPES: Readonly<Record<AgentKind, QualifiedName | undefined>> = {
  person: term("prov", "Person"),
  subject: term("prov", "Person"),
  device: term("mt", "Device"),
  software: term("prov", "SoftwareAgent"),
  institution: term("prov", "Organization"),
  unknown: undefined,
};

function add(attributes: Attributes, name: string, value: ProvValue): void {
  const values = attributes.get(name) ?? [];
  const text = JSON.stringify(value);
  if (!values.some((known) => JSON.stringify(known) === text)) values.push(value);
  attributes.set(name, values);
}

function describeEvent(draft: Draft, { event, derivations }: ProvInput): void {
  const activity = eventName(event.id);
  draft.activity({
    name: activity,
    attributes: activityAttributes(draft, event),
    start: event.occurred === undefined ? undefined : dateTime(event.occurred.start),
    end: event.occurred === undefined ? undefined : dateTime(event.occurred.end),
  });
  describeRecords(draft, activity, event, derivations);
  for (const agent of event.agents) describeAgent(draft, activity, agent);
  for (const recipient of event.recipients) {
    const name = draft.agent(recipient, "institution");
    draft.relate("wasAssociatedWith", [activity, name], new Map([["prov:role", [{ name: term("mt", "recipient") }]]]));
  }
}

function activityAttributes(draft: Draft, event: ProvInput["event"]): Attributes {
  const attributes: Attributes = new Map();
  add(attributes, "prov:type", { name: term("mt", event.activity.kind) });
  for (const code of event.activity.codes) add(attributes, "mt:code", codingText(code));
  for (const purpose of event.purposes) add(attributes, "mt:purpose", codingText(purpose));
  add(attributes, "mt:outcome", event.outcome);
  add(attributes, "mt:institution", event.institution);
  add(attributes, "mt:source", event.source.type);
  add(attributes, "mt:recorded", { text: dateTime(event.recorded), type: "dateTime" });
  if (event.breakGlass) add(attributes, "mt:breakGlass", { text: "true", type: "boolean" });
  for (const consent of event.consents) add(attributes, "mt:consent", { name: draft.entity(consent) });
  for (const { id, type, role } of event.records) {
    if (role === "associated") add(attributes, "mt:named", { name: draft.entity(id, type) });
  }
  return attributes;
}

const USES: ReadonlySet<string> = new Set(["used", "revised", "source", "revision", "quotation"]);

/** What was used exists first; then what was made of it; then what is no more. */
function describeRecords(
  draft: Draft,
  activity: QualifiedName,
  event: ProvInput["event"],
  derivations: readonly Derivation[],
): void {
  const time = instant(event);
  const types = new Map(event.records.map(({ id, type }) => [id, type]));
  const use = (id: string, version?: string): QualifiedName => {
    const name = draft.entity(id, types.get(id));
    draft.relate("used", [activity, name, time], versionAttribute(version));
    return name;
  };
  for (const { id, version, role } of event.records) if (USES.has(role)) use(id, version);
  const sources = derivations.filter(({ from, to }) => from !== to).map((edge) => ({ ...edge, used: use(edge.from) }));

  const made = new Map<string, QualifiedName>();
  const make = (id: string, version?: string): QualifiedName => {
    const name = made.get(id) ?? draft.generated(event.id, id, types.get(id));
    made.set(id, name);
    draft.relate("wasGeneratedBy", [name, activity, time], versionAttribute(version));
    return name;
  };
  for (const { id, version, role } of event.records) {
    if (role === "generated") make(id, version);
    if (role === "revised") derive(draft, make(id, version), draft.entity(id), activity, "wasRevisionOf");
  }
  for (const { to, used, relation } of sources) derive(draft, make(to), used, activity, relation);
  for (const record of event.records) if (record.role === "invalidated") invalidate(draft, activity, record, time);
}

/** A revision and a quotation are derivations of those types (PROV-DM sections 5.2.2 and 5.2.3). */
function derive(
  draft: Draft,
  made: QualifiedName,
  used: QualifiedName,
  activity: QualifiedName,
  relation: Derivation["relation"],
): void {
  const types = { wasDerivedFrom: undefined, wasRevisionOf: "Revision", wasQuotedFrom: "Quotation" };
  const type = types[relation];
  const attributes: Attributes =
    type === undefined ? new Map() : new Map([["prov:type", [{ name: term("prov", type) }]]]);
  draft.relate("wasDerivedFrom", [made, used, activity], attributes);
}

function invalidate(draft: Draft, activity: QualifiedName, record: TraceRecord, time: string | undefined): void {
  const name = draft.entity(record.id, record.type);
  draft.relate("wasInvalidatedBy", [name, activity, time], versionAttribute(record.version));
}

function describeAgent(draft: Draft, activity: QualifiedName, agent: TraceAgent): void {
  const name = draft.agent(agent.id, agent.kind);
  const attributes: Attributes = new Map();
  for (const role of agent.roles) add(attributes, "prov:role", role);
  if (agent.requestor === true) add(attributes, "mt:requestor", { text: "true", type: "boolean" });
  draft.relate("wasAssociatedWith", [activity, name], attributes);
  if (agent.onBehalfOf === undefined || agent.onBehalfOf === agent.id) return;
  draft.relate("actedOnBehalfOf", [name, draft.agent(agent.onBehalfOf, "unknown"), activity]);
}

function versionAttribute(version: string | undefined): Attributes {
  return version === undefined ? new Map() : new Map([["mt:version", [version]]]);
}

function codingText({ system, code }: Coding): string {
  return system === undefined ? code : `${system}|${code}`;
}

/** When an event used and made its records, where that is one instant; within a period it is not known. */
function instant({ occurred }: ProvInput["event"]): string | undefined {
  return occurred !== undefined && occurred.start.utc === occurred.end.utc ? dateTime(occurred.start) : undefined;
}

/** As its source gave it; in UTC where XML Schema has no such time (a leap second, an offset beyond 14 hours). */
function dateTime({ given, utc }: TraceTime): string {
  const offsetHours = /[+-](\d{2}):\d{2}$/.exec(given)?.[1];
  return given.includes(":60") || Number(offsetHours ?? 0) >= 14 ? utc : given;
}
