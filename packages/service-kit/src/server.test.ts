import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { MedtraceError } from "@medtrace/shared/errors";
import { createLogger } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createServer, listen, type ServerOptions } from "./server.ts";

const SECRET = "Esterkin-19890118";

async function start(options: Partial<ServerOptions> = {}) {
  const lines: string[] = [];
  const log = createLogger({ name: "test", level: "trace", to: { write: (line: string) => void lines.push(line) } });
  const app = await createServer({ name: "test", log, metrics: createMetrics(), ready: async () => [], ...options });
  return { app, lines };
}

describe("server", () => {
  test("probes: live without asking anyone, ready only when nothing is missing", async () => {
    let asked = 0;
    let missing: readonly string[] = ["the ledger cannot be reached"];
    const { app } = await start({
      ready: async () => {
        asked++;
        return missing;
      },
    });
    assert.deepEqual((await app.inject("/livez")).json(), { live: true });
    assert.equal(asked, 0);
    const unready = await app.inject("/readyz");
    assert.equal(unready.statusCode, 503);
    assert.deepEqual(unready.json(), { ready: false, missing });
    missing = [];
    assert.deepEqual((await app.inject("/readyz")).json(), { ready: true });
    await app.close();
  });

  test("a readiness check that throws is not ready, and tells nothing of why", async () => {
    const { app } = await start({ ready: () => Promise.reject(new Error(SECRET)) });
    const answer = await app.inject("/readyz");
    assert.equal(answer.statusCode, 503);
    assert.ok(!answer.body.includes(SECRET));
    await app.close();
  });

  test("many who ask at once cost one check", async () => {
    let asked = 0;
    const { app } = await start({
      ready: async () => {
        asked++;
        await new Promise((resolve) => setTimeout(resolve, 20));
        return [];
      },
    });
    await Promise.all(Array.from({ length: 50 }, () => app.inject("/readyz")));
    assert.ok(asked < 10, `${asked} checks`);
    await app.close();
  });

  test("a client that goes away in the middle of its body is no error of the service", async () => {
    const { app, lines } = await start();
    app.post("/v1/echo", async (request) => request.body);
    const begun = Promise.withResolvers<void>();
    app.addHook("onRequest", async () => begun.resolve());
    const { port } = new URL(await listen(app, { host: "127.0.0.1", port: 0 }));
    const socket = connect(Number(port), "127.0.0.1");
    const head = "POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
    socket.write(`${head}{"a":`);
    await begun.promise;
    socket.destroy();
    while (!lines.some((line) => line.includes("the client went away"))) await sleep(5);
    assert.ok(!lines.some((line) => line.includes('"level":"error"')), lines.join(""));
    await app.close();
  });

  test("log lines and metrics hold the route's pattern, never what was asked for or sent", async () => {
    const { app, lines } = await start();
    app.get("/v1/records/:id", async () => ({ ok: true }));
    app.post("/v1/echo", async (request) => {
      request.log.info({ req: request, body: request.body, headers: request.headers }, "echo");
      request.log.error(new Error(`cannot read ${SECRET}`));
      throw new TypeError(`unexpected ${SECRET}`);
    });
    await app.inject(`/v1/records/${SECRET}?name=${SECRET}`);
    await app.inject(`/nothing/${SECRET}`);
    await app.inject({ url: "/%zz", headers: { "x-request-id": SECRET } });
    const payload = { name: SECRET };
    const failed = await app.inject({ method: "POST", url: "/v1/echo", payload, headers: { authorization: SECRET } });
    const broken = await app.inject({
      method: "POST",
      url: "/v1/echo",
      payload: `{"name": "${SECRET}`,
      headers: { "content-type": "application/json" },
    });
    assert.equal(failed.statusCode, 500);
    assert.equal(broken.statusCode, 400);
    const metrics = (await app.inject("/metrics")).body;
    const told = [lines.join(""), metrics, failed.body, broken.body].join("\n");
    assert.ok(!told.includes(SECRET), told.slice(Math.max(0, told.indexOf(SECRET) - 300)));
    assert.match(
      metrics,
      /medtrace_http_request_duration_seconds_count\{route="\/v1\/records\/:id",method="GET",status="200"\} 1/,
    );
    assert.match(metrics, /route="unmatched",method="GET",status="404"/);
    assert.ok(lines.some((line) => line.includes('"type":"TypeError"') && line.includes("server.test.ts")));
    await app.close();
  });

  test("our own errors are told with code, place and advice", async () => {
    const { app } = await start();
    app.get("/invalid", async () => {
      throw new MedtraceError("INPUT_INVALID", "recorded is missing", { at: "AuditEvent.recorded", hint: "add it" });
    });
    app.get("/busy", async () => {
      throw new MedtraceError("BUSY", "the queue is full");
    });
    const invalid = await app.inject("/invalid");
    assert.match(String(invalid.headers["content-type"]), /^application\/problem\+json/);
    assert.deepEqual(invalid.json(), {
      title: "INPUT_INVALID",
      status: 422,
      detail: "recorded is missing",
      code: "INPUT_INVALID",
      at: "AuditEvent.recorded",
      hint: "add it",
    });
    const busy = await app.inject("/busy");
    assert.deepEqual([busy.statusCode, busy.headers["retry-after"]], [503, "1"]);
    await app.close();
  });

  test("hostile requests end in an answer", async () => {
    const { app } = await start({ limits: { bodyBytesMax: 600_000 } });
    app.post("/json", async (request) => ({ keys: Object.keys(request.body as object).length }));
    app.get("/v1/records/:id", async (request) => request.params);
    const post = (payload: string | Buffer, type = "application/json") =>
      app.inject({ method: "POST", url: "/json", payload, headers: { "content-type": type } });
    assert.equal((await post('{"__proto__": {"admin": true}}')).statusCode, 400);
    assert.equal((await post('{"constructor": {"prototype": {"admin": true}}}')).statusCode, 400);
    assert.equal((await post("[".repeat(500_000))).statusCode, 400);
    assert.equal((await post(`{"a":"${"x".repeat(700_000)}"}`)).statusCode, 413);
    assert.equal((await post("<xml/>", "text/xml")).statusCode, 415);
    assert.equal((await post("")).statusCode, 400);
    assert.equal((await app.inject("/%zz")).statusCode, 400);
    assert.equal((await app.inject(`/v1/records/${"a".repeat(5_000)}`)).statusCode, 413);
    const id = `https://example.org/fhir/Report/1?version=2#${"é/ ".repeat(150)}`;
    assert.deepEqual((await app.inject(`/v1/records/${encodeURIComponent(id)}`)).json(), { id });
    await app.close();
  });

  test("another method of a path is told which there are, an unknown path that there is nothing", async () => {
    const { app } = await start();
    app.get("/v1/records/:id/$all", async () => ({}));
    app.put("/v1/records/:id/$all", async () => ({}));
    const ask = async (method: "OPTIONS" | "POST" | "HEAD", url: string) => {
      const { statusCode, headers } = await app.inject({ method, url });
      return [statusCode, headers["allow"]];
    };
    assert.deepEqual(await ask("POST", "/v1/records/a%2Fb/$all?x=/"), [405, "GET, HEAD, PUT"]);
    assert.deepEqual(await ask("OPTIONS", "/v1/records/a/$all"), [405, "GET, HEAD, PUT"]);
    assert.deepEqual(await ask("HEAD", "/v1/records/a/$all"), [200, undefined]);
    for (const url of ["/v1/records/a/b/$all", "/v1/records//$all", "/v1/records/a/all", "/v1"]) {
      assert.deepEqual(await ask("POST", url), [404, undefined], url);
    }
    await app.close();
  });

  test("a body in another content coding than gzip is refused before anything is read of it", async () => {
    const { app } = await start();
    app.post("/json", async () => ({}));
    const post = async (coding: string) => {
      const headers = { "content-type": "application/json", "content-encoding": coding };
      const answer = await app.inject({ method: "POST", url: "/json", payload: "{}", headers });
      return [answer.statusCode, answer.headers["accept-encoding"], answer.json()["at"]];
    };
    for (const coding of ["br", "gzip, gzip", "x"]) {
      assert.deepEqual(await post(coding), [415, "gzip, identity", "Content-Encoding"], coding);
    }
    assert.deepEqual(await post("identity"), [200, undefined, undefined]);
    await app.close();
  });

  test("bytes that are no request get an answer, then the connection ends", async () => {
    const { app } = await start({ limits: { headers_ms_max: 50 } });
    const { port } = new URL(await listen(app, { host: "127.0.0.1", port: 0 }));
    const ask = async (bytes: string): Promise<string> => {
      const socket = connect({ port: Number(port), host: "127.0.0.1" });
      socket.write(bytes);
      let answer = "";
      for await (const chunk of socket) answer += chunk;
      return answer;
    };
    for (const [bytes, status] of [
      ["\x16\x03\x01", 400],
      ["MSH|^~\\&|\r", 400],
      [`GET /livez HTTP/1.1\r\nhost: a\r\nx: ${"x".repeat(20_000)}\r\n\r\n`, 431],
      ["POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400],
      ["GET /livez HTTP/1.1\r\nhost: a\r\n", 408],
    ] as const) {
      const [head = "", body = ""] = (await ask(bytes)).split("\r\n\r\n");
      assert.ok(
        head.startsWith(`HTTP/1.1 ${status} `) && head.includes("problem+json"),
        `${bytes.slice(0, 30)}: ${head}`,
      );
      assert.equal(JSON.parse(body).status, status);
    }
    await app.close();
  });

  test("openapi.json and docs are there, and describe what a route needs", async () => {
    const { app } = await start();
    app.get("/read", { config: { scope: "trace/lineage.read" }, schema: { summary: "reads" } }, async () => ({}));
    app.get("/free", { config: { public: true } }, async () => ({}));
    const api = (await app.inject("/openapi.json")).json();
    assert.equal(api.openapi, "3.1.0");
    assert.deepEqual(Object.keys(api.paths).sort(), ["/free", "/read"]);
    assert.deepEqual(api.paths["/read"].get.security, [{ bearer: ["trace/lineage.read"] }]);
    assert.deepEqual(api.paths["/free"].get.security, []);
    assert.match((await app.inject("/docs")).body, /swagger/i);
    await app.close();
  });

  test("closing lets what is in flight finish and takes nothing more", async () => {
    const { app } = await start();
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    app.get("/slow", async () => {
      started.resolve();
      await finish.promise;
      return { done: true };
    });
    const url = await listen(app, { host: "127.0.0.1", port: 0 });
    const slow = fetch(`${url}/slow`);
    await started.promise;
    const closed = app.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await assert.rejects(fetch(`${url}/livez`));
    finish.resolve();
    assert.deepEqual(await (await slow).json(), { done: true });
    await closed;
  });

  test("a port that is taken is named, with what to do", async () => {
    const [first, second] = [await start(), await start()];
    const url = new URL(await listen(first.app, { host: "127.0.0.1", port: 0 }));
    const at = { host: "127.0.0.1", port: Number(url.port) };
    await assert.rejects(listen(second.app, at), { code: "CONFIGURATION", at: `127.0.0.1:${url.port}` });
    await Promise.all([first.app.close(), second.app.close()]);
  });

  describe("on the wire", () => {
    const sockets: { destroy(): void }[] = [];
    after(() => {
      for (const socket of sockets) socket.destroy();
    });

    test("headers that never end are cut off", async () => {
      const { app } = await start({ limits: { headers_ms_max: 200 } });
      const { port } = new URL(await listen(app, { host: "127.0.0.1", port: 0 }));
      const socket = connect(Number(port), "127.0.0.1");
      sockets.push(socket);
      socket.write("GET /livez HTTP/1.1\r\nHost: x\r\n");
      const trickle = setInterval(() => socket.write("X-A: b\r\n"), 50);
      const ended = await new Promise<string>((resolve) => {
        let text = "";
        socket.on("data", (chunk) => {
          text += chunk;
        });
        socket.on("error", () => undefined);
        socket.on("close", () => resolve(text));
      });
      clearInterval(trickle);
      assert.match(ended, /^HTTP\/1\.1 408 /);
      await app.close();
    });

    test("a header that is far too long is refused", async () => {
      const { app } = await start();
      const { port } = new URL(await listen(app, { host: "127.0.0.1", port: 0 }));
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const headers = { authorization: `Bearer ${"x".repeat(100_000)}` };
        httpRequest({ host: "127.0.0.1", port, path: "/livez", headers }, (answer) => resolve(answer.statusCode))
          .on("error", reject)
          .end();
      });
      assert.equal(status, 431);
      await app.close();
    });
  });
});
