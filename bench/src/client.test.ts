import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { Connection, closedLoop, requestBytes } from "./client.ts";

let server: Server;
let url = "";
before(async () => {
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      if (request.url === "/close") return void request.socket.destroy();
      const body = Buffer.concat(parts);
      if (request.url !== "/chunked") return void response.writeHead(201, { "content-length": body.length }).end(body);
      response.write(body.subarray(0, 7));
      setTimeout(() => response.end(body.subarray(7)), 5);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => void server.close());

describe("the client", () => {
  it("reads answers one after another over one connection, with a length or in chunks", async () => {
    using connection = await Connection.open(url);
    for (const body of ["", "x", "y".repeat(300_000)]) {
      const answer = await connection.send(requestBytes("POST", "/", { accept: "*/*" }, body));
      assert.deepEqual([answer.status, answer.body.toString()], [201, body]);
      const chunked = await connection.send(requestBytes("POST", "/chunked", {}, body));
      assert.deepEqual([chunked.status, chunked.body.toString()], [200, body]);
    }
  });

  it("fails where the server closes the connection", async () => {
    using connection = await Connection.open(url);
    await assert.rejects(connection.send(requestBytes("GET", "/close", {})), /closed|ECONNRESET/);
  });

  it("counts what came back in a closed loop, each request another", async () => {
    const bodies = new Set<string>();
    const looped = await closedLoop(
      url,
      4,
      0.1,
      (number) => requestBytes("POST", "/", {}, `${number}`),
      (answer) => {
        bodies.add(answer.body.toString());
      },
    );
    assert.ok(looped.count > 0);
    assert.equal(bodies.size, looped.count);
  });
});
