/** HL7 v2 load: results of about 1.2 kB, each another message, and a client that waits for each acknowledgment. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Looped } from "./client.ts";
import type { Figure } from "./figures.ts";

const CONNECTIONS = 100;
const ANSWER_MS_MAX = 60_000;
const START = Buffer.of(0x0b);
const END = Buffer.of(0x1c, 0x0d);
const TESTS = ["718-7^Hemoglobin", "4544-3^Hematocrit", "789-8^Erythrocytes", "6690-2^Leukocytes", "777-3^Platelets"];

/** One ORU^R01 in ER7; its control id is `N` and the number. */
export function results(number: number): Buffer {
  const patient = 100_000 + ((number * 7_919) % 5_000);
  const doctor = 1_000 + (number % 300);
  const observations = TESTS.map(
    (test, i) =>
      `OBX|${i + 1}|NM|${test}^LN||${(10 + ((number + i) % 40) / 10).toFixed(1)}|g/dL^gram per deciliter^UCUM|9.0-16.0|N|||F|||20260102021500|LAB^Main laboratory`,
  );
  const lines = [
    `MSH|^~\\&|LABSYS|LABC|WARD|HOSPA|20260102021500||ORU^R01^ORU_R01|N${number}|P|2.5`,
    `PID|1||${patient}^^^HOSPA^MR||Example^Patient ${patient}^A||19700101|F|||1 Example Street^^Town^^12345||0123 456789`,
    `PV1|1|I|W1^101^A^HOSPA||||${doctor}^Doctor^Number ${doctor}^^^Dr${"|".repeat(12)}V${patient}`,
    `ORC|RE|ORD${number}|FIL${number}||CM||||20260102020000`,
    `OBR|1|ORD${number}|FIL${number}|58410-2^CBC panel^LN|||20260102020000|||||||||${doctor}^Doctor^Number ${doctor}^^^Dr||||||20260102021000|||F`,
    ...observations,
    "NTE|1||Seen by the laboratory's physician; no haemolysis, and the sample came in time.",
  ];
  return Buffer.from(`${lines.join("\r")}\r`, "latin1");
}

class Waiting implements Disposable {
  readonly #socket: Socket;
  #received = "";
  #answer: PromiseWithResolvers<string> | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true).setEncoding("latin1");
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error(`no answer in ${ANSWER_MS_MAX} ms`)));
    socket.on("data", (text: string) => this.#take(text));
    socket.on("error", (error) => this.#answer?.reject(error));
    socket.on("close", () => this.#answer?.reject(new Error("the listener closed the connection")));
  }

  static async open(place: string): Promise<Waiting> {
    const [host = "", port = ""] = place.split(":");
    const socket = connect({ host, port: Number(port) });
    await once(socket, "connect");
    return new Waiting(socket);
  }

  /** Sends one message; resolves with the content of the frame that answers it. */
  ask(message: Buffer): Promise<string> {
    const answer = Promise.withResolvers<string>();
    this.#answer = answer;
    this.#socket.write(Buffer.concat([START, message, END]));
    return answer.promise;
  }

  #take(text: string): void {
    this.#received += text;
    const end = this.#received.indexOf("\x1c\r");
    if (end < 0) return;
    const answer = this.#received.slice(1, end);
    this.#received = this.#received.slice(end + 2);
    this.#answer?.resolve(answer);
  }

  [Symbol.dispose](): void {
    this.#socket.removeAllListeners("close").destroy();
  }
}

/**
 * Closed loop over MLLP: each connection sends its next message once it has the acknowledgment of its last.
 *
 * @param first number of the first message; each is sent once.
 * @throws where an acknowledgment is not AA, or of another message.
 */
export async function mllpLoop(place: string, connections: number, seconds: number, first: number): Promise<Looped> {
  using open = new DisposableStack();
  const all = await Promise.all(Array.from({ length: connections }, () => Waiting.open(place)));
  for (const connection of all) open.use(connection);
  let number = first;
  const start = performance.now();
  const until = start + seconds * 1_000;
  await Promise.all(
    all.map(async (connection) => {
      while (performance.now() < until) {
        const own = number++;
        const answer = await connection.ask(results(own));
        if (!answer.includes(`\rMSA|AA|N${own}\r`)) throw new Error(`N${own} was answered: ${answer.slice(0, 500)}`);
      }
    }),
  );
  const count = number - first;
  return { count, perSecond: (count * 1_000) / (performance.now() - start) };
}

/** Figure of MLLP connections that each wait for their acknowledgment, beside a listener that keeps nothing. */
export async function mllpFigures(place: string, seconds: number): Promise<Figure[]> {
  const bare = await bareMllp(Math.min(seconds, 4));
  const looped = await mllpLoop(place, CONNECTIONS, seconds, 0);
  return [
    {
      name: `MLLP, ${CONNECTIONS} connections waiting for their ACK`,
      value: looped.perSecond,
      unit: "messages/s",
      target: { kind: "at least", value: 3_000 },
      limit: { name: "bare node:net, nothing kept, messages/s", value: bare },
    },
  ];
}

async function bareMllp(seconds: number): Promise<number> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./bare/mllp.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const signal = AbortSignal.timeout(10_000);
    const [place] = (await once(createInterface({ input: child.stdout }), "line", { signal })) as [string];
    return (await mllpLoop(place, CONNECTIONS, seconds, 0)).perSecond;
  } finally {
    child.kill();
  }
}
