import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";
import { createSender } from "./sender.ts";

interface Taken {
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly lines: readonly string[];
}

/** An ingest that answers as told. */
async function withIngest(
  answer: (taken: Taken) => { status: number; text: string },
  use: (url: string, taken: Taken[]) => Promise<void>,
): Promise<void> {
  const taken: Taken[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const lines = Buffer.concat(chunks).toString("utf8").split("\n").filter(Boolean);
    const one = { url: request.url, authorization: request.headers.authorization, lines };
    taken.push(one);
    const { status, text } = answer(one);
    response.writeHead(status, { connection: "close" }).end(text);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, taken);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const result = (status: string, error?: string): string =>
  JSON.stringify({ status, ...(error === undefined ? {} : { error: { code: error } }) });

test("reports go out as NDJSON with the institution's token, which is issued once for many", async () => {
  const text = `${result("accepted")}\n${result("duplicate")}\n`;
  await withIngest(
    () => ({ status: 200, text }),
    async (url, taken) => {
      let issued = 0;
      const send = createSender(url, async (institution) => `${institution}-${++issued}`);
      assert.deepEqual(await send("hospital-a", ["{}", "{}"]), []);
      assert.deepEqual(await send("hospital-a", ["{}", "{}"]), []);
      assert.equal(issued, 1);
      const authorization = "Bearer hospital-a-1";
      assert.deepEqual(taken[0], { url: "/fhir/$ingest", authorization, lines: ["{}", "{}"] });
    },
  );
});

test("lines that ingest refuses for good are given back; when it is full, all are kept", async () => {
  let text = `${result("accepted")}\n${result("refused", "INPUT_INVALID")}\n`;
  let status = 200;
  await withIngest(
    () => ({ status, text }),
    async (url) => {
      const send = createSender(url, async () => "token");
      assert.deepEqual(await send("a", ["1", "2"]), ["2"]);
      text = `${result("accepted")}\n${result("refused", "STORAGE_FAILED")}\n`;
      await assert.rejects(send("a", ["1", "2"]));
      text = `${result("accepted")}\n`;
      await assert.rejects(send("a", ["1", "2"]));
      status = 503;
      await assert.rejects(send("a", ["1", "2"]));
      status = 422;
      assert.deepEqual(await send("a", ["1", "2"]), ["1", "2"]);
    },
  );
});

test("a token that is no longer taken is replaced", async () => {
  let issued = 0;
  await withIngest(
    ({ authorization }) => ({ status: authorization === "Bearer 1" ? 401 : 200, text: result("accepted") }),
    async (url) => {
      const send = createSender(url, async () => `${++issued}`);
      await assert.rejects(send("a", ["1"]));
      assert.deepEqual(await send("a", ["1"]), []);
      assert.equal(issued, 2);
    },
  );
});
