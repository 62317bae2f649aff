/** HL7 clients of others get what they wait for. `npm run test:clients` sends 10,000 messages with each. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Answer, medplum, medplumClient, nodeHl7, type Send } from "./clients/clients.ts";
import { type Started, settled, start, temporaryFolder, token } from "./testing/medtrace.ts";

const MESSAGES = Number(process.env["MEDTRACE_CLIENT_MESSAGES"] ?? 500);

/** The same number is the same message; four kinds by turns. */
function message(prefix: string, number: number, more = ""): string {
  const id = `${prefix}${number}`;
  const header = (type: string): string =>
    `MSH|^~\\&|WARD|HOSPA|LIS|LABC|20260102030405+0100||${type}|${id}|P|2.5${more}`;
  const pid = `PID|1||${1_000 + (number % 500)}^^^HOSPA^MR||Example^Patient^${number % 7}||19700101|F`;
  switch (number % 4) {
    case 0:
      return [header("ADT^A01^ADT_A01"), "EVN|A01|20260102030405", pid, `PV1|1|I|W1${"|".repeat(16)}V${number}`].join(
        "\r",
      );
    case 1:
      return [header("ADT^A08^ADT_A01"), pid, `PV1|1|I|W1${"|".repeat(16)}V${number - 1}`].join("\r");
    case 2:
      return [header("ORM^O01^ORM_O01"), pid, `ORC|NW|ORD${number}`, `OBR|1|ORD${number}||GLU^Glucose`].join("\r");
    default:
      return [header("ORU^R01^ORU_R01"), pid, `OBR|1|ORD${number - 1}|REP${number}|GLU`, "OBX|1|NM|GLU||5.1"].join(
        "\r",
      );
  }
}

const WAIT_MS_MAX = 600_000;

describe("HL7 clients of others", { timeout: WAIT_MS_MAX }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let started: Started;
  let bearer = "";
  before(async () => {
    folder = await temporaryFolder();
    started = await start(folder.path);
    bearer = await token(folder.path, "hospital-a", "trace/supervise trace/lineage.read");
  });
  after(async () => {
    await started[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const clients: readonly (readonly [name: string, send: Send])[] = [
    ["@medplum/hl7", medplum],
    ["node-hl7-client", nodeHl7],
  ];
  for (const [place, [name, send]] of clients.entries()) {
    it(`${name} sends ${MESSAGES} messages and gets as many right acknowledgments, each an event`, async () => {
      const prefix = `${"AB"[place]}-`;
      const answers = await send(
        started.places.mllp,
        Array.from({ length: MESSAGES }, (_, number) => message(prefix, number)),
      );
      const expected = Array.from(
        { length: MESSAGES },
        (_, number): Answer => ({ code: "AA", of: `${prefix}${number}` }),
      );
      assert.deepEqual(answers, expected);
      await settled(started, bearer, (place + 1) * MESSAGES);
    });
  }

  it("@medplum/hl7 gets the accept acknowledgment first, and the application's where it wants one", async () => {
    await using client = medplumClient(started.places.mllp);
    assert.deepEqual(await client.ask(message("C-", 0, "|||AL|NE"), "first"), { code: "CA", of: "C-0" });
    assert.deepEqual(await client.ask(message("C-", 1, "|||AL|AL"), "application"), { code: "AA", of: "C-1" });
    assert.deepEqual(await client.ask(message("C-", 2, "|||NE|AL"), "application"), { code: "AA", of: "C-2" });
  });

  it("@medplum/hl7 is told when a message will never be taken", async () => {
    await using client = medplumClient(started.places.mllp);
    assert.deepEqual(await client.ask(message("D-", 1), "application"), { code: "AA", of: "D-1" });
    const other = message("D-", 1).replace("Example", "Another");
    assert.deepEqual(await client.ask(other, "application"), { code: "AR", of: "D-1" });
    assert.deepEqual(await client.ask(message("D-", 1), "application"), { code: "AA", of: "D-1" });
  });
});
