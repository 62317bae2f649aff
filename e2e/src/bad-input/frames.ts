/** MLLP frames that are cut, glued together, endless or enormous. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventsTaken, type Target, withoutTrace } from "../testing/hostile.ts";
import { connectMllp, framed } from "../testing/mllp-client.ts";
import { admission, read } from "./messages.ts";

let target: Target;

/** Registers the tests of frames. */
export function badFrames(given: () => Target): void {
  before(() => {
    target = given();
  });

  describe("frames", () => {
    const place = (): string => target.running.places.mllp;

    test("two frames in one packet are two messages", async () => {
      using client = await connectMllp(place());
      await client.write(Buffer.concat([framed(admission("F1")), framed(admission("F2"))]));
      assert.deepEqual(
        (await client.answers(2)).map((ack) => read(ack).msa.slice(1)),
        [
          ["AA", "F1"],
          ["AA", "F2"],
        ],
      );
    });

    test("a frame split between any two bytes is one message", async () => {
      const before = await eventsTaken(target.running);
      const frame = framed(admission("F3"));
      using client = await connectMllp(place());
      for (let at = 1; at < frame.length; at++) {
        await client.write(frame.subarray(0, at));
        // Long enough for the parts to arrive as two.
        await sleep(1);
        await client.write(frame.subarray(at));
      }
      const acks = await client.answers(frame.length - 1);
      assert.deepEqual([...new Set(acks.map((ack) => read(ack).msa.slice(1).join(" ")))], ["AA F3"]);
      assert.equal((await eventsTaken(target.running)) - before, 1, "and always the same one");
    });

    test("a frame sent byte by byte, with noise before and after it, is one message", async () => {
      using client = await connectMllp(place());
      for (const byte of Buffer.concat([
        Buffer.from("\r\nnoise\x1c\r"),
        framed(admission("F4")),
        Buffer.from("\x1c\r\r"),
      ])) {
        client.socket.write(Buffer.of(byte));
      }
      assert.deepEqual(read((await client.answers(1))[0] ?? "").msa.slice(1), ["AA", "F4"]);
    });

    test("a frame that never ends is not taken, and keeps nobody else waiting", async () => {
      await withoutTrace(target.running, async () => {
        const endless = await Promise.all(Array.from({ length: 20 }, () => connectMllp(place())));
        for (const client of endless) await client.write(`\x0b${admission("F5")}`);
        await sleep(20);
        for (const client of endless) client[Symbol.dispose]();
        await sleep(50);
      });
      using other = await connectMllp(place());
      await other.write(framed(admission("F6")));
      assert.deepEqual(read((await other.answers(1))[0] ?? "").msa.slice(1), ["AA", "F6"]);
    });

    test("a frame of 100 MB is refused before it has all come, after what came before it, and hung up on", async () => {
      const before = await eventsTaken(target.running);
      using client = await connectMllp(place());
      await client.write(framed(admission("F7")));
      await client.write(`\x0b${admission("F8")}`);
      const part = Buffer.alloc(1_048_576, "x");
      let sent = 0;
      let isRefused = false;
      const answered = client.answers(2).then(() => {
        isRefused = true;
      });
      for (; sent < 100 && !isRefused; sent++) await Promise.race([client.write(part), answered]);
      const [first = "", second = ""] = await client.answers(2);
      assert.deepEqual(read(first).msa.slice(1), ["AA", "F7"]);
      const { msa, err } = read(second);
      assert.deepEqual([msa[1], err[3]?.split("^")[0]], ["AR", "104"], second);
      assert.match(second, /over 16777216 bytes/);
      assert.ok(sent < 100, "all of it was read");
      assert.equal((await eventsTaken(target.running)) - before, 1);
    });

    test("a sender that hangs up without reading its answers: what it sent whole is taken, once", async () => {
      const before = await eventsTaken(target.running);
      const client = await connectMllp(place());
      client.socket.pause();
      await client.write(
        Buffer.concat([framed(admission("F9")), framed(admission("F9")), Buffer.from(`\x0b${admission("F0")}`)]),
      );
      await sleep(100);
      client[Symbol.dispose]();
      await sleep(50);
      assert.equal((await eventsTaken(target.running)) - before, 1);
    });
  });
}
