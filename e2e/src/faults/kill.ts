/** Kill -9 at random moments while publishing; then everything acknowledged must be there once, and provable. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { medtrace, type Started, settled, start, temporaryFolder, token } from "../testing/medtrace.ts";

const LINES_A_REQUEST = 200;

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

/** Sends lines until each has its answer, over as many restarts as it takes; gives the ids that were acknowledged. */
async function publish(current: () => Started, bearer: string, lines: readonly string[]): Promise<Set<string>> {
  const acknowledged = new Set<string>();
  for (let at = 0; at < lines.length; ) {
    try {
      const answer = await fetch(`${current().places.ingest}/fhir/$ingest`, {
        method: "POST",
        headers: { authorization: `Bearer ${bearer}`, "content-type": "application/fhir+ndjson" },
        body: lines.slice(at, at + LINES_A_REQUEST).join("\n"),
      });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}: ${await answer.text()}`);
      const results = (await answer.text()).trim().split("\n");
      for (const text of results) {
        const result = JSON.parse(text) as { status: string; id?: string };
        if (result.id === undefined || !["accepted", "duplicate"].includes(result.status)) break;
        acknowledged.add(result.id);
        at++;
      }
    } catch {
      await sleep(50);
    }
  }
  return acknowledged;
}

/** The whole trial. Throws an AssertionError where a promise is broken. */
export async function killWhilePublishing(kills: number, seed: number, say: (line: string) => void): Promise<void> {
  const random = seeded(seed);
  await using folder = await temporaryFolder();
  let running = await start(folder.path);
  try {
    const bearer = await token(folder.path, "hospital-a", "trace/events.write trace/lineage.read trace/supervise");
    const lines = Array.from({ length: kills * 400 }, (_, number) => auditEvent(seed, number));
    let over = false;
    const publishing = publish(() => running, bearer, lines).finally(() => {
      over = true;
    });
    let killed = 0;
    while (killed < kills && !over) {
      await sleep(20 + random() * 400);
      await running.kill();
      killed++;
      running = await start(folder.path);
    }
    say(`killed ${killed} times`);
    const acknowledged = await publishing;
    assert.equal(acknowledged.size, lines.length, "every line was acknowledged under an id of its own");
    await settled(running, bearer, acknowledged.size);

    const checked = await medtrace(["fsck", "--json"], { MEDTRACE_DATA: folder.path });
    const report = JSON.parse(checked.stdout.trim().split("\n").at(-1) ?? "{}") as {
      clean?: boolean;
      events?: number;
      leaves?: number;
      duplicates?: number;
    };
    say(`fsck: ${checked.stdout.trim().split("\n").at(-1)}`);
    assert.equal(checked.code, 0, checked.stdout + checked.stderr);
    assert.deepEqual(
      { clean: report.clean, events: report.events, leaves: report.leaves, duplicates: report.duplicates },
      { clean: true, events: lines.length, leaves: lines.length, duplicates: 0 },
    );
    assert.equal(await running.stop(), 0);
  } finally {
    await running[Symbol.asyncDispose]();
  }
}
