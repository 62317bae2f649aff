/** Names in the character sets that hospitals send: framed as bytes, decoded, split, sealed, and opened unharmed. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { getJson, type Started, settled, start, temporaryFolder, token } from "./testing/medtrace.ts";
import { connectMllp, framed } from "./testing/mllp-client.ts";

/** Bytes that end characters of these sets, and are HL7's delimiters in ASCII. */
const TRAILS = [0x5c, 0x5e, 0x7c, 0x7e];

interface Case {
  readonly msh18: string;
  /** Family and given name, as bytes. */
  readonly family: Buffer;
  readonly given: Buffer;
  /** WHATWG label that the expected text is decoded by, apart from how ingest does it. */
  readonly label: string;
}

/** Characters of a two-byte set: each lead byte with each of the trail bytes. */
const pairs = (...leads: readonly number[]): Buffer =>
  Buffer.from(leads.flatMap((lead) => TRAILS.flatMap((trail) => [lead, trail])));

const CASES: readonly Case[] = [
  // The last two characters take four bytes each.
  { msh18: "GB 18030-2000", family: pairs(0x81, 0x9e), given: pairs(0xb5, 0xfd), label: "gb18030" },
  { msh18: "GB 18030-2000", family: hex("8139ef30"), given: hex("95328236d5fdcfc3"), label: "gb18030" },
  { msh18: "ISO IR14", family: pairs(0x83, 0x95), given: hex("b1b2dd"), label: "shift_jis" },
  { msh18: "~ISO IR87", family: hex("1b24423b3345441b2842"), given: hex("1b2442425c5e7c1b2842"), label: "iso-2022-jp" },
  { msh18: "BIG-5", family: pairs(0xa5, 0xb3), given: pairs(0xae), label: "big5" },
  { msh18: "8859/5", family: hex("b8d2d0ddded2"), given: hex("bfd5e2e0"), label: "iso-8859-5" },
  { msh18: "UNICODE UTF-8", family: Buffer.from("山田"), given: Buffer.from("太郎𠮷"), label: "utf-8" },
];

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}

function message(number: number, { msh18, family, given }: Case): Buffer {
  const header = `MSH|^~\\&|WARD|HOSPA|LIS|LABC|20260102030405+0800||ADT^A04^ADT_A01|CS${number}|P|2.5||||||${msh18}`;
  return Buffer.concat([
    Buffer.from(`${header}\rPID|1||77${number}^^^HOSPA^MR||`),
    family,
    Buffer.from("^"),
    given,
    Buffer.from("||19800203|F\r"),
  ]);
}

function nameOf({ label, family, given }: Case): string {
  const text = (bytes: Buffer): string => new TextDecoder(label, { fatal: true }).decode(bytes);
  return `${text(family)} ${text(given)}`;
}

describe("character sets", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let started: Started;
  before(async () => {
    folder = await temporaryFolder();
    started = await start(folder.path);
  });
  after(async () => {
    await started[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** The event that a message became, by sending it again. */
  async function eventOf(bytes: Uint8Array, writer: string): Promise<string> {
    const answer = await fetch(`${started.places.ingest}/hl7v2`, {
      method: "POST",
      headers: { authorization: `Bearer ${writer}`, "content-type": "application/hl7-v2", accept: "application/json" },
      body: new Uint8Array(bytes),
    });
    const { messages } = (await answer.json()) as { messages: { status: string; ids: string[]; flags: string[] }[] };
    assert.equal(messages[0]?.status, "duplicate");
    assert.deepEqual(messages[0]?.flags, []);
    return messages[0]?.ids[0] ?? "";
  }

  it("names arrive unharmed, unsealed by one who may and by nobody else", async () => {
    using client = await connectMllp(started.places.mllp);
    const messages = CASES.map((one, number) => message(number, one));
    await client.write(Buffer.concat(messages.map((bytes) => framed(bytes))));
    const answers = await client.answers(CASES.length);
    assert.deepEqual(
      answers.map((answer) => /\rMSA\|(\w+\|\w+)\r/.exec(answer)?.[1]),
      CASES.map((_, number) => `AA|CS${number}`),
    );

    const may = await token(folder.path, "hospital-a", "trace/lineage.read trace/unseal trace/supervise");
    const writer = await token(folder.path, "hospital-a", "trace/events.write");
    const others = [
      await token(folder.path, "hospital-a", "trace/lineage.read"),
      await token(folder.path, "hospital-b", "trace/lineage.read trace/unseal trace/supervise"),
    ];
    await settled(started, may, CASES.length);
    for (const [number, one] of CASES.entries()) {
      const id = await eventOf(messages[number] ?? Buffer.alloc(0), writer);
      const url = `${started.places.query}/v1/events/${id}?unseal=true`;
      const { body } = await getJson(url, may);
      const sealed = body["sealed"] as { state: string; content: { names: string[] } };
      assert.equal(sealed.state, "open");
      assert.deepEqual(sealed.content.names, [nameOf(one)], one.msh18);
      for (const other of others) assert.equal((await getJson(url, other)).status, 403);
    }
  });
});
