/** Whether an event is one that a search asks for, by what its verified bytes say. */
import {
  type Coding,
  requestRecordId,
  type SealedContent,
  subjectRecordId,
  type TraceEvent,
} from "@medtrace/shared/model/trace-event";
import type { Facet } from "@medtrace/shared/ports/projection";
import type { QueryContext } from "../context.ts";
import {
  actionOf,
  codesOf,
  entityRole,
  entityType,
  outcomeR4,
  outcomeR5,
  REQUEST_ID,
  RESOURCE_TYPES,
  subtypesOf,
  typeOf,
} from "./codes.ts";
import type { Criterion, NamedKind, SearchedCode } from "./criteria.ts";
import { within } from "./date.ts";
import { type Named, tokensOf } from "./names.ts";

/** A criterion that is ready to be held against events. */
export interface Test {
  /** Facets that every event that passes has one of; absent where there are none to look up. */
  readonly facets?: readonly Facet[];
  /** How few events the facets are likely to find: those of the lowest are looked up. */
  readonly rank: number;
  /** @param sealed the opened sealed part, for tests that need it. */
  readonly holds: (event: TraceEvent, sealed?: SealedContent) => boolean;
}

const NO_FACETS = 9;
const RANK: Readonly<Record<NamedKind, number>> = { patient: 0, entity: 1, agent: 2, source: NO_FACETS };

/** The test of a criterion. */
export async function testOf(ctx: QueryContext, criterion: Criterion): Promise<Test> {
  switch (criterion.kind) {
    case "id":
      return { rank: NO_FACETS, holds: ({ id }) => criterion.ids.includes(id) };
    case "date":
      return { rank: NO_FACETS, holds: ({ recorded }) => within(criterion.values, Date.parse(recorded.utc)) };
    case "named":
      return await namedTest(ctx, criterion.of, criterion.any);
    case "code": {
      const codings = CODINGS[criterion.name] ?? (() => []);
      const any = criterion.any.map((one) =>
        criterion.name.endsWith("role") ? withoutSystem(criterion.name, one) : one,
      );
      const isOne = (event: TraceEvent): boolean =>
        codings(event).some((coding) => any.some((one) => isCode(coding, one)));
      return { rank: NO_FACETS, holds: (event) => isOne(event) !== criterion.not };
    }
    case "text": {
      const wanted = criterion.any.map((text) => (criterion.exact ? text : text.toLowerCase()));
      const isOne = (text: string): boolean =>
        criterion.exact ? wanted.includes(text) : wanted.some((start) => text.toLowerCase().startsWith(start));
      const texts = TEXTS[criterion.name] ?? (() => []);
      return { rank: NO_FACETS, holds: (event, sealed) => sealed !== undefined && texts(event, sealed).some(isOne) };
    }
  }
}

async function namedTest(ctx: QueryContext, of: NamedKind, any: readonly Named[]): Promise<Test> {
  const wanted: Wanted[] = [];
  for (const { ids, version, token } of any) {
    wanted.push({ ids: new Set(ids), version, tokens: await tokensOf(ctx, token) });
  }
  const kind = of === "agent" ? "agent" : "record";
  const facets = wanted.flatMap(({ ids, tokens }): Facet[] => [
    ...[...ids].map((value): Facet => ({ kind, value })),
    ...tokens.map(
      (token): Facet =>
        of === "agent" ? { kind: "agent", value: subjectRecordId(token) } : { kind: "subject", value: token },
    ),
  ]);
  const holds = (event: TraceEvent): boolean => wanted.some((one) => NAMES[of](event, one));
  return of === "source" ? { rank: NO_FACETS, holds } : { facets, rank: RANK[of], holds };
}

interface Wanted {
  readonly ids: ReadonlySet<string>;
  readonly version: string | undefined;
  readonly tokens: readonly string[];
}

const NAMES: Readonly<Record<NamedKind, (event: TraceEvent, wanted: Wanted) => boolean>> = {
  patient: ({ subjects }, { tokens }) => subjects.some((token) => tokens.includes(token)),
  agent: ({ agents }, { ids, tokens }) =>
    agents.some(({ id }) => ids.has(id) || tokens.some((token) => subjectRecordId(token) === id)),
  // A patient that is no agent is an entity, as the answer shows it.
  entity: ({ records, agents, subjects, correlation }, { ids, version, tokens }) =>
    records.some((record) => ids.has(record.id) && (version === undefined || record.version === version)) ||
    (correlation !== undefined && ids.has(requestRecordId(correlation))) ||
    tokens.some((token) => {
      const id = subjectRecordId(token);
      return subjects.includes(token) && (records.some((one) => one.id === id) || !agents.some((one) => one.id === id));
    }),
  source: ({ source }, { ids }) => ids.has(source.system),
};

/** What each code parameter looks at. */
const CODINGS: Readonly<Record<string, (event: TraceEvent) => readonly Coding[]>> = {
  type: (event) => [typeOf(event)],
  category: (event) => [typeOf(event)],
  subtype: subtypesOf,
  code: codesOf,
  action: (event) => [actionOf(event)],
  outcome: (event) => [outcomeR4(event), outcomeR5(event)],
  purpose: ({ purposes }) => purposes,
  site: ({ institution }) => [{ code: institution }],
  "agent-role": ({ agents }) => agents.flatMap(({ roles }) => roles.map((code) => ({ code }))),
  role: (event) => CODINGS["agent-role"]?.(event) ?? [],
  "entity-type": (event) => [
    ...event.records.flatMap((record) => [entityType(record), { system: RESOURCE_TYPES, code: record.type }]),
    ...(event.correlation === undefined ? [] : [REQUEST_ID]),
  ],
  "entity-role": ({ records }) => records.map(entityRole),
};

/** Events keep the codes of agents' roles without their systems. */
function withoutSystem(name: string, { code, ...given }: SearchedCode): SearchedCode {
  return name === "entity-role" || code === undefined
    ? { ...given, ...(code === undefined ? {} : { code }) }
    : { code };
}

function isCode({ system, code }: Coding, wanted: SearchedCode): boolean {
  if (wanted.code !== undefined && wanted.code !== code) return false;
  return wanted.system === undefined || wanted.system === (system ?? "");
}

/** What each text parameter looks at. */
const TEXTS: Readonly<Record<string, (event: TraceEvent, sealed: SealedContent) => readonly string[]>> = {
  address: (_event, { network = [] }) => network,
  "agent-name": ({ agents }, sealed) => agents.flatMap(({ id }) => labelsOf(sealed, id)),
  "entity-name": ({ records }, sealed) => records.flatMap(({ id }) => labelsOf(sealed, id)),
};

/** Ingest joins the names of one thing by commas; any of them may be searched for, and all of them. */
function labelsOf({ labels = {} }: SealedContent, id: string): string[] {
  const label = labels[id];
  return label === undefined ? [] : [label, ...label.split(", ")];
}
