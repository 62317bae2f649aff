/** Streams of audit messages, changed anywhere, over TLS and a real pipeline: what is told as taken is in the log. */
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { selfSigned } from "@medtrace/shared/testing/certificate";
import { startPipeline } from "../pipeline/testing.ts";
import { frame } from "./framer.ts";
import { startSyslog } from "./server.ts";
import { createTake } from "./take.ts";
import { auditMessage, CONTEXT, syslog } from "./testing.ts";

const CONNECTIONS = 60;
const MESSAGES = 8;
const CHANGES_MAX = 3;
const SEED = 20_260_115;

const SERVER = selfSigned("medtrace");
const PACS = selfSigned("north-hospital");
/** What is put in the place of some bytes. */
const SPLICES = [
  "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>",
  "&x;",
  "<".repeat(2_000),
  "99999999999 ",
  "\n",
  "\u0000",
  "\ufeff",
  "<![CDATA[",
  "]]>",
  ' UserID="',
  "</AuditMessage>",
].map((text) => Buffer.from(text));

/** Numbers from 0 up to `below`, the same for the same seed (Park and Miller's generator). */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

function changed(bytes: Buffer, random: (below: number) => number): Buffer {
  let made = Buffer.from(bytes);
  for (let n = random(CHANGES_MAX); n > 0; n--) {
    const at = random(made.length);
    const kind = random(4);
    if (kind === 0) made[at] = random(256);
    else if (kind === 1) made = Buffer.concat([made.subarray(0, at), made.subarray(at + random(200))]);
    else if (kind === 2)
      made = Buffer.concat([made.subarray(0, at), SPLICES[random(SPLICES.length)] ?? made, made.subarray(at)]);
    else made = Buffer.concat([made.subarray(0, at), made.subarray(random(at + 1))]);
    if (made.length === 0) return made;
  }
  return made;
}

test("streams changed anywhere never stop the listener, and every message told as taken is in the log", async (t) => {
  await using pipeline = await startPipeline();
  const refused = new Map<string, number>();
  const listener = await startSyslog({
    host: "127.0.0.1",
    port: 0,
    tls: { ...SERVER, ca: PACS.cert, maxVersion: "TLSv1.2" },
    institutionOf: () => CONTEXT.institution,
    take: createTake({
      intake: pipeline.intake,
      context: () => CONTEXT,
      onRefused: (_, code) => void refused.set(code, (refused.get(code) ?? 0) + 1),
    }),
    log: { info: () => {}, warn: () => {} },
  });
  const send = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ port: listener.port, host: "127.0.0.1", ca: SERVER.cert, ...PACS });
      socket.on("error", () => {}).once("close", () => resolve());
      socket.resume().end(bytes);
    });
  const message = (id: string): Buffer =>
    syslog(auditMessage({ source: `<AuditSourceIdentification AuditSourceID="${id}"/>` }));

  const random = seeded(SEED);
  for (let n = 0; n < CONNECTIONS; n++) {
    const framed = Array.from({ length: MESSAGES }, (_, i) => {
      const whole = message(`source-${n}-${i}`);
      // Most of them keep the frame whole, so that what is inside is read.
      return random(8) > 0 ? frame(changed(whole, random)) : changed(Buffer.from(frame(whole)), random);
    });
    await send(Buffer.concat(framed));
  }
  await send(frame(message("the-last")));
  while (listener.connections > 0) await sleep(20);

  const tally = listener.tallies.of(CONTEXT.institution);
  const events = await pipeline.events();
  const again = pipeline.observed
    .filter((line) => / duplicate \d+$/.test(line))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  t.diagnostic(
    `${tally.messagesTaken} taken, ${JSON.stringify(Object.fromEntries(refused))} refused, ${JSON.stringify(tally.closed)}`,
  );
  assert.equal(events.length, tally.messagesTaken - again);
  assert.equal(
    [...refused.values()].reduce((sum, count) => sum + count, 0),
    tally.messagesRefused,
  );
  assert.ok(events.some(({ source }) => source.system === "north-hospital/Device/the-last"));
  assert.ok(tally.messagesTaken > CONNECTIONS && tally.messagesRefused > CONNECTIONS);
  assert.ok(
    [...refused.keys()].every((code) => /^(INPUT_|EVENT_CONFLICT)/.test(code)),
    [...refused.keys()].join(),
  );
  assert.equal(tally.closed.failed, 0);
  await listener[Symbol.asyncDispose]();
});
