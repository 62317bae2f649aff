/**
 * The pipeline: drafts in, durable trace events out. Identify, seal, append, note the receipt, and only then answer.
 */
import type { KeyObject } from "node:crypto";
import { activeTraceparent } from "@medtrace/service-kit/tracing";
import { hex } from "@medtrace/shared/model/bytes";
import { traceTimeOf } from "@medtrace/shared/model/time";
import { eventBytes, eventId } from "@medtrace/shared/model/trace-event";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { KeyProvider, Receipt, Subject, Vault } from "@medtrace/shared/ports/vault";
import type { Draft, Intake, Receipted } from "../normalise/draft.ts";
import { mapInTurns } from "../turns.ts";
import { sealingSubject, traceEvent } from "./event.ts";
import { randomSource } from "./random.ts";
import { createVeil } from "./veil.ts";

export interface PipelineParts {
  readonly log: EventLog;
  readonly vault: Vault;
  readonly keys: KeyProvider;
  readonly now_ms: () => number;
  readonly observer: PipelineObserver;
}

export interface PipelineObserver {
  taken(institution: string, format: Draft["format"], outcome: Receipted["status"], count: number): void;
  /** Of those that were accepted, how many had an odd source. */
  flagged(institution: string, format: Draft["format"], count: number): void;
  /** The same id came with other bytes. */
  conflicted(institution: string, id: string): void;
}

interface Item {
  readonly draft: Draft;
  readonly id: string;
  readonly digest: string;
}

/** An {@link Intake} over the ports. */
export function createPipeline(parts: PipelineParts): Intake {
  const random = randomSource();
  /** Ids between the first look and their receipt: a second sender of the same message waits for the first. */
  const underWay = new Map<string, Promise<unknown>>();

  const write = async (institution: string, items: readonly Item[]): Promise<void> => {
    const subjects = await identify(parts.vault, institution, items);
    const dataKeys = await parts.vault.dataKeys(subjects.map((own) => ({ institution, token: sealingSubject(own) })));
    const received = traceTimeOf(parts.now_ms());
    const trace = activeTraceparent();
    const records = await mapInTurns(items, ({ draft, id, digest }, i) => {
      const own = subjects[i] ?? [];
      const secrets = draft.persons.flatMap((person) => person.identifiers.map((identifier) => identifier.value));
      const veil = createVeil(institution, secrets, (text) => hex(parts.keys.digest(institution, Buffer.from(text))));
      const dataKey = dataKeys[i] as KeyObject;
      const event = traceEvent(draft, { id, institution, digest, received, subjects: own, dataKey, veil, random });
      return { key: event.subjects[0] ?? id, value: eventBytes(event), trace };
    });
    const positions = await parts.log.append(records);
    const receipts: Receipt[] = items.map(({ id, digest }, i) => {
      const position = positions[i] as { partition: number; offset: number };
      return { id, digest, institution, partition: position.partition, offset: position.offset };
    });
    await parts.vault.remember(receipts, watermarksOf(receipts));
  };

  const writeNew = async (institution: string, items: readonly Item[]): Promise<void> => {
    const known = await parts.vault.receipts(items.map((item) => item.id));
    const fresh = items.filter((item) => !known.has(item.id));
    if (fresh.length > 0) await write(institution, fresh);
  };

  return {
    async accept(institution, drafts) {
      const items = identifyDrafts(parts.keys, institution, drafts);
      const ids = items.map((item) => item.id);
      for (let waits = ids.filter((id) => underWay.has(id)); waits.length > 0; ) {
        await Promise.allSettled(waits.map((id) => underWay.get(id)));
        waits = ids.filter((id) => underWay.has(id));
      }
      // Marked before the first await, so that no second call can slip between the look and the write.
      const work = Promise.withResolvers<void>();
      const mine = [...new Set(ids)];
      for (const id of mine) underWay.set(id, work.promise);
      try {
        const known = new Map(await parts.vault.receipts(mine));
        const fresh: Item[] = [];
        const refused: Item[] = [];
        const outcomes = items.map((item): Receipted => {
          const receipt = known.get(item.id);
          if (receipt === undefined) {
            fresh.push(item);
            known.set(item.id, { ...item, institution, partition: -1, offset: -1 });
            return { status: "accepted", id: item.id, flags: item.draft.flags };
          }
          if (receipt.digest === item.digest) return { status: "duplicate", id: item.id, flags: item.draft.flags };
          refused.push(refusal(institution, item));
          return { status: "conflict", id: item.id };
        });
        if (fresh.length > 0) await write(institution, fresh);
        if (refused.length > 0) await writeNew(institution, refused);
        report(parts.observer, institution, items, outcomes);
        return outcomes;
      } finally {
        for (const id of mine) underWay.delete(id);
        work.resolve();
      }
    },
  };
}

/** Keyed digest and id of each draft; drafts of one message share the digest. */
function identifyDrafts(keys: KeyProvider, institution: string, drafts: readonly Draft[]): Item[] {
  let raw: Uint8Array | undefined;
  let digest = "";
  return drafts.map((draft) => {
    if (draft.raw !== raw) {
      raw = draft.raw;
      digest = `hmac-sha256:${hex(keys.digest(institution, draft.raw))}`;
    }
    const id = eventId(institution, draft.system, draft.messageId ?? `digest:${digest}`, draft.index);
    return { draft, id, digest };
  });
}

/**
 * What is kept of a refused conflict: an event of its own that says someone sent other bytes under a taken id. The
 * records it named are only associated: nothing is known to have been done to them.
 */
function refusal(institution: string, { draft, id, digest }: Item): Item {
  const { messageId: _, ...rest } = draft;
  return {
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

/**
 * Appends resolve in the order of their commits, and receipts are noted in that order: one past the highest offset
 * noted is covered. Holds for one ingest process a log; several only repeat some reading at start.
 */
function watermarksOf(receipts: readonly Receipt[]): Map<number, number> {
  const watermarks = new Map<number, number>();
  for (const { partition, offset } of receipts) {
    watermarks.set(partition, Math.max(watermarks.get(partition) ?? 0, offset + 1));
  }
  return watermarks;
}

function report(
  observer: PipelineObserver,
  institution: string,
  items: readonly Item[],
  outcomes: readonly Receipted[],
): void {
  const counts = new Map<string, number>();
  const flagged = new Map<Draft["format"], number>();
  outcomes.forEach((outcome, i) => {
    const key = `${items[i]?.draft.format} ${outcome.status}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    if (outcome.status === "accepted" && outcome.flags.length > 0) {
      const format = items[i]?.draft.format as Draft["format"];
      flagged.set(format, (flagged.get(format) ?? 0) + 1);
    }
    if (outcome.status === "conflict") observer.conflicted(institution, outcome.id);
  });
  for (const [format, count] of flagged) observer.flagged(institution, format, count);
  for (const [key, count] of counts) {
    const [format, status] = key.split(" ") as [Draft["format"], Receipted["status"]];
    observer.taken(institution, format, status, count);
  }
}
