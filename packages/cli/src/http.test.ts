import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createLogger } from "@medtrace/service-kit/log";
import { createMetrics } from "@medtrace/service-kit/metrics";
import { type answerProblem, createServer, listen } from "@medtrace/service-kit/server";
import { openService, problemOf, type ServiceOptions } from "./http.ts";

type Reply = Parameters<typeof answerProblem>[2];

/** A service that answers with each of these in turn, the last for ever. */
async function start(...answers: readonly ((reply: Reply) => unknown)[]) {
  const log = createLogger({ name: "test", level: "silent" });
  const app = await createServer({ name: "test", log, metrics: createMetrics(), ready: async () => [] });
  let asked = 0;
  app.get("/thing", async (_request, reply) => answers[Math.min(asked++, answers.length - 1)]?.(reply));
  const url = await listen(app, { host: "127.0.0.1", port: 0 });
  return { app, url, asked: () => asked };
}

const busy = (reply: Reply) => reply.code(503).send({ code: "BUSY", detail: "the queue is full" });
const fine = (reply: Reply) => reply.send({ fine: true });
const GET = { method: "GET", path: "/thing", token: "t" } as const;
const options = (url: string, more: Partial<ServiceOptions> = {}): ServiceOptions => ({
  name: "ingest",
  url,
  variable: "INGEST_URL",
  retry_s: 5,
  signal: new AbortController().signal,
  ...more,
});

describe("requests to services", () => {
  test("are tried again while the service is busy", async () => {
    const { app, url, asked } = await start(busy, busy, fine);
    const { status, text, attempts } = await openService(options(url)).request(GET);
    assert.deepEqual([status, text, attempts, asked()], [200, '{"fine":true}', 3, 3]);
    await app.close();
  });

  test("are tried again while the service is away, and find it when it is back", async () => {
    const first = await start(fine);
    const { port } = new URL(first.url);
    await first.app.close();
    const asking = openService(options(first.url)).request(GET);
    const log = createLogger({ name: "test", level: "silent" });
    const app = await createServer({ name: "test", log, metrics: createMetrics(), ready: async () => [] });
    app.get("/thing", async () => ({ back: true }));
    await new Promise((resolve) => setTimeout(resolve, 150));
    await listen(app, { host: "127.0.0.1", port: Number(port) });
    const { text, attempts } = await asking;
    assert.equal(text, '{"back":true}');
    assert.ok(attempts > 1);
    await app.close();
  });

  test("end with what the service said where it stays busy", async () => {
    const { app, url } = await start(busy);
    await assert.rejects(openService(options(url, { retry_s: 0 })).request(GET), {
      message: /stayed busy.*the queue is full/,
      exitCode: 2,
    });
    await app.close();
  });

  test("end with where it was sought where there is no service", async () => {
    const { app, url } = await start(fine);
    await app.close();
    const failure = { at: url, hint: /medtrace start.*INGEST_URL/, exitCode: 2 };
    await assert.rejects(openService(options(url, { retry_s: 0 })).request(GET), failure);
  });

  test("are not tried again where the token is refused, and say what to do", async () => {
    for (const [status, hint] of [
      [401, /--token/],
      [403, /scope/],
    ] as const) {
      const { app, url, asked } = await start((reply) => reply.code(status).send({ detail: "the token has expired" }));
      const failure = { message: "ingest refused the token: the token has expired", hint, exitCode: 2 };
      await assert.rejects(openService(options(url)).request(GET), failure);
      assert.equal(asked(), 1);
      await app.close();
    }
  });

  test("give other answers back as they are, and do not follow redirects with the token", async () => {
    const { app, url } = await start((reply) => reply.code(404).send({ detail: "nothing" }));
    assert.equal((await openService(options(url)).request(GET)).status, 404);
    await app.close();
    const elsewhere = await start((reply) => reply.redirect("http://127.0.0.1:1/"));
    await assert.rejects(openService(options(elsewhere.url, { retry_s: 0 })).request(GET), { exitCode: 2 });
    await elsewhere.app.close();
  });

  test("end at once on Ctrl-C", async () => {
    const { app, url } = await start(busy);
    const interrupt = new AbortController();
    const asking = openService(options(url, { retry_s: 600, signal: interrupt.signal })).request(GET);
    setTimeout(() => interrupt.abort(), 50);
    await assert.rejects(asking, { message: "interrupted" });
    await app.close();
  });

  test("tell problems of every form that services answer in", () => {
    const problem = { code: "INPUT_INVALID", message: "wrong", at: "here", hint: "mend it" };
    const { message: detail, ...rest } = problem;
    assert.deepEqual(problemOf(JSON.stringify({ detail, ...rest })), problem);
    assert.deepEqual(problemOf(JSON.stringify({ error: problem })), problem);
    const issue = [
      { severity: "error", code: "invalid", details: { text: "INPUT_INVALID" }, diagnostics: "wrong (here)" },
    ];
    assert.deepEqual(problemOf(JSON.stringify({ resourceType: "OperationOutcome", issue })), {
      code: "INPUT_INVALID",
      message: "wrong (here)",
    });
    for (const text of ["", "<html>", "[]", "null", '{"detail": 7}', '{"issue": []}']) {
      assert.equal(problemOf(text).code, "INTERNAL");
    }
  });
});
