/** Hostile and mistaken HL7 v2, over HTTP and MLLP: each gets its acknowledgment, and only what is acknowledged is kept. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventsTaken, type Target, withoutTrace } from "../testing/hostile.ts";
import { connectMllp, framed, type MllpClient } from "../testing/mllp-client.ts";
import { admission, msh, read } from "./messages.ts";

const HL7 = { "content-type": "application/hl7-v2" };

let target: Target;
let mllp: MllpClient;

interface Refused {
  readonly name: string;
  readonly message: string;
  readonly status: number;
  /** ERR-2. */
  readonly place: string;
  /** First component of ERR-3. */
  readonly condition: string;
  /** MSA-2. */
  readonly echoed?: string;
}

const REFUSED: readonly Refused[] = [
  { name: "nothing at all", message: "", status: 400, place: "MSH^1", condition: "100" },
  { name: "no MSH", message: "PID|1||1^^^A\rPV1|1|I\r", status: 400, place: "MSH^1", condition: "100" },
  { name: "text that is no HL7", message: "GET / HTTP/1.1\r\n\r\n", status: 400, place: "MSH^1", condition: "100" },
  { name: "MSH and no more", message: "MSH", status: 400, place: "MSH^1^1", condition: "100" },
  { name: "letters for delimiters", message: "MSHabcdef", status: 400, place: "MSH^1^1", condition: "100" },
  { name: "delimiters that are all the same", message: "MSH||||||", status: 400, place: "MSH^1^2", condition: "100" },
  {
    name: "an unknown version",
    message: admission("X1", { version: "3.1" }),
    status: 415,
    place: "MSH^1^12",
    condition: "203",
    echoed: "X1",
  },
  {
    name: "no version",
    message: admission("X1", { version: "" }),
    status: 415,
    place: "MSH^1^12",
    condition: "203",
    echoed: "X1",
  },
  {
    name: "a charset that is not decoded",
    message: admission("X1", { charset: "EBCDIC" }),
    status: 415,
    place: "MSH^1^18",
    condition: "103",
    echoed: "X1",
  },
  {
    name: "two charsets that do not go together",
    message: admission("X1", { charset: "UNICODE UTF-8~GB 18030-2000" }),
    status: 415,
    place: "MSH^1^18",
    condition: "103",
    echoed: "X1",
  },
  { name: "no control id", message: admission(""), status: 422, place: "MSH^1^10", condition: "101" },
  {
    name: "50,001 segments",
    message: msh() + "ZZZ\r".repeat(50_001),
    status: 413,
    place: "MSH^1",
    condition: "104",
    echoed: "X1",
  },
];

/** Registers the tests of messages. */
export function badHl7(given: () => Target): void {
  before(async () => {
    target = given();
    mllp = await connectMllp(target.running.places.mllp);
  });

  after(() => mllp[Symbol.dispose]());

  describe("HL7 v2 that is refused: the same over HTTP and MLLP, with place and advice, and nothing is taken", () => {
    for (const { name, message, status, place, condition, echoed = "" } of REFUSED) {
      test(`${name}: ${status}, and AR with ERR at ${place}`, async () => {
        const check = (ack: string): void => {
          const { msa, err } = read(ack);
          assert.deepEqual(
            [msa[1], msa[2] ?? "", err[2], err[3]?.split("^")[0]],
            ["AR", echoed, place, condition],
            ack,
          );
          assert.ok((err[7] ?? "") !== "" && (err[8] ?? "") !== "", `says what is wrong and what to do: ${ack}`);
          assert.doesNotMatch(ack, /Nobody|Nemo/, "repeats what was sent");
        };
        await withoutTrace(target.running, async () => {
          const answer = await target.post("/hl7v2", message, HL7);
          assert.equal(answer.status, status, answer.text);
          check(answer.text);
          const before = (await mllp.answers(0)).length;
          await mllp.write(framed(message));
          check((await mllp.answers(before + 1)).at(-1) ?? "");
        });
      });
    }

    test("a stream with bad messages in it: the others are taken, each is answered in its place", async () => {
      const before = await eventsTaken(target.running);
      const body =
        admission("S1") + admission("S2", { version: "9" }) + admission("S3") + admission("S4", { charset: "x" });
      const answer = await target.post("/hl7v2", body, HL7);
      assert.equal(answer.status, 200);
      const codes = [...answer.text.matchAll(/MSA\|(\w+)\|(\w+)/g)].map(([, code, id]) => `${id} ${code}`);
      assert.deepEqual(codes, ["S1 AA", "S2 AR", "S3 AA", "S4 AR"]);
      assert.equal((await eventsTaken(target.running)) - before, 2);
    });

    test("bodies that are no HL7 by their media type or coding are refused before they are read", async () => {
      for (const headers of [{ "content-type": "application/fhir+json" }, { ...HL7, "content-encoding": "br" }]) {
        const answer = await withoutTrace(target.running, () => target.post("/hl7v2", admission("X1"), headers));
        assert.equal(answer.status, 415, answer.text);
        assert.match(answer.headers["content-type"] ?? "", /^application\/problem\+json/);
        assert.match(answer.text, /"at":"Content-(Type|Encoding)","hint":"./);
      }
    });
  });

  test("messages that are odd, yet can be read, are taken and flagged", async () => {
    const odd: readonly [message: string, flag: string][] = [
      [msh({ id: "O1", type: "ZZZ^Z01" }), "hl7:unknown-message-type"],
      [msh({ id: "O2", type: "constructor^__proto__" }), "hl7:unknown-message-type"],
      [msh({ id: "O3", type: "" }), "hl7:no-message-type"],
      [msh({ id: "O4" }), "hl7:no-patient-identifier"],
      [admission("O5").replace("20260101|", "yesterday|"), "hl7:unreadable-time"],
      [`${admission("O6")}no segment\r`, "hl7:not-a-segment"],
      [admission("O7").replace("Nemo", "N\xe9mo"), "hl7:not-ascii"],
    ];
    for (const [message, flag] of odd) {
      const headers = { ...HL7, accept: "application/json" };
      const answer = await target.post("/hl7v2", Buffer.from(message, "latin1"), headers);
      const [told] = (JSON.parse(answer.text) as { messages: { status: string; flags: string[] }[] }).messages;
      assert.equal(told?.status, "accepted", answer.text);
      assert.ok(told.flags.includes(flag), answer.text);
    }
  });
}
