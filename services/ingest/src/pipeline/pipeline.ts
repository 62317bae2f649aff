/**
 * The pipeline: drafts in, durable trace events out. Identify, seal, append, note the receipt, and only then answer.
 */
import type { KeyObject } from "node:crypto";
import { activeTraceparent } from "@medtrace/service-kit/tracing";
import { MedtraceError } from "@medtrace/shared/errors";
import { hex } from "@medtrace/shared/model/bytes";
import { traceTimeOf } from "@medtrace/shared/model/time";
import { eventBytes, eventId } from "@medtrace/shared/model/trace-event";
import type { EventLog, LogRecord } from "@medtrace/shared/ports/event-log";
import type { KeyProvider, Receipt, Subject, Vault } from "@medtrace/shared/ports/vault";
import type { Draft, Intake, Receipted } from "../normalise/draft.ts";
import { mapInTurns } from "../turns.ts";
import { sealingSubject, traceEvent } from "./event.ts";
import { randomSource } from "./random.ts";
import { unfitness, withoutCanonicalForm } from "./unfit.ts";
import { createVeil } from "./veil.ts";

export interface PipelineParts {
  readonly log: EventLog;
  readonly vault: Vault;
  readonly keys: KeyProvider;
  readonly now_ms: () => number;
  readonly observer: PipelineObserver;
}

/** What became of a draft that is on record now. */
export type TakenStatus = "accepted" | "duplicate" | "conflict";

export interface PipelineObserver {
  taken(institution: string, format: Draft["format"], outcome: TakenStatus, count: number): void;
  /** Of those that were accepted, how many had an odd source. */
  flagged(institution: string, format: Draft["format"], count: number): void;
  /** The same id came with other bytes. */
  conflicted(institution: string, id: string): void;
}

interface Item {
  /** Place of the draft in the call. */
  readonly at: number;
  readonly draft: Draft;
  readonly id: string;
  readonly digest: string;
}

/** Items that are ready for the log, each with its record, and why others are not. */
interface Prepared {
  readonly items: readonly Item[];
  readonly records: readonly LogRecord[];
  readonly faults: ReadonlyMap<Item, MedtraceError>;
}

const NOTHING: Prepared = { items: [], records: [], faults: new Map() };

/** An {@link Intake} over the ports. */
export function createPipeline(parts: PipelineParts): Intake {
  const random = randomSource();
  /** Ids between the first look and their receipt: a second sender of the same message waits for the first. */
  const underWay = new Map<string, Promise<unknown>>();

  const prepare = async (institution: string, items: readonly Item[]): Promise<Prepared> => {
    if (items.length === 0) return NOTHING;
    const subjects = await identify(parts.vault, institution, items);
    const dataKeys = await parts.vault.dataKeys(subjects.map((own) => ({ institution, token: sealingSubject(own) })));
    const received = traceTimeOf(parts.now_ms());
    const trace = activeTraceparent();
    const made = await mapInTurns(items, ({ draft, id, digest }, i): LogRecord | MedtraceError => {
      const own = subjects[i] ?? [];
      const secrets = draft.persons.flatMap((person) => person.identifiers.map((identifier) => identifier.value));
      const veil = createVeil(institution, secrets, (text) => hex(parts.keys.digest(institution, Buffer.from(text))));
      const dataKey = dataKeys[i] as KeyObject;
      try {
        const event = traceEvent(draft, { id, institution, digest, received, subjects: own, dataKey, veil, random });
        const value = eventBytes(event);
        return unfitness(event, value, draft) ?? { key: event.subjects[0] ?? id, value, trace };
      } catch (cause) {
        return withoutCanonicalForm(cause, draft);
      }
    });
    const faults = new Map<Item, MedtraceError>();
    made.forEach((one, i) => {
      if (one instanceof MedtraceError) faults.set(items[i] as Item, one);
    });
    if (faults.size === 0) return { items, records: made as LogRecord[], faults };
    const records = made.filter((one): one is LogRecord => !(one instanceof MedtraceError));
    return { items: items.filter((item) => !faults.has(item)), records, faults };
  };

  const append = async (institution: string, { items, records }: Prepared): Promise<void> => {
    if (records.length === 0) return;
    const positions = await parts.log.append(records);
    const receipts: Receipt[] = items.map(({ id, digest }, i) => {
      const position = positions[i] as { partition: number; offset: number };
      return { id, digest, institution, partition: position.partition, offset: position.offset };
    });
    // Other processes append too: only the vault can tell whether theirs are noted.
    await parts.vault.remember(receipts, new Map());
  };

  /** Keeps on record, once each, that conflicting bytes came; gives why some of them cannot be. */
  const record = async (institution: string, conflicts: readonly Item[]): Promise<Prepared["faults"]> => {
    const items = [...new Map(conflicts.map((item) => [item.id, item])).values()];
    const known = items.length === 0 ? new Map() : await parts.vault.receipts(items.map((item) => item.id));
    const prepared = await prepare(
      institution,
      items.filter((item) => !known.has(item.id)),
    );
    await append(institution, prepared);
    return prepared.faults;
  };

  const take = async (
    institution: string,
    items: readonly Item[],
    told: Receipted[],
    together: boolean,
  ): Promise<void> => {
    const known = await parts.vault.receipts([...new Set(items.map((item) => item.id))]);
    const fresh = new Map<string, Item>();
    const repeated: Item[] = [];
    const conflicts: Item[] = [];
    for (const item of items) {
      const { id, digest, at, draft } = item;
      const digestKnown = (known.get(id) ?? fresh.get(id))?.digest;
      if (digestKnown === undefined) fresh.set(id, item);
      else if (digestKnown === digest) repeated.push(item);
      else conflicts.push(refusal(institution, item));
      if (digestKnown === undefined || digestKnown === digest) {
        told[at] = { status: digestKnown === undefined ? "accepted" : "duplicate", id, flags: draft.flags };
      } else told[at] = { status: "conflict", id };
    }
    const prepared = await prepare(institution, [...fresh.values()]);
    for (const [{ at }, error] of prepared.faults) told[at] = { status: "refused", error };
    for (const { id, at } of repeated) {
      const first = told[fresh.get(id)?.at ?? -1];
      if (first?.status === "refused") told[at] = first;
    }
    if (!together || told.every(isTaken)) await append(institution, prepared);
    for (const [{ at }, error] of await record(institution, conflicts)) told[at] = { status: "refused", error };
  };

  return {
    async accept(institution, drafts, { together = false } = {}) {
      const told: Receipted[] = new Array(drafts.length);
      const items = identifyDrafts(parts.keys, institution, drafts, told);
      const ids = new Set(items.map((item) => item.id));
      for (let waits = waitsOf(ids, underWay); waits.length > 0; waits = waitsOf(ids, underWay)) {
        await Promise.allSettled(waits);
      }
      // Marked before the first await, so that no second call can slip between the look and the write.
      const work = Promise.withResolvers<void>();
      for (const id of ids) underWay.set(id, work.promise);
      try {
        await take(institution, items, told, together);
      } finally {
        for (const id of ids) underWay.delete(id);
        work.resolve();
      }
      const all = together ? withheld(told) : told;
      report(parts.observer, institution, drafts, all);
      return all;
    },
  };
}

function waitsOf(ids: ReadonlySet<string>, underWay: ReadonlyMap<string, Promise<unknown>>): Promise<unknown>[] {
  if (underWay.size === 0) return [];
  return [...ids].flatMap((id) => underWay.get(id) ?? []);
}

function isTaken({ status }: Receipted): boolean {
  return status === "accepted" || status === "duplicate";
}

/** Of drafts to be taken together: none was, where one was not. */
function withheld(told: readonly Receipted[]): readonly Receipted[] {
  if (told.every(isTaken)) return told;
  return told.map((one) => (isTaken(one) ? { status: "withheld" } : one));
}

/** Keyed digest and id of each draft; drafts of one message share the digest. One that has no id is told of at once. */
function identifyDrafts(
  keys: KeyProvider,
  institution: string,
  drafts: readonly Draft[],
  told: Receipted[],
): readonly Item[] {
  let raw: Uint8Array | undefined;
  let digest = "";
  const items: Item[] = [];
  for (const [at, draft] of drafts.entries()) {
    if (draft.raw !== raw) {
      raw = draft.raw;
      digest = `hmac-sha256:${hex(keys.digest(institution, draft.raw))}`;
    }
    try {
      const id = eventId(institution, draft.system, draft.messageId ?? `digest:${digest}`, draft.index);
      items.push({ at, draft, id, digest });
    } catch (cause) {
      told[at] = { status: "refused", error: withoutCanonicalForm(cause, draft) };
    }
  }
  return items;
}

/**
 * What is kept of a refused conflict: an event of its own that says someone sent other bytes under a taken id. The
 * records it named are only associated: nothing is known to have been done to them.
 */
function refusal(institution: string, { at, draft, id, digest }: Item): Item {
  const { messageId: _, ...rest } = draft;
  return {
    at,
    id: eventId(institution, draft.system, `conflict:${id}:${digest}`, 0),
    digest,
    draft: {
      ...rest,
      flags: [...draft.flags, "ingest:conflict"].sort(),
      outcome: "serious-failure",
      records: draft.records.map((record) => ({ ...record, role: "associated" })),
      recipients: [],
      joins: [],
    },
  };
}

/** The subjects of each draft's persons, all in one call to the vault. */
async function identify(vault: Vault, institution: string, items: readonly Item[]): Promise<Subject[][]> {
  const requests = items.flatMap(({ draft }) =>
    draft.persons.filter((p) => p.token === undefined).map(({ identifiers }) => ({ institution, identifiers })),
  );
  const found = (requests.length === 0 ? [] : await vault.identify(requests)).values();
  return items.map(({ draft }) =>
    draft.persons.map((person) =>
      person.token === undefined ? (found.next().value as Subject) : { token: person.token, also: [] },
    ),
  );
}

function report(
  observer: PipelineObserver,
  institution: string,
  drafts: readonly Draft[],
  outcomes: readonly Receipted[],
): void {
  const counts = new Map<string, number>();
  const flagged = new Map<Draft["format"], number>();
  outcomes.forEach((outcome, i) => {
    // Whoever refuses is told of it, and counts it.
    if (outcome.status === "refused" || outcome.status === "withheld") return;
    const format = drafts[i]?.format as Draft["format"];
    const key = `${format} ${outcome.status}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    if (outcome.status === "accepted" && outcome.flags.length > 0) flagged.set(format, (flagged.get(format) ?? 0) + 1);
    if (outcome.status === "conflict") observer.conflicted(institution, outcome.id);
  });
  for (const [format, count] of flagged) observer.flagged(institution, format, count);
  for (const [key, count] of counts) {
    const [format, status] = key.split(" ") as [Draft["format"], TakenStatus];
    observer.taken(institution, format, status, count);
  }
}
