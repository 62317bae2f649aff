/** A PROV document while it grows: things are described by many events, and stand once in each bundle. */
import type { AgentKind } from "../trace-event.ts";
import type {
  ProvActivity,
  ProvBundle,
  ProvContents,
  ProvDocument,
  ProvElement,
  ProvRelation,
  ProvValue,
  RelationKind,
} from "./document.ts";
import { createNaming, nameText, type QualifiedName, stateName, term } from "./names.ts";

export type Attributes = Map<string, ProvValue[]>;

export interface Draft {
  /** Has what follows told in this bundle; undefined: in the document itself. */
  within(bundle: QualifiedName | undefined): void;
  /** The entity of a record, described further by each event that names it. */
  entity(id: string, type?: string): QualifiedName;
  /** The record as this event left it, an entity of its own. */
  state(event: string, id: string, type?: string): QualifiedName;
  /** Whether an earlier event of any bundle named this record, or generated it. */
  isKnown(id: string): "generated" | "named" | undefined;
  /** An entity that is no record, such as a bundle. */
  thing(name: QualifiedName, attributes: Attributes): QualifiedName;
  agent(id: string, kind: AgentKind): QualifiedName;
  activity(activity: ProvActivity): void;
  relate(kind: RelationKind, args: ProvRelation["arguments"], attributes?: Attributes): void;
  finish(): ProvDocument;
}

interface Contents {
  readonly entities: Map<string, { readonly name: QualifiedName; readonly attributes: Attributes }>;
  readonly agents: Map<string, { readonly name: QualifiedName; readonly attributes: Attributes }>;
  readonly activities: ProvActivity[];
  readonly relations: Map<string, ProvRelation>;
}

const AGENT_TYPES: Readonly<Record<AgentKind, QualifiedName | undefined>> = {
  person: term("prov", "Person"),
  subject: term("prov", "Person"),
  device: term("mt", "Device"),
  software: term("prov", "SoftwareAgent"),
  institution: term("prov", "Organization"),
  unknown: undefined,
};

export function createDraft(): Draft {
  const naming = createNaming();
  const top = emptyContents();
  const bundles = new Map<string, { readonly name: QualifiedName; readonly contents: Contents }>();
  const known = new Map<string, "generated" | "named">();
  let current = top;

  const relate: Draft["relate"] = (kind, args, attributes = new Map()) => {
    const key = [kind, ...args.map((arg) => (typeof arg === "object" ? nameText(arg) : (arg ?? "")))].join(" ");
    const same = current.relations.get(key);
    if (same === undefined) current.relations.set(key, { kind, arguments: args, attributes });
    else merge(same.attributes as Attributes, attributes);
    const [subject] = args;
    if (kind === "wasGeneratedBy" && typeof subject === "object") known.set(nameText(subject), "generated");
  };
  const entity: Draft["entity"] = (id, type) => {
    const name = naming.of(id);
    const attributes = element(current.entities, name);
    if (type !== undefined) add(attributes, "mt:recordType", type);
    if (!known.has(nameText(name))) known.set(nameText(name), "named");
    return name;
  };
  return {
    within(bundle) {
      if (bundle === undefined) {
        current = top;
        return;
      }
      const key = nameText(bundle);
      const one = bundles.get(key) ?? { name: bundle, contents: emptyContents() };
      bundles.set(key, one);
      current = one.contents;
    },
    entity,
    isKnown: (id) => known.get(nameText(naming.of(id))),
    state(event, id, type) {
      const state = stateName(event, id);
      const attributes = element(current.entities, state);
      if (type !== undefined) add(attributes, "mt:recordType", type);
      relate("specializationOf", [state, entity(id, type)]);
      return state;
    },
    thing(name, attributes) {
      merge(element(current.entities, name), attributes);
      return name;
    },
    agent(id, kind) {
      const name = naming.of(id);
      const attributes = element(current.agents, name);
      const type = AGENT_TYPES[kind];
      if (type !== undefined) add(attributes, "prov:type", { name: type });
      return name;
    },
    activity: (activity) => {
      current.activities.push(activity);
    },
    relate,
    finish: () => ({
      namespaces: naming.namespaces,
      ...told(top),
      bundles: [...bundles.values()].map(({ name, contents }): ProvBundle => ({ name, ...told(contents) })),
    }),
  };
}

/** What each list of values holds: one event may name tens of thousands of records. */
const held = new WeakMap<readonly ProvValue[], Set<string>>();

/** Adds a value that is not there yet. */
export function add(attributes: Attributes, name: string, value: ProvValue): void {
  const values = attributes.get(name) ?? [];
  const texts = held.get(values) ?? new Set(values.map((one) => JSON.stringify(one)));
  held.set(values, texts);
  const text = JSON.stringify(value);
  if (!texts.has(text)) values.push(value);
  texts.add(text);
  attributes.set(name, values);
}

function merge(target: Attributes, more: ReadonlyMap<string, readonly ProvValue[]>): void {
  for (const [name, values] of more) for (const value of values) add(target, name, value);
}

function element(kind: Contents["entities"], name: QualifiedName): Attributes {
  const key = nameText(name);
  const known = kind.get(key) ?? { name, attributes: new Map() };
  kind.set(key, known);
  return known.attributes;
}

function emptyContents(): Contents {
  return { entities: new Map(), agents: new Map(), activities: [], relations: new Map() };
}

function told({ entities, agents, activities, relations }: Contents): ProvContents {
  const elements = (of: Contents["entities"]): ProvElement[] => [...of.values()];
  return { entities: elements(entities), activities, agents: elements(agents), relations: [...relations.values()] };
}
