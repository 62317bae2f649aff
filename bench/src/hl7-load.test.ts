import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { after, before, describe, it } from "node:test";
import { mllpLoop, results } from "./hl7-load.ts";

describe("the HL7 load", () => {
  let server: Server;
  let code = "AA";
  const asked = new Set<string>();
  const place = (): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;
  before(async () => {
    server = createServer((socket) => {
      socket.setEncoding("latin1").on("error", () => {});
      socket.on("data", (text: string) => {
        const id = /\|(N\d+)\|P\|/.exec(text)?.[1] ?? "";
        asked.add(id);
        socket.write(`\x0bMSH|^~\\&|\rMSA|${code}|${id}\r`);
        setImmediate(() => socket.write("\x1c\r"));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  after(() => void server.close());

  it("is another message for another number, and the same for the same", () => {
    assert.deepEqual(results(7), results(7));
    assert.notDeepEqual(results(7), results(8));
    assert.match(results(7).toString("latin1"), /^MSH\|\^~\\&\|.*\|N7\|P\|2\.5\rPID\|/);
  });

  it("sends each message once, and the next when the last is acknowledged", async () => {
    const looped = await mllpLoop(place(), 3, 0.1, 100);
    assert.ok(looped.count >= 3);
    assert.equal(asked.size, looped.count);
    assert.ok(asked.has("N100"));
  });

  it("fails where a message is not taken", async () => {
    code = "AE";
    await assert.rejects(mllpLoop(place(), 1, 0.1, 0), /N0 was answered/);
  });
});
