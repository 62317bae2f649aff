import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { hasCode } from "@medtrace/shared/errors";
import { expanded } from "./codings.ts";
import { createLogger } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createServer, listen } from "./server.ts";

const BODY_BYTES_MAX = 40_000_000;

async function start() {
  const log = createLogger({ name: "test", level: "silent" });
  const limits = { bodyBytesMax: BODY_BYTES_MAX };
  const app = await createServer({ name: "test", log, metrics: createMetrics(), ready: async () => [], limits });
  app.post("/json", async ({ body }) => ({ length: (body as string).length }));
  const url = await listen(app, { host: "127.0.0.1", port: 0 });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const post = async (body: Buffer, type = "application/json"): Promise<[number | undefined, string]> => {
    const headers = { "content-type": type, "content-encoding": "gzip" };
    const asked = request(`${url}/json`, { method: "POST", agent, headers });
    const answered = once(asked, "response");
    asked.end(body);
    const [answer] = (await answered) as [IncomingMessage];
    return [answer.statusCode, Buffer.concat(await answer.toArray()).toString()];
  };
  return {
    post,
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await app.close();
    },
  };
}

describe("a body in gzip", () => {
  test("is read as what it holds, in one member or several", async () => {
    await using server = await start();
    const text = JSON.stringify("x".repeat(100_000));
    assert.deepEqual(await server.post(gzipSync(text)), [200, '{"length":100000}']);
    const halves = [gzipSync(text.slice(0, 50)), gzipSync(text.slice(50))];
    assert.deepEqual(await server.post(Buffer.concat(halves)), [200, '{"length":100000}']);
  });

  test("that is none, or not whole, is refused with its place, and the connection can be used again", async () => {
    await using server = await start();
    const good = gzipSync(JSON.stringify("x".repeat(1_000)));
    for (const bad of [Buffer.from('"plain"'), good.subarray(0, -9), Buffer.alloc(0), Buffer.alloc(5_000_000, 7)]) {
      const [status, text] = await server.post(bad);
      assert.deepEqual([status, JSON.parse(text).at], [400, "body"]);
      assert.deepEqual(await server.post(good), [200, '{"length":1000}']);
    }
  });

  test("is limited by what it holds, not by what was sent", async () => {
    await using server = await start();
    const [status, text] = await server.post(gzipSync(JSON.stringify("x".repeat(BODY_BYTES_MAX))));
    assert.deepEqual([status, JSON.parse(text).code], [413, "INPUT_TOO_LARGE"]);
  });

  test("that nobody reads is answered all the same", async () => {
    await using server = await start();
    assert.equal((await server.post(Buffer.from("x"), "text/plain"))[0], 415);
    assert.equal((await server.post(gzipSync(Buffer.alloc(3_000_000)), "text/plain"))[0], 415);
    assert.equal((await server.post(gzipSync('"x"')))[0], 200);
  });
});

test("what grows without end is cut off in little memory, while what is merely large is not", async () => {
  const packed = gzipSync(Buffer.alloc(200_000_000));
  let bytes = 0;
  await assert.rejects(
    async () => {
      for await (const part of expanded(Readable.from([packed]))) bytes += part.length;
    },
    (error) => hasCode(error, "INPUT_TOO_LARGE"),
  );
  assert.ok(bytes < 60_000_000, `${bytes} bytes came through`);
  const lines = Array.from({ length: 300_000 }, (_, i) => `${i} ${i * 7919} ${"of the same kind".repeat(4)}`).join(
    "\n",
  );
  bytes = 0;
  for await (const part of expanded(Readable.from([gzipSync(lines)]))) bytes += part.length;
  assert.equal(bytes, lines.length);
});
