/** A pipeline over embedded engines in a temporary folder, and drafts to put through it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEventLog } from "@medtrace/engines/event-log/open";
import { openKeyProvider } from "@medtrace/engines/key-provider/open";
import { openVault } from "@medtrace/engines/vault/open";
import { rangeEntries } from "@medtrace/shared/log-range";
import { fromUtf8 } from "@medtrace/shared/model/bytes";
import { traceTimeOf } from "@medtrace/shared/model/time";
import type { TraceEvent } from "@medtrace/shared/model/trace-event";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { KeyProvider, Vault } from "@medtrace/shared/ports/vault";
import type { Draft, Intake } from "../normalise/draft.ts";
import { createPipeline } from "./pipeline.ts";

export const NOW_MS: number = Date.parse("2026-01-15T01:30:00Z");

export interface TestPipeline extends AsyncDisposable {
  readonly intake: Intake;
  readonly log: EventLog;
  readonly vault: Vault;
  readonly keys: KeyProvider;
  /** What the observer was told, a line each. */
  readonly observed: string[];
  /** Every record of the log, partition by partition. */
  events(): Promise<TraceEvent[]>;
}

/** @param through what stands between the pipeline and its log. */
export async function startPipeline(through: (log: EventLog) => EventLog = (log) => log): Promise<TestPipeline> {
  const folder = await mkdtemp(join(tmpdir(), "medtrace-pipeline-"));
  const keys = await openKeyProvider(`file:${join(folder, "keys")}`);
  const vault = await openVault(`embedded:${join(folder, "vault")}`, keys);
  const log = await openEventLog(`embedded:${join(folder, "log")}`);
  const observed: string[] = [];
  const observer = {
    taken: (...told: unknown[]) => void observed.push(`taken ${told.join(" ")}`),
    flagged: (...told: unknown[]) => void observed.push(`flagged ${told.join(" ")}`),
    conflicted: (institution: string) => void observed.push(`conflicted ${institution}`),
  };
  return {
    intake: createPipeline({ log: through(log), vault, keys, now_ms: () => NOW_MS, observer }),
    log,
    vault,
    keys,
    observed,
    async events() {
      const events: TraceEvent[] = [];
      for (const { partition, first, end } of await log.ranges()) {
        for await (const entries of rangeEntries(log, partition, first, end)) {
          for (const { value } of entries) events.push(JSON.parse(fromUtf8(value)) as TraceEvent);
        }
      }
      return events;
    },
    async [Symbol.asyncDispose]() {
      await vault[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** A draft of its own for each `name`: message id and bytes follow from it. */
export function draft(name: string, more: Partial<Draft> = {}): Draft {
  return {
    format: "fhir-r4",
    type: "AuditEvent",
    system: "hospital-a/Device/gateway",
    messageId: name,
    index: 0,
    flags: [],
    raw: Buffer.from(name.toWellFormed()),
    activity: { kind: "read", codes: [{ code: "rest" }] },
    outcome: "success",
    recorded: traceTimeOf(NOW_MS - 1_000),
    purposes: [],
    breakGlass: false,
    consents: [],
    agents: [{ id: "hospital-a/Practitioner/1", kind: "person", roles: ["IRCP"], requestor: true }],
    records: [{ id: "hospital-a/Observation/1", type: "Observation", role: "used" }],
    recipients: [],
    persons: [{ identifiers: [{ system: "Patient", value: "47110815", scope: "local" }] }],
    joins: [],
    sealed: { identifiers: [{ system: "Patient", value: "47110815" }], names: ["Erika Muster"] },
    ...more,
  };
}
