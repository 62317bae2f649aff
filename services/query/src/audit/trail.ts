/** Every query leaves a trace: noted before it is answered, delivered to ingest in batches after. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "@medtrace/service-kit/log";
import type { Caller } from "@medtrace/service-kit/token";
import { ABOUT_MAX, type Asked, auditEvent } from "./audit-event.ts";
import type { Report, Segment, Spool } from "./spool.ts";

/** What a query was about; `route` is the route's pattern. */
export type Question = Pick<Asked, "route" | "about" | "outcome">;

export interface AuditTrail extends AsyncDisposable {
  /**
   * Notes a query; what it notes outlives the process.
   *
   * @throws MedtraceError BUSY or STORAGE_FAILED: then the query must not be answered.
   */
  note(caller: Caller, question: Question): void;
}

/** Gives reports to ingest in an institution's name; resolves with those that it will never take. */
export type Deliver = (institution: string, resources: readonly string[]) => Promise<readonly string[]>;

export interface TrailObserver {
  delivered(count: number): void;
  refused(count: number): void;
}

export interface TrailParts {
  readonly spool: Spool;
  readonly deliver: Deliver;
  readonly log: Logger;
  readonly observer: TrailObserver;
}

/** For `QUERY_AUDIT=off`. */
export const NO_TRAIL: AuditTrail = { note: () => {}, [Symbol.asyncDispose]: async () => {} };

/** Each delivery costs ingest a commit; a larger one makes the queries on the same thread wait longer. */
const PERIOD_MS = 200;
const BACKOFF_MS_MAX = 30_000;
const TOGETHER_MAX = 500;
/** At the end, what can be delivered at once is; the rest waits for the next start. */
const FAREWELL_MS_MAX = 3_000;

export function createAuditTrail({ spool, deliver, log, observer }: TrailParts): AuditTrail {
  const stopping = new AbortController();

  const deliverSegment = async (segment: Segment): Promise<void> => {
    const byInstitution = Map.groupBy(segment.reports, ({ institution }) => institution);
    for (const [institution, reports] of byInstitution) {
      for (let i = 0; i < reports.length; i += TOGETHER_MAX) {
        const part = reports.slice(i, i + TOGETHER_MAX).map(({ resource }) => resource);
        const refused = await deliver(institution, part);
        observer.delivered(part.length - refused.length);
        if (refused.length === 0) continue;
        observer.refused(refused.length);
        log.error({ refused: refused.length }, "ingest refuses reports of queries; they are set aside");
        await spool.setAside(refused.map((resource): Report => ({ institution, resource })));
      }
    }
    await spool.done(segment);
  };

  const follow = async (): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted; ) {
      try {
        for (let segment = spool.oldest(); segment !== undefined; segment = spool.oldest()) {
          await deliverSegment(segment);
          if (stopping.signal.aborted) return;
        }
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures === 1) log.warn({ err: error }, "reports of queries wait: ingest does not take them");
      }
      const wait_ms = Math.min(PERIOD_MS * 2 ** Math.min(failures, 20), BACKOFF_MS_MAX);
      await sleep(wait_ms, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  };

  const following = follow();
  return {
    note(caller, { route, about, outcome }) {
      const { subject, institution } = caller;
      const at = new Date().toISOString();
      const parts = about.length === 0 ? [about] : chunks(about, ABOUT_MAX);
      const reports = parts.map((part) => {
        const asked = { subject, institution, route, about: part, outcome, at, request: randomUUID() };
        return { institution, resource: JSON.stringify(auditEvent(asked)) };
      });
      spool.append(reports);
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await following;
      const until_ms = Date.now() + FAREWELL_MS_MAX;
      try {
        for (let segment = spool.oldest(); segment !== undefined && Date.now() < until_ms; segment = spool.oldest()) {
          await deliverSegment(segment);
        }
      } catch {
        // What is left waits on disk for the next start.
      }
      spool.close();
    },
  };
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
