/** Hostile queries: what cannot be asked is told why, and whoever holds many connections keeps nobody waiting. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, FEEDS_MAX, type Target } from "../testing/hostile.ts";
import { type Asked, isRefused, LIST, part, RECORD, startAsked } from "./asked.ts";

let asked: Asked;

function isRefusedForNow({ status, headers }: Answer): void {
  assert.deepEqual([status, headers["retry-after"]], [503, "1"]);
}

/** Registers the tests of queries. */
export function badQueries(given: () => Target): void {
  before(async () => {
    asked = await startAsked(given());
  });

  describe("what cannot be asked is refused, with place and advice", () => {
    const refused: readonly (readonly [path: string, status: number, place: string])[] = [
      ...["0", "-5", "1.5", "NaN", "10001", "999999999999999999999", "", "1;DROP%20TABLE%20event"].map(
        (limit) => [`${LIST}?limit=${limit}`, 400, "querystring/limit"] as const,
      ),
      [`${LIST}?limit=1&limit=2`, 400, "querystring/limit"],
      [`${LIST}?cursor=`, 422, "cursor"],
      [`${LIST}?cursor=AAAA`, 422, "cursor"],
      [`${LIST}?cursor=${"A".repeat(200)}`, 422, "cursor"],
      [`${LIST}?cursor=%00%ff`, 422, "cursor"],
      [`${LIST}?cursor=${"A".repeat(300)}`, 400, "querystring/cursor"],
      [`${LIST}?asOf=-1`, 400, "querystring/asOf"],
      [`${LIST}?asOf=9007199254740993`, 422, "asOf"],
      [`${LIST}?from=yesterday`, 422, "from"],
      [`${LIST}?to=2026-01-01T00:00:00Z'--`, 422, "to"],
      [`${LIST}?order=__proto__`, 400, "querystring/order"],
      [`/v1/records/${part(RECORD)}/lineage?direction=sideways`, 400, "querystring/direction"],
      [`/v1/records/${part(RECORD)}/lineage?depth=1000000`, 400, "querystring/depth"],
      [`/v1/records/${part(RECORD)}/lineage?format=xml`, 400, "querystring/format"],
      ["/v1/paths?from=a", 400, "querystring"],
      [`/v1/records/${"a".repeat(3_000)}/lineage`, 413, "path"],
      ["/v1/records/%zz/lineage", 400, "path"],
      [`/v1/events/${"0".repeat(64)}?unseal=perhaps`, 400, "querystring/unseal"],
      ["//v1//streams", 404, "path"],
      ["/V1/streams", 404, "path"],
      ["/v1/streams/", 404, "path"],
      ["/v1/../v1/streams", 404, "path"],
    ];
    for (const [path, status, place] of refused) {
      test(`${path.slice(0, 90)}: ${status}`, async () => isRefused(await asked.ask(path), status, place));
    }

    const bodies: readonly [path: string, body: string, status: number, place: string][] = [
      ["/v1/subjects/lookup", "", 400, "body"],
      ["/v1/subjects/lookup", "{x", 400, "body"],
      ["/v1/subjects/lookup", "null", 400, "body"],
      ["/v1/subjects/lookup", "[".repeat(100_000) + "]".repeat(100_000), 400, "body"],
      ["/v1/subjects/lookup", `{"__proto__":${'{"a":'.repeat(100_000)}1${"}".repeat(100_001)}`, 400, "body"],
      ["/v1/subjects/lookup", '{"constructor":{"prototype":{"system":"a","value":"b"}}}', 400, "body"],
      ["/v1/subjects/lookup", "{}", 422, "body"],
      ["/v1/subjects/lookup", '{"system":{"$gt":""},"value":{"$gt":""}}', 400, "body/system"],
      ["/v1/subjects/lookup", '{"reference":"Observation/1"}', 422, "reference"],
      ["/v1/evidence", '{"events":[]}', 400, "body/events"],
      ["/v1/evidence", '{"events":{"length":1,"0":"x"}}', 400, "body/events"],
      ["/v1/evidence", JSON.stringify({ events: Array(1_001).fill("x") }), 400, "body/events"],
      ["/v1/evidence", '{"record":"a","agent":"b"}', 422, "body"],
      ["/v1/evidence", `"${"x".repeat(1_100_000)}"`, 413, "body"],
    ];
    for (const [path, body, status, place] of bodies) {
      test(`${path} ${body.slice(0, 60)}: ${status}`, async () =>
        isRefused(await asked.ask(path, asked.a, { body }), status, place));
    }

    test("other methods, forms and places to go on from", async () => {
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"]) {
        const answer = await asked.ask(`/v1/events/${asked.id}`, asked.a, { method });
        isRefused(answer, 405, "method");
        assert.equal(answer.headers.allow, "GET, HEAD");
        assert.doesNotMatch(answer.text, /Bearer|eyJ/, "TRACE tells nobody what came");
      }
      const head = await asked.ask(`/v1/events/${asked.id}`, asked.a, { method: "HEAD" });
      assert.deepEqual([head.status, head.text], [200, ""]);
      isRefused(
        await asked.ask(`/v1/records/${part(RECORD)}/lineage`, asked.a, { headers: { accept: "image/png" } }),
        406,
        "Accept",
      );
      isRefused(await asked.ask("/v1/feed", asked.a, { headers: { "last-event-id": "-1" } }), 422, "Last-Event-ID");
    });
  });

  describe("many connections", () => {
    const open = async (count: number, bytes = ""): Promise<Socket[]> => {
      const { hostname: host, port } = new URL(asked.query);
      const sockets = Array.from({ length: count }, () => connect({ host, port: Number(port) }).on("error", () => {}));
      await Promise.all(sockets.map((socket) => new Promise((done) => socket.once("connect", done))));
      for (const socket of sockets) socket.write(bytes);
      return sockets;
    };
    const close = (sockets: readonly Socket[]): void => {
      for (const socket of sockets) socket.destroy();
    };

    test("a thousand that say nothing, and a hundred that never finish their headers, keep nobody waiting", async () => {
      const idle = [...(await open(1_000)), ...(await open(100, "GET /v1/streams HTTP/1.1\r\nhost: x\r\nx-slow: "))];
      for (let n = 0; n < 20; n++) assert.equal((await asked.ask(`/v1/events/${asked.id}`)).status, 200);
      close(idle);
    });

    test("followers that never read are bounded, keep nobody waiting, and make room when they go", async () => {
      const follow = `GET /v1/feed HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${asked.a}\r\nlast-event-id: 0\r\n\r\n`;
      const hasty = await open(50, follow);
      close(hasty);
      const status = async (): Promise<string> => {
        const [one] = await open(1, follow);
        const answer = await new Promise<Buffer>((done) => one?.once("data", done));
        one?.destroy();
        return answer.toString("latin1", 9, 12);
      };
      const becomes = async (wanted: string): Promise<void> => {
        for (let tries = 0; tries < 100 && (await status()) !== wanted; tries++) await sleep(20);
        assert.equal(await status(), wanted);
      };
      await becomes("200");
      const held = await open(FEEDS_MAX * 3, follow);
      for (const socket of held) socket.pause();
      await becomes("503");
      isRefusedForNow(await asked.ask("/v1/feed"));
      assert.equal((await asked.ask(`/v1/events/${asked.id}`)).status, 200);
      close(held);
      await becomes("200");
    });
  });
}
