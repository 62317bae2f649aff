/** What hostile clients need: requests that no decent client sends, and a look at what the log took. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import { join } from "node:path";
import { signed, takeApart } from "./forge.ts";
import { medtrace, type Started, start, temporaryFolder, token } from "./medtrace.ts";

/** A started medtrace that is attacked: nothing but the attacks writes to its log. */
export interface Target extends AsyncDisposable {
  readonly running: Started;
  readonly data: string;
  readonly credential: { readonly authorization: string };
  /** A token of the service's own issuer. */
  token(institution: string, scope: string): string;
  /** A POST to ingest with a good token, as FHIR JSON where headers say nothing else. */
  post(path: string, body: string | Uint8Array | object, headers?: OutgoingHttpHeaders): Promise<Answer>;
}

/** Limits of a target that are other than the default, to be reached sooner. */
export const BODY_BYTES_MAX: number = 4 * 1_048_576;
export const FEEDS_MAX = 5;

/** Starts one on a data folder of its own; its queries leave no events. */
export async function startTarget(): Promise<Target> {
  const folder = await temporaryFolder();
  const data = join(folder.path, "data");
  const running = await start(data, {
    QUERY_AUDIT: "off",
    QUERY_FEEDS_MAX: String(FEEDS_MAX),
    INGEST_BODY_BYTES_MAX: String(BODY_BYTES_MAX),
  });
  const issued = await takeApart(data, await token(data, "hospital-a", "trace/events.write"));
  const tokenOf = (institution: string, scope: string) => signed(issued, { ...issued.claims, institution, scope });
  const credential = { authorization: `Bearer ${tokenOf("hospital-a", "trace/events.write")}` };
  return {
    running,
    data,
    credential,
    token: tokenOf,
    post: (path, body, headers = {}) => {
      const bytes = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
      const own = { ...credential, "content-type": "application/fhir+json" };
      return send(`${running.places.ingest}${path}`, { headers: { ...own, ...headers }, body: bytes });
    },
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** An AuditEvent of its own for each `n`. */
export function auditEvent(n: number | string, more: object = {}): Record<string, unknown> {
  return {
    resourceType: "AuditEvent",
    type: { system: "http://dicom.nema.org/resources/ontology/DCM", code: "110110" },
    action: "R",
    recorded: "2026-01-01T00:00:00Z",
    outcome: "0",
    agent: [{ who: { reference: `Practitioner/p${n}` }, requestor: true }],
    source: { observer: { reference: "Device/d" } },
    entity: [{ what: { reference: `Observation/o${n}` } }],
    ...more,
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Sent {
  readonly method?: string;
  /** By name, or as names and values in turn, which may repeat. */
  readonly headers?: OutgoingHttpHeaders | readonly string[];
  readonly body?: string | Uint8Array;
}

/** One request on a connection of its own, exactly as given: nothing is added, followed or decoded. */
export async function send(url: string, { method = "POST", headers = {}, body = "" }: Sent): Promise<Answer> {
  const { origin } = new URL(url);
  // The path as it stands: URL would take `/../` out of it.
  const path = url.slice(origin.length) || "/";
  const { hostname: host, port } = new URL(origin);
  const given = Array.isArray(headers) ? ["host", host, ...headers] : headers;
  const agent = new Agent({ keepAlive: true });
  const asked = request({ host, port, path, method, headers: given as OutgoingHttpHeaders, agent });
  const answered = once(asked, "response");
  // A service may answer and hang up before it has read everything.
  asked.on("error", () => {});
  asked.end(body);
  const [response] = (await answered) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  agent.destroy();
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString("utf8") };
}

/** Trace events that ingest has put on the log since it started, by its own counter. */
export async function eventsTaken({ places }: Started): Promise<number> {
  const { text } = await send(`${places.ingest}/metrics`, { method: "GET" });
  let taken = 0;
  for (const [, outcome, count] of text.matchAll(/^medtrace_ingest_events_total\{.*outcome="(\w+)".*\} (\d+)$/gm)) {
    if (outcome !== "duplicate") taken += Number(count);
  }
  return taken;
}

/** Runs an attack that must leave nothing on the log. */
export async function withoutTrace<T>(started: Started, attack: () => Promise<T>): Promise<T> {
  const before = await eventsTaken(started);
  const result = await attack();
  assert.equal((await eventsTaken(started)) - before, 0, "something was taken");
  return result;
}

/** Checks by fsck that the log holds so many events, all of them whole. */
export async function holdsExactly(started: Started, events: number): Promise<void> {
  const ran = await medtrace(["fsck", "--json"], started.env);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  const report = JSON.parse(ran.stdout.trim().split("\n").at(-1) ?? "") as { leaves: number; unanchored: number };
  assert.equal(report.leaves + report.unanchored, events, ran.stdout);
}

interface Issue {
  readonly severity: string;
  readonly code: string;
  readonly diagnostics: string;
  readonly expression?: readonly string[];
}

/** The first issue of an answer, which must be an OperationOutcome that names a place and says what to do. */
export function refusal(answer: Answer, status: number, place: string | RegExp): Issue {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers["content-type"] ?? "", /^application\/fhir\+json/);
  const outcome = JSON.parse(answer.text) as { resourceType: string; issue: Issue[] };
  assert.equal(outcome.resourceType, "OperationOutcome");
  const [issue] = outcome.issue;
  assert.ok(issue !== undefined && issue.severity === "error", answer.text);
  namesPlace(issue.diagnostics, place);
  return issue;
}

/** `what (where) — what to do` */
export function namesPlace(diagnostics: string, place: string | RegExp): void {
  const [, where] = /^\S.+ \((.+?)\) — \S.+$/.exec(diagnostics) ?? [];
  assert.ok(where !== undefined, `does not say what, where and what to do: ${diagnostics}`);
  if (typeof place === "string") assert.equal(where, place, diagnostics);
  else assert.match(where, place, diagnostics);
}
