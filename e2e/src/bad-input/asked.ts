/** A started query with some events of one institution's, and what is asked of it. */
import assert from "node:assert/strict";
import { type Answer, auditEvent, eventsTaken, send, type Target } from "../testing/hostile.ts";
import { settled } from "../testing/medtrace.ts";

export const READ = "trace/lineage.read";
const EVENTS = 30;

export interface Asked {
  readonly target: Target;
  /** Base URL. */
  readonly query: string;
  /** Tokens that read, of hospital-a and hospital-b. */
  readonly a: string;
  readonly b: string;
  /** An event of hospital-a's. */
  readonly id: string;
  /** Asks as hospital-a, or whose the token is; a body makes it a POST of JSON. */
  ask(path: string, bearer?: string, more?: More): Promise<Answer>;
}

interface More {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Record ids are part of a path. */
export const part: (text: string) => string = encodeURIComponent;
export const RECORD = "hospital-a/Observation/shared";
/** The list of events that name the record. */
export const LIST: string = `/v1/records/${part(RECORD)}/accesses`;

/** Sends hospital-a's events, and waits until hospital-a's events are verified: all about one record, and patient q1. */
export async function startAsked(target: Target): Promise<Asked> {
  const { query } = target.running.places;
  const a = target.token("hospital-a", READ);
  const patient = { what: { reference: "Patient/q1" }, role: { code: "1" } };
  const entity = [{ what: { reference: "Observation/shared" } }, patient];
  const lines = Array.from({ length: EVENTS }, (_, n) => JSON.stringify(auditEvent(n, { entity })));
  const headers = { "content-type": "application/fhir+ndjson" };
  const { text } = await target.post("/fhir/$ingest", lines.join("\n"), headers);
  await settled(target.running, a, await eventsTaken(target.running));
  return {
    target,
    query,
    a,
    b: target.token("hospital-b", READ),
    id: /"id":"(\w{64})"/.exec(text)?.[1] ?? "",
    ask: (path, bearer = a, { method, headers: own = {}, body } = {}) => {
      const type = body === undefined ? {} : { "content-type": "application/json" };
      return send(`${query}${path}`, {
        method: method ?? (body === undefined ? "GET" : "POST"),
        headers: { authorization: `Bearer ${bearer}`, ...type, ...own },
        body: body ?? "",
      });
    },
  };
}

/** Checks for problem details that say what, where, and what to do. */
export function isRefused(answer: Answer, status: number, place: string): void {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers["content-type"] ?? "", /^application\/problem\+json/);
  const { detail, at, hint } = JSON.parse(answer.text) as Record<string, string>;
  assert.equal(at, place, answer.text);
  assert.ok(detail && hint, answer.text);
}
