import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import { openLedger } from "../open.ts";
import { parseFabricUrl } from "./address.ts";
import { fabricSettings } from "./config.ts";
import { Lanes } from "./lanes.ts";
import { FabricLedger } from "./ledger.ts";
import { Slots } from "./slots.ts";

test("a URL names peers in order of preference, channel and chaincode", () => {
  assert.deepEqual(parseFabricUrl("fabric://a.example:7051,127.0.0.1:17251/audit/medtrace"), {
    peers: ["a.example:7051", "127.0.0.1:17251"],
    channel: "audit",
    chaincode: "medtrace",
  });
});

test("a URL that names no peer, port, channel or chaincode is refused", async () => {
  for (const url of [
    "fabric:",
    "fabric://",
    "fabric://a:7051",
    "fabric://a:7051/audit",
    "fabric://a/audit/medtrace",
    "fabric://a:0/audit/medtrace",
    "fabric://a:65536/audit/medtrace",
    "fabric://a:7051,/audit/medtrace",
    "fabric://a:7051/Audit/medtrace",
    "fabric://a:7051/audit/medtrace/more",
    "fabric://user:word@a:7051/audit/medtrace",
  ]) {
    assert.throws(() => parseFabricUrl(url), { code: "CONFIGURATION", at: "LEDGER_URL" }, url);
    await assert.rejects(openLedger(url, { owner: "HospitalAMSP" }), { code: "CONFIGURATION" }, url);
  }
});

test("without identities and TLS CAs the start stops and names both variables", () => {
  assert.throws(() => fabricSettings({}), { code: "CONFIGURATION", message: /FABRIC_IDENTITIES[\s\S]*FABRIC_TLS_CA/ });
});

test("an owner without an identity cannot be opened", async () => {
  const env = { FABRIC_IDENTITIES: "/nowhere", FABRIC_TLS_CA: import.meta.filename };
  const opening = FabricLedger.open("fabric://localhost:1/audit/medtrace", {
    owner: "HospitalAMSP",
    settings: fabricSettings(env),
  });
  await assert.rejects(opening, { code: "CONFIGURATION", at: "FABRIC_IDENTITIES" });
});

test("no more is done at one time than there are slots, and no more waits than may", async () => {
  const slots = new Slots(2, 3);
  let running = 0;
  let running_max = 0;
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const work = async (): Promise<void> => {
    running_max = Math.max(running_max, ++running);
    await gate;
    running -= 1;
  };
  const taken = Array.from({ length: 5 }, () => slots.run(work));
  await assert.rejects(slots.run(work), { code: "BUSY" });
  open();
  await Promise.all(taken);
  assert.equal(running_max, 2);
  await assert.rejects(
    slots.run(() => Promise.reject(new Error("mine"))),
    /mine/,
  );
  assert.equal(await slots.run(async () => 7), 7);
});

test("work of one name keeps its order, work of another does not wait for it, and failures hold nothing up", async () => {
  const lanes = new Lanes(4);
  const done: string[] = [];
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const say = (what: string, after?: Promise<void>) => async (): Promise<void> => {
    await after;
    done.push(what);
  };
  const all = [
    lanes.run("a", say("a1", gate)),
    lanes.run("a", () => Promise.reject(new Error("a2"))),
    lanes.run("a", say("a3")),
  ];
  await lanes.run("b", say("b1"));
  const last = lanes.run("b", say("b2", gate));
  await assert.rejects(lanes.run("c", say("c1")), (error) => hasCode(error, "BUSY"));
  open();
  await Promise.allSettled([...all, last]);
  assert.deepEqual(done.toSorted(), ["a1", "a3", "b1", "b2"]);
  assert.ok(done.indexOf("a1") < done.indexOf("a3"));
  assert.equal(done[0], "b1");
});
