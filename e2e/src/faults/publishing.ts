/** Publishing that goes on over deaths of the service: what was not answered is sent again. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Started } from "../testing/medtrace.ts";

const LINES_A_REQUEST = 200;
/** A service that answers nothing for this long is not coming back. */
const SILENCE_MS_MAX = 120_000;

/** A small seeded generator (mulberry32), so that a failing run can be repeated. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function auditEvent(seed: number, number: number): string {
  return JSON.stringify({
    resourceType: "AuditEvent",
    type: { system: "http://terminology.hl7.org/CodeSystem/audit-event-type", code: "rest" },
    action: number % 3 === 0 ? "U" : "R",
    recorded: new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString(),
    outcome: "0",
    agent: [{ who: { reference: `Practitioner/dr-${number % 17}` }, requestor: true }],
    source: { observer: { reference: "Device/ward-system" } },
    entity: [
      { what: { reference: `Patient/p-${number % 50}` }, role: { code: "1" } },
      { what: { reference: `Observation/o-${seed}-${number}` }, role: { code: "4" } },
    ],
  });
}

export interface Publishing {
  /** Ids that were acknowledged, each once. */
  readonly acknowledged: Set<string>;
  sent: number;
}

/** Sends line after line, resending what was not answered, until told to stop and all it began is answered. */
export async function publish(
  seed: number,
  current: () => Started,
  bearer: string,
  stop: () => boolean,
): Promise<Publishing> {
  const state: Publishing = { acknowledged: new Set(), sent: 0 };
  let unanswered: string[] = [];
  let answered_ms = performance.now();
  while (unanswered.length > 0 || !stop()) {
    while (unanswered.length < LINES_A_REQUEST && !stop()) unanswered.push(auditEvent(seed, state.sent++));
    try {
      const answer = await fetch(`${current().places.ingest}/fhir/$ingest`, {
        method: "POST",
        headers: { authorization: `Bearer ${bearer}`, "content-type": "application/fhir+ndjson" },
        body: unanswered.join("\n"),
      });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}: ${await answer.text()}`);
      let answered = 0;
      for (const text of (await answer.text()).trim().split("\n")) {
        const result = JSON.parse(text) as { status: string; id?: string };
        if (result.id === undefined || !["accepted", "duplicate"].includes(result.status)) break;
        state.acknowledged.add(result.id);
        answered++;
      }
      unanswered = unanswered.slice(answered);
      answered_ms = performance.now();
    } catch (error) {
      // The service was killed: what was not answered is sent again to the next one.
      if (performance.now() - answered_ms > SILENCE_MS_MAX) throw error;
      await sleep(20);
    }
  }
  return state;
}
