/** A running query over embedded engines in a temporary folder, and a pen to write trace events with. */
import { type KeyObject, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCache } from "@medtrace/engines/cache/open";
import { openEmbeddedEventLog } from "@medtrace/engines/event-log/embedded/event-log";
import { openEventLog } from "@medtrace/engines/event-log/open";
import { openKeyProvider } from "@medtrace/engines/key-provider/open";
import { openLedger } from "@medtrace/engines/ledger/open";
import { openProjection } from "@medtrace/engines/projection/open";
import { openVault } from "@medtrace/engines/vault/open";
import { openIssuer } from "@medtrace/service-kit/issuer";
import { createLogger } from "@medtrace/service-kit/log";
import { rangeLeaves } from "@medtrace/shared/log-range";
import { BATCH_FORMAT, batchHash, NO_BATCH, streamName } from "@medtrace/shared/model/batch";
import { base64url, hex } from "@medtrace/shared/model/bytes";
import { merkleRoot } from "@medtrace/shared/model/merkle";
import { seal } from "@medtrace/shared/model/seal";
import { eventBytes, eventId, type TraceEvent } from "@medtrace/shared/model/trace-event";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import type { Projection } from "@medtrace/shared/ports/projection";
import type { Vault } from "@medtrace/shared/ports/vault";
import type { Deliver } from "../audit/trail.ts";
import { type QuerySettings, querySettings } from "../config.ts";
import { runProjector } from "../projector/projector.ts";
import { type ProjectorStatus, STARTING } from "../projector/status.ts";
import { startQuery } from "../run.ts";

export interface Stack extends AsyncDisposable {
  readonly url: string;
  readonly folder: string;
  readonly projection: Projection;
  readonly ledger: Ledger;
  readonly eventLog: EventLog;
  readonly vault: Vault;
  /** Lines that query logged. */
  readonly logged: readonly string[];
  /** Reports that query delivered, by institution. */
  readonly reports: { institution: string; resource: Record<string, unknown> }[];
  /** Appends events, and anchors and projects them; resolves with their ids. */
  publish(...events: readonly Sample[]): Promise<string[]>;
  /** Appends events and no more. */
  accept(...events: readonly Sample[]): Promise<string[]>;
  /** Anchors what was appended. */
  anchor(): Promise<void>;
  /** Projects what was anchored. */
  project(): Promise<void>;
  get(path: string, who?: Who): Promise<Answered>;
  post(path: string, body: unknown, who?: Who): Promise<Answered>;
  token(who: Who): Promise<string>;
}

export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  readonly body: any;
}

export interface Who {
  readonly institution: string;
  readonly scopes?: readonly string[];
  readonly subject?: string;
}

export const A: Who = { institution: "hospital-a" };
export const B: Who = { institution: "hospital-b" };
export const SUPERVISOR: Who = { institution: "platform", scopes: ["trace/lineage.read", "trace/supervise"] };

/** What a test says of an event; the rest is filled in. */
export interface Sample extends Partial<Omit<TraceEvent, "activity">> {
  readonly name: string;
  readonly kind?: TraceEvent["activity"]["kind"];
  readonly codes?: TraceEvent["activity"]["codes"];
  readonly when?: string;
  readonly secret?: string;
}

export interface StackOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly deliver?: Deliver;
  /** Name of an embedded log, where the ledger keeps streams of earlier runs. */
  readonly logName?: string;
}

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const folder = await mkdtemp(join(tmpdir(), "medtrace-query-"));
  const settings: QuerySettings = querySettings({ MEDTRACE_DATA: folder, QUERY_PORT: "0", ...options.env });
  const { engines } = settings;
  const issuer = await openIssuer({ data: engines.data, ...settings.auth });
  const keys = await openKeyProvider(engines.keysUrl);
  const vault = await openVault(engines.vaultUrl, keys);
  const eventLog =
    options.logName === undefined
      ? await openEventLog(engines.eventLogUrl)
      : await openEmbeddedEventLog({ folder: join(folder, "log"), name: options.logName });
  const ledger = await openLedger(engines.ledgerUrl, { owner: engines.ledgerOwner });
  const projection = await openProjection(engines.projectionUrl);
  const cache = await openCache(engines.cacheUrl);
  const logged: string[] = [];
  const log = createLogger({ name: "query", level: "debug", to: { write: (line) => void logged.push(line) } });
  const reports: Stack["reports"] = [];
  const deliver: Deliver = async (institution, resources) => {
    for (const text of resources) reports.push({ institution, resource: JSON.parse(text) });
    return [];
  };
  const projectorStatus = (): ProjectorStatus => ({ ...STARTING, state: "running" });
  const parts = { projection, ledger, vault, cache, keys, projectorStatus, settings, log };
  const query = await startQuery({ ...parts, deliver: options.deliver ?? deliver });

  const accept = async (...samples: readonly Sample[]): Promise<string[]> => {
    const events = [];
    for (const sample of samples) events.push(await traceEvent(vault, sample));
    const positions = await eventLog.append(events.map((event) => ({ key: "one", value: eventBytes(event) })));
    const receipts = events.map(({ id, institution, source }, i) => {
      const { partition = 0, offset = 0 } = positions[i] ?? {};
      return { id, institution, digest: source.digest, partition, offset };
    });
    await vault.remember(receipts, new Map());
    return events.map(({ id }) => id);
  };
  const project = async (): Promise<void> => {
    const blockLast = (await ledger.height()) - 1;
    await runProjector({ eventLog, ledger, projection, blockLast }, new AbortController().signal);
  };
  const token = async ({ institution, scopes = ["trace/lineage.read"], subject = "dr-x" }: Who): Promise<string> =>
    await issuer.issueToken({ institution, scopes, subject, expires_s: 600 });
  const send = async (path: string, who: Who, init: RequestInit = {}): Promise<Answered> => {
    const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${await token(who)}` };
    const answer = await fetch(`${query.url}${path}`, { ...init, headers });
    const text = await answer.text();
    const json = /json/.test(answer.headers.get("content-type") ?? "");
    return { status: answer.status, text, headers: answer.headers, body: json ? JSON.parse(text) : undefined };
  };
  return {
    url: query.url,
    folder,
    projection,
    ledger,
    eventLog,
    vault,
    logged,
    reports,
    accept,
    project,
    token,
    anchor: () => anchorAll(eventLog, ledger),
    async publish(...samples) {
      const ids = await accept(...samples);
      await anchorAll(eventLog, ledger);
      await project();
      return ids;
    },
    get: (path, who = A) => send(path, who),
    post: (path, body, who = A) =>
      send(path, who, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    async [Symbol.asyncDispose]() {
      for (const one of [query, cache, projection, ledger, eventLog, vault]) await one[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** One batch for what each partition has beyond its head. */
async function anchorAll(eventLog: EventLog, ledger: Ledger): Promise<void> {
  for (const { partition, end } of await eventLog.ranges()) {
    const stream = streamName(eventLog.name, partition);
    const head = (await ledger.readHead(ledger.owner, stream))?.batch;
    const first = head?.end ?? 0;
    if (end <= first) continue;
    const leaves = await rangeLeaves(eventLog, partition, first, end);
    await ledger.anchorBatch({
      format: BATCH_FORMAT,
      stream,
      sequence: (head?.sequence ?? -1) + 1,
      first,
      end,
      count: leaves.length,
      root: hex(merkleRoot(leaves)),
      previous: head === undefined ? NO_BATCH : batchHash(head),
    });
  }
}

async function traceEvent(vault: Vault, sample: Sample): Promise<TraceEvent> {
  const {
    name,
    kind = "read",
    codes = [],
    when = "2026-03-01T08:00:00.000Z",
    secret,
    institution = "hospital-a",
    ...more
  } = sample;
  const id = eventId(institution, "ehr", name, 0);
  const time = { given: when, utc: new Date(when).toISOString() };
  const subject = more.subjects?.[0] ?? "none";
  const [key] = await vault.dataKeys([{ institution, token: subject }]);
  return {
    format: 1,
    id,
    institution,
    source: { format: "fhir-r4", type: "AuditEvent", system: "ehr", digest: `hmac-sha256:${id}`, index: 0, flags: [] },
    activity: { kind, codes },
    outcome: "success",
    occurred: { start: time, end: time },
    recorded: time,
    received: time,
    purposes: [],
    breakGlass: false,
    consents: [],
    agents: [],
    records: [],
    recipients: [],
    subjects: [],
    joins: [],
    sealed: seal({ text: [secret ?? name] }, key as KeyObject, subject, id, randomBytes(12)),
    nonce: base64url(randomBytes(32)),
    ...more,
  };
}
