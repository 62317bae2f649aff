/** HL7 clients that others wrote, each sending messages over several connections and waiting for every answer. */
import { once } from "node:events";
import { Hl7Message } from "@medplum/core";
import { Hl7Client, ReturnAckCategory } from "@medplum/hl7";
import Client, { Message } from "node-hl7-client";

const CONNECTIONS = 8;
const CONNECT_MS_MAX = 60_000;
/** node-hl7-client sends messages of one version only. */
const VERSION = "2.5";

/** What an answer says: MSA-1 and MSA-2. */
export interface Answer {
  readonly code: string;
  readonly of: string;
}

/** Sends every message of `messages`, and resolves with their answers in the same order. */
export type Send = (place: string, messages: readonly string[]) => Promise<readonly Answer[]>;

/** @medplum/hl7: many messages may be on their way on one connection. */
export const medplum: Send = async (place, messages) => {
  const answers: Answer[] = [];
  await shared(messages.length, async (take) => {
    await using client = medplumClient(place);
    for (let at = take(); at !== undefined; at = take()) {
      const answer = await client.ask(messages[at] ?? "", "application");
      answers[at] = answer;
    }
  });
  return answers;
};

export interface MedplumClient extends AsyncDisposable {
  /** @param until the acknowledgment to wait for: the first of any kind, or the application's. */
  ask(message: string, until: "first" | "application"): Promise<Answer>;
}

/** One connection of @medplum/hl7. */
export function medplumClient(place: string): MedplumClient {
  const client = new Hl7Client({ ...hostAndPort(place), encoding: "latin1" });
  return {
    async ask(message, until) {
      const returnAck = until === "first" ? ReturnAckCategory.FIRST : ReturnAckCategory.APPLICATION;
      const answer = await client.sendAndWait(Hl7Message.parse(message), { returnAck });
      const msa = answer.getSegment("MSA");
      return { code: msa?.getField(1)?.toString() ?? "", of: msa?.getField(2)?.toString() ?? "" };
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** node-hl7-client: each connection waits for its answer before it sends the next message. */
export const nodeHl7: Send = async (place, messages) => {
  const { host, port } = hostAndPort(place);
  const client = new Client({ host, version: VERSION });
  const answers: Answer[] = [];
  try {
    await shared(messages.length, async (take) => {
      let answered = Promise.withResolvers<Answer>();
      const connection = client.createConnection({ port, version: VERSION, waitAck: true }, (response) => {
        const message = response.getMessage();
        answered.resolve({ code: message.get("MSA.1").toString(), of: message.get("MSA.2").toString() });
      });
      await once(connection, "connect", { signal: AbortSignal.timeout(CONNECT_MS_MAX) });
      for (let at = take(); at !== undefined; at = take()) {
        answered = Promise.withResolvers<Answer>();
        await connection.sendMessage(new Message({ text: messages[at] ?? "" }));
        answers[at] = await answered.promise;
      }
      await connection.close();
    });
  } finally {
    client.closeAll();
  }
  return answers;
};

/** Several workers, each taking the next number from 0 to `count` until there is none. */
async function shared(count: number, work: (take: () => number | undefined) => Promise<void>): Promise<void> {
  let next = 0;
  const take = (): number | undefined => (next < count ? next++ : undefined);
  await Promise.all(Array.from({ length: CONNECTIONS }, () => work(take)));
}

function hostAndPort(place: string): { host: string; port: number } {
  const [host = "", port = ""] = place.split(":");
  return { host, port: Number(port) };
}
