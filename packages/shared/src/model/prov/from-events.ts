/**
 * PROV (W3C PROV-DM) from trace events: records are entities, trace events are activities; people, devices, software
 * and institutions are agents. The roles that records have in an event decide its relations (docs/prov.md).
 *
 * An entity is generated once. Where an event makes anew what was made before, or changes what was only known, it
 * generates a *state* of the record: an entity of its own, `specializationOf` the record. What an event says to have
 * created is generated as it says, even where that contradicts another event: constraints/check.ts then tells of it.
 */
import type { Derivation } from "../../ports/projection.ts";
import type { Coding, TraceAgent, TraceEvent, TraceRecord, TraceTime } from "../trace-event.ts";
import { subjectRecordId } from "../trace-event.ts";
import { type Attestation, attest, bundleOf, type ProvAnchor } from "./attestation.ts";
import type { ProvDocument } from "./document.ts";
import { type Attributes, add, createDraft, type Draft } from "./draft.ts";
import { eventName, type QualifiedName, term } from "./names.ts";

/** A trace event with the derivations that it shows. */
export interface ProvInput {
  readonly event: Omit<TraceEvent, "sealed" | "nonce">;
  readonly derivations: readonly Derivation[];
  /** Where the ledger has it; told of in attestations. */
  readonly anchor?: ProvAnchor;
}

export interface ProvOptions {
  /**
   * `institution`: what each institution says stands in a bundle of its own, and the document says of each bundle who
   * attests it and which batches hold it. `none`: one account of all. Default `none`.
   */
  readonly bundles?: "none" | "institution";
}

/** The document of these events, in the order of their times. The same events give the same document. */
export function provDocument(inputs: readonly ProvInput[], { bundles = "none" }: ProvOptions = {}): ProvDocument {
  const draft = createDraft();
  const ordered = inputs.toSorted((a, b) => compare(sortKey(a.event), sortKey(b.event)));
  const attestations = bundles === "none" ? new Map<string, Attestation>() : attestationsOf(ordered);
  for (const input of ordered) {
    draft.within(attestations.get(input.event.institution)?.bundle);
    describeEvent(draft, input);
  }
  draft.within(undefined);
  for (const attestation of attestations.values()) attest(draft, attestation);
  return draft.finish();
}

function attestationsOf(inputs: readonly ProvInput[]): Map<string, Attestation> {
  const byInstitution = Map.groupBy(inputs, ({ event }) => event.institution);
  return new Map(
    [...byInstitution].map(([institution, own]) => [
      institution,
      {
        institution,
        bundle: bundleOf(
          institution,
          own.map(({ event }) => event.id),
        ),
        anchors: own.flatMap(({ anchor }) => (anchor === undefined ? [] : [anchor])),
      },
    ]),
  );
}

function sortKey({ occurred, recorded, id }: ProvInput["event"]): string {
  return `${(occurred?.start ?? recorded).utc} ${id}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
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
  describeAgents(draft, activity, event);
  for (const [one, other] of event.joins) {
    draft.relate("alternateOf", [draft.entity(subjectRecordId(one)), draft.entity(subjectRecordId(other))]);
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
  add(attributes, "mt:recorded", { text: dateTime(event.recorded), type: term("xsd", "dateTime") });
  if (event.breakGlass) add(attributes, "mt:breakGlass", TRUE);
  for (const { id, type, role } of event.records) {
    if (role === "associated") add(attributes, "mt:named", { name: draft.entity(id, type) });
  }
  return attributes;
}

const TRUE = { text: "true", type: term("xsd", "boolean") } as const;
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
  const creates = event.activity.kind === "create";
  const isNew = new Map(derivations.map(({ to }) => [to, isGeneratedHere(draft, to, creates)]));
  for (const { id } of event.records) isNew.set(id, isGeneratedHere(draft, id, creates));
  const use = (id: string, version?: string): QualifiedName => {
    const name = draft.entity(id, types.get(id));
    draft.relate("used", [activity, name, time], versionAttribute(version));
    return name;
  };
  for (const { id, version, role } of event.records) {
    if (!USES.has(role)) continue;
    use(id, version);
    isNew.set(id, false);
  }
  const sources = derivations.filter(({ from, to }) => from !== to).map((edge) => ({ ...edge, used: use(edge.from) }));
  for (const { from } of sources) isNew.set(from, false);

  const made = new Map<string, QualifiedName>();
  const make = (id: string, version?: string): QualifiedName => {
    const type = types.get(id);
    const name = made.get(id) ?? (isNew.get(id) === false ? draft.state(event.id, id, type) : draft.entity(id, type));
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

/** A creation generates the record itself, unless that was done before; another event does where it is the first. */
function isGeneratedHere(draft: Draft, id: string, creates: boolean): boolean {
  const known = draft.isKnown(id);
  return known === undefined || (creates && known === "named");
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

/** The consents that a use relied on are the plans of the one who asked for it (PROV-DM section 5.3.3). */
function describeAgents(draft: Draft, activity: QualifiedName, event: ProvInput["event"]): void {
  const plans = event.consents.map((consent) => {
    const plan = draft.entity(consent, "Consent");
    draft.thing(plan, new Map([["prov:type", [{ name: term("prov", "Plan") }]]]));
    return plan;
  });
  const asking = event.agents.find(({ requestor }) => requestor === true) ?? event.agents[0];
  for (const agent of event.agents) describeAgent(draft, activity, agent, agent === asking ? plans : []);
  for (const recipient of event.recipients) {
    const role: Attributes = new Map([["prov:role", [{ name: term("mt", "recipient") }]]]);
    draft.relate("wasAssociatedWith", [activity, draft.agent(recipient, "institution")], role);
  }
}

function describeAgent(
  draft: Draft,
  activity: QualifiedName,
  agent: TraceAgent,
  plans: readonly QualifiedName[],
): void {
  const name = draft.agent(agent.id, agent.kind);
  for (const plan of plans.length === 0 ? [undefined] : plans) {
    const attributes: Attributes = new Map();
    for (const role of agent.roles) add(attributes, "prov:role", role);
    if (agent.requestor === true) add(attributes, "mt:requestor", TRUE);
    draft.relate("wasAssociatedWith", [activity, name, plan], attributes);
  }
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
