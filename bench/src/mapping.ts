/** How fast bytes of HL7 v2 become sealed trace events on one core, with nothing stored. */
import { createCipheriv, createSecretKey, hash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadDirectory } from "@medtrace/ingest/directory";
import type { Hl7Context } from "@medtrace/ingest/hl7v2/map/context";
import { mapMessage } from "@medtrace/ingest/hl7v2/map/map";
import { readHeader, readMessage } from "@medtrace/ingest/hl7v2/message";
import { splitBody } from "@medtrace/ingest/hl7v2/split";
import { traceEvent } from "@medtrace/ingest/pipeline/event";
import { randomSource } from "@medtrace/ingest/pipeline/random";
import { createVeil } from "@medtrace/ingest/pipeline/veil";
import { hex } from "@medtrace/shared/model/bytes";
import { hmacSha256 } from "@medtrace/shared/model/hmac";
import { traceTimeOf } from "@medtrace/shared/model/time";
import { eventBytes, eventId } from "@medtrace/shared/model/trace-event";
import type { Figure } from "./figures.ts";
import { results } from "./hl7-load.ts";

const ROOT = join(import.meta.dirname, "../..");
/** A stream that another project wrote, where it is at hand; else the bench's own messages. */
const STREAM = join(
  process.env["MEDTRACE_TEST_DATA"] ?? join(ROOT, "../shared/data"),
  "hl7/simhospital_messages_1013.hl7",
);
const OWN_MESSAGES = 1_000;
const INSTITUTION = "hospital-a";
const WARM_UP_S = 2;

/** The figure, beside what the cryptography of the same events costs alone. */
export async function mappingFigures(seconds: number): Promise<Figure[]> {
  const body = existsSync(STREAM)
    ? readFileSync(STREAM)
    : Buffer.concat(Array.from({ length: OWN_MESSAGES }, (_, i) => results(i)));
  const context: Hl7Context = {
    institution: INSTITUTION,
    directory: await loadDirectory(undefined),
    zone: "+00:00",
    received: traceTimeOf(Date.now()),
  };
  const seal = sealer(context);
  let events = 0;
  let bytes = 0;
  const perSecond = rate(seconds, () => {
    const { messages } = splitBody(body);
    for (const message of messages) {
      for (const value of seal(message)) {
        events++;
        bytes += value.length;
      }
    }
    return messages.length;
  });
  return [
    {
      name: "mapping alone, bytes to sealed event, one core",
      value: perSecond,
      unit: "messages/s",
      target: { kind: "at least", value: 20_000 },
      limit: { name: "its cryptography alone, messages/s", value: cryptography(seconds / 2, bytes / events) },
    },
  ];
}

/** What the pipeline does with a message but for asking the vault and the log. */
function sealer(context: Hl7Context): (message: Parameters<typeof readMessage>[0]) => Uint8Array[] {
  const digestOf = hmacSha256(randomBytes(32));
  const dataKey = createSecretKey(randomBytes(32));
  const random = randomSource();
  const token = randomBytes(16).toString("base64url");
  const hexDigest = (text: string): string => hex(digestOf(Buffer.from(text)));
  return (message) => {
    const digest = `hmac-sha256:${hex(digestOf(message.raw))}`;
    return mapMessage(readMessage(message, readHeader(message)), message.raw, context).map((draft) => {
      const id = eventId(INSTITUTION, draft.system, draft.messageId ?? digest, draft.index);
      const secrets = draft.persons.flatMap(({ identifiers }) => identifiers.map(({ value }) => value));
      const veil = createVeil(INSTITUTION, secrets, hexDigest);
      const subjects = draft.persons.map(() => ({ token, also: [] }));
      const { received } = context;
      return eventBytes(
        traceEvent(draft, { id, institution: INSTITUTION, digest, received, subjects, dataKey, veil, random }),
      );
    });
  };
}

/** A digest, an id and a seal for each message. */
function cryptography(seconds: number, eventBytes: number): number {
  const digestOf = hmacSha256(randomBytes(32));
  const key = createSecretKey(randomBytes(32));
  const source = randomBytes(Math.round(eventBytes / 2));
  const content = source.toString("base64").slice(0, Math.round(eventBytes / 4));
  return rate(seconds, () => {
    for (let i = 0; i < 1_000; i++) {
      digestOf(source);
      hash("sha256", content.slice(0, 100), "hex");
      const cipher = createCipheriv("aes-256-gcm", key, source.subarray(0, 12), { authTagLength: 16 });
      cipher.update(content, "utf8");
      cipher.final();
      cipher.getAuthTag();
    }
    return 1_000;
  });
}

/** How many a second of this thread's own time, which others on the machine do not lengthen. */
function rate(seconds: number, work: () => number): number {
  const used_s = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1e6;
  };
  for (const until = used_s() + Math.min(WARM_UP_S, seconds); used_s() < until; ) work();
  const start = used_s();
  let done = 0;
  while (used_s() - start < seconds) done += work();
  return done / (used_s() - start);
}
