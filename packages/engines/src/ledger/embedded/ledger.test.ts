import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { copyFile, readdir } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Batch } from "@medtrace/shared/model/batch";
import { fromHex, hex } from "@medtrace/shared/model/bytes";
import { checkpointVerifier, parseVerifierKey } from "@medtrace/shared/model/checkpoint";
import { verifyConsistency } from "@medtrace/shared/model/merkle";
import { anchorChain, batchAfter } from "@medtrace/shared/ports/ledger.contract.kit";
import { openLedger } from "../open.ts";
import { FILE } from "./database.ts";
import { EmbeddedLedger } from "./ledger.ts";
import { Folder, faultsOf, OWNER } from "./testing/folder.ts";

const integrity = { code: "INTEGRITY" };

test("a ledger's URL names a folder; another scheme or owner is a configuration error", async () => {
  for (const url of ["fabric:peer0", "embedded:", "embedded", "", "file:/tmp/x"]) {
    await assert.rejects(openLedger(url, { owner: OWNER }), { code: "CONFIGURATION", at: "LEDGER_URL" });
  }
  for (const owner of ["", "a b", "a/b"]) {
    await assert.rejects(openLedger("embedded:/nowhere", { owner }), { code: "CONFIGURATION", at: "LEDGER_OWNER" });
  }
});

test("a new ledger has a key that only its user can read, and hands out the public half", async () => {
  await using folder = await Folder.create();
  await using ledger = await folder.open();
  assert.equal(statSync(folder.file("ledger.key")).mode & 0o777, 0o600);
  const vkey = readFileSync(folder.file("ledger.vkey"), "utf8");
  assert.equal(vkey, `${await ledger.trustAnchor()}\n`);
  assert.match(vkey, /^medtrace\/ledger\/[0-9a-f]{32}\+[0-9a-f]{8}\+/);
  assert.doesNotMatch(vkey, /PRIVATE/);
  assert.deepEqual((await readdir(folder.path)).filter((name) => name.includes("key")).sort(), [
    "ledger.key",
    "ledger.vkey",
  ]);
});

test("two ledgers are never of one origin", async () => {
  await using one = await Folder.withLedger();
  await using two = await Folder.withLedger();
  await using a = await one.open();
  await using b = await two.open();
  assert.notEqual(parseVerifierKey(await a.trustAnchor()).name, parseVerifierKey(await b.trustAnchor()).name);
});

test("processes and connections that start together make one key", async () => {
  await using folder = await Folder.create();
  const script = `
    const { openLedger } = await import(${JSON.stringify(new URL("../open.ts", import.meta.url).href)});
    const { batchAfter, newStream } = await import(${JSON.stringify(import.meta.resolve("@medtrace/shared/ports/ledger.contract.kit"))});
    await using ledger = await openLedger(${JSON.stringify(`embedded:${folder.path}`)}, { owner: "A" });
    await ledger.anchorBatch(batchAfter(newStream()));
    console.log(await ledger.trustAnchor());`;
  const run = promisify(execFile);
  const children = Array.from({ length: 4 }, () => run(process.execPath, ["--input-type=module", "-e", script]));
  const keys = (await Promise.all(children)).map(({ stdout }) => stdout.trim());
  const ledgers = await Promise.all(Array.from({ length: 6 }, () => folder.open()));
  for (const ledger of ledgers) {
    keys.push(await ledger.trustAnchor());
    await ledger[Symbol.asyncDispose]();
  }
  assert.equal(new Set(keys).size, 1);
  await using ledger = await folder.open();
  assert.deepEqual(await faultsOf(ledger), []);
  assert.equal((await ledger.listStreams()).length, 4);
});

test("a first start that died between key and tables is taken up by the next", async () => {
  await using folder = await Folder.create();
  await using other = await Folder.withLedger();
  await copyFile(other.file("ledger.key"), folder.file("ledger.key"));
  await using ledger = await folder.open();
  await using from = await other.open();
  assert.equal(await ledger.trustAnchor(), await from.trustAnchor());
});

test("a ledger whose key, blocks or file are gone or another's is refused, and stays as it is", async () => {
  await using folder = await Folder.withLedger();
  await using other = await Folder.withLedger();
  const wrongs: Record<string, (copy: Folder) => void> = {
    "no key": (copy) => unlinkSync(copy.file("ledger.key")),
    "another ledger's key": (copy) => writeFileSync(copy.file("ledger.key"), readFileSync(other.file("ledger.key"))),
    "a key that is none": (copy) => writeFileSync(copy.file("ledger.key"), "PRIVATE+KEY+a+b+c\n"),
    "an empty key": (copy) => writeFileSync(copy.file("ledger.key"), ""),
    "no database": (copy) => rmSync(copy.file(FILE)),
    "an empty database": (copy) => writeFileSync(copy.file(FILE), ""),
    "no database at all": (copy) =>
      writeFileSync(copy.file(FILE), "this is not a database, but long enough for one".repeat(99)),
    "another ledger's database": (copy) => writeFileSync(copy.file(FILE), readFileSync(other.file(FILE))),
    "no last block": (copy) => copy.tamper((db) => db.exec("DELETE FROM block WHERE number = 12")),
    "another last block": (copy) => copy.tamper((db) => db.exec("UPDATE block SET text = x'7b7d' WHERE number = 12")),
    "an older checkpoint": (copy) =>
      copy.tamper((db) =>
        db.exec("UPDATE block SET checkpoint = (SELECT checkpoint FROM block WHERE number = 11) WHERE number = 12"),
      ),
    "a changed tree": (copy) => copy.tamper((db) => db.exec("UPDATE node SET hash = zeroblob(32) WHERE level = 3")),
    "a trigger": (copy) =>
      copy.tamper((db) => db.exec("CREATE TRIGGER t AFTER INSERT ON block BEGIN DELETE FROM state; END")),
  };
  for (const [what, wrong] of Object.entries(wrongs)) {
    await using copy = await folder.copy();
    wrong(copy);
    const before = await readdir(copy.path);
    await assert.rejects(copy.open(), integrity, what);
    await assert.rejects(copy.open(), integrity, `${what}, again`);
    if (before.includes("ledger.key")) continue;
    assert.ok(!existsSync(copy.file("ledger.key")), "no second key is made");
  }
});

test("a ledger of a later version is not touched", async () => {
  await using folder = await Folder.withLedger();
  folder.tamper((db) => db.exec("PRAGMA user_version = 2"));
  await assert.rejects(folder.open(), { code: "CONFIGURATION", message: /schema 2/ });
});

test("a lost vkey file is written again; a wrong one is found by the check", async () => {
  await using folder = await Folder.withLedger();
  unlinkSync(folder.file("ledger.vkey"));
  {
    await using ledger = await folder.open();
    assert.equal(readFileSync(folder.file("ledger.vkey"), "utf8"), `${await ledger.trustAnchor()}\n`);
    assert.deepEqual(await faultsOf(ledger), []);
  }
  writeFileSync(folder.file("ledger.vkey"), "another\n");
  await using ledger = await folder.open();
  assert.deepEqual(await faultsOf(ledger), ["ledger.vkey is not the public half of ledger.key"]);
});

test("calls that come together share a block, and one that is refused spoils none of the others", async () => {
  await using folder = await Folder.create();
  await using ledger = await folder.open();
  const good = Array.from({ length: 50 }, (_, i) => batchAfter(`log-${i}`));
  const bad = Array.from({ length: 50 }, (_, i) => batchAfter(`odd-${i}`, undefined, { count: 0 }));
  const settled = await Promise.allSettled([...good, ...bad].map((batch) => ledger.anchorBatch(batch)));
  assert.deepEqual(
    settled.map(({ status }) => status),
    [...good.map(() => "fulfilled"), ...bad.map(() => "rejected")],
  );
  assert.equal(await ledger.height(), 1);
});

test("a stream's batches may be submitted without waiting, and share a block in their order", async () => {
  await using folder = await Folder.create();
  await using ledger = await folder.open();
  const batches: Batch[] = [];
  for (let i = 0; i < 300; i++) batches.push(batchAfter("log-0", batches.at(-1)));
  const anchors = await Promise.all(batches.map((batch) => ledger.anchorBatch(batch)));
  assert.deepEqual(
    anchors.map(({ sequence }) => sequence),
    [...batches.keys()],
  );
  assert.ok((await ledger.height()) <= 3);
  assert.deepEqual(await faultsOf(ledger), []);
});

test("the same batch again, and a refused one, add no block", async () => {
  await using folder = await Folder.withLedger();
  await using ledger = await folder.open();
  const head = (await ledger.readHead(OWNER, "log-0"))?.batch as Batch;
  await ledger.anchorBatch(head);
  await assert.rejects(ledger.anchorBatch(batchAfter("log-0", head, { first: 1 })));
  assert.equal(await ledger.height(), 13);
});

test("more waiting batches than the limit are told to come later", async () => {
  await using folder = await Folder.create();
  await using ledger = await folder.open();
  const batch = batchAfter("log-0");
  const settled = await Promise.allSettled(Array.from({ length: 10_050 }, () => ledger.anchorBatch(batch)));
  const busy = settled.filter((one) => one.status === "rejected");
  assert.equal(busy.length, 50);
  for (const { reason } of busy) assert.equal(reason.code, "BUSY");
});

test("a full disk refuses before it acknowledges, changes nothing, and is got over", async () => {
  await using folder = await Folder.create();
  const anchored: Batch[] = [];
  {
    await using ledger = await folder.open(40);
    for (let refused = false; !refused; ) {
      const batches = [0, 1, 2, 3].map((i) =>
        batchAfter(
          `log-${i}`,
          anchored.findLast((one) => one.stream === `log-${i}`),
        ),
      );
      const settled = await Promise.allSettled(batches.map((batch) => ledger.anchorBatch(batch)));
      for (const [i, one] of settled.entries()) {
        if (one.status === "fulfilled") anchored.push(batches[i] as Batch);
        else assert.equal(one.reason.code, "STORAGE_FAILED");
        refused ||= one.status === "rejected";
      }
    }
    assert.ok(anchored.length > 20);
    const height = await ledger.height();
    for (let i = 0; i < 4; i++) {
      const head = anchored.findLast((one) => one.stream === `log-${i}`) as Batch;
      assert.deepEqual((await ledger.readHead(OWNER, head.stream))?.batch, head);
      await assert.rejects(ledger.anchorBatch(batchAfter(head.stream, head)), { code: "STORAGE_FAILED" });
      // What stands already needs no space.
      await ledger.anchorBatch(head);
    }
    assert.equal(await ledger.height(), height);
    assert.deepEqual(await faultsOf(ledger), []);
  }
  await using roomy = await folder.open();
  for (const batch of anchored) {
    assert.deepEqual(await roomy.readBatch({ owner: OWNER, stream: batch.stream, sequence: batch.sequence }), batch);
  }
  await anchorChain(
    roomy,
    "log-0",
    2,
    anchored.findLast((one) => one.stream === "log-0"),
  );
  assert.deepEqual(await faultsOf(roomy), []);
});

test("a lock held by another process for a while is waited for", async () => {
  await using folder = await Folder.withLedger();
  await using ledger = await folder.open();
  const holder = new DatabaseSync(folder.file(FILE));
  holder.exec("BEGIN IMMEDIATE");
  const anchoring = ledger.anchorBatch(batchAfter("log-9"));
  await sleep(400);
  assert.equal(await ledger.readHead(OWNER, "log-9"), undefined, "reading goes on");
  holder.exec("COMMIT");
  holder.close();
  assert.equal((await anchoring).block, 13);
});

test("a check looks at one moment of a ledger that goes on", async () => {
  await using folder = await Folder.withLedger();
  await using ledger = await folder.open();
  const [faults] = await Promise.all([faultsOf(ledger), anchorChain(ledger, "log-9", 20), faultsOf(ledger)]);
  assert.deepEqual(faults, []);
  assert.deepEqual(await faultsOf(ledger), []);
});

test("whoever kept an older checkpoint can be shown that nothing before it was changed", async () => {
  await using folder = await Folder.create();
  await using ledger = await folder.open();
  const verify = checkpointVerifier(parseVerifierKey(await ledger.trustAnchor()));
  const roots: string[] = [];
  let head: Batch | undefined;
  for (let size = 1; size <= 20; size++) {
    head = (await anchorChain(ledger, "log-0", 1, head))[0];
    const proof = await ledger.prove([{ owner: OWNER, stream: "log-0", sequence: 0 }]);
    assert.equal(proof.kind, "embedded");
    roots.push(hex(verify(proof.checkpoint).root));
  }
  for (let size1 = 1; size1 <= 20; size1++) {
    for (let size2 = size1; size2 <= 20; size2++) {
      const path = (await ledger.proveConsistency(size1, size2)).map(fromHex);
      const [root1, root2] = [roots[size1 - 1], roots[size2 - 1]].map((root) => fromHex(root ?? ""));
      assert.ok(root1 && root2 && verifyConsistency(size1, size2, root1, root2, path));
    }
  }
  for (const [size1, size2] of [
    [0, 1],
    [2, 1],
    [1, 21],
    [0.5, 2],
    [Number.NaN, 3],
  ] as const) {
    await assert.rejects(ledger.proveConsistency(size1, size2), { code: "NOT_FOUND" });
  }
});

test("a proof of nothing, or of more batches than the limit, is refused", async () => {
  await using folder = await Folder.withLedger();
  await using ledger = await folder.open();
  const ref = { owner: OWNER, stream: "log-0", sequence: 0 };
  await assert.rejects(ledger.prove([]), { code: "INPUT_INVALID" });
  await assert.rejects(ledger.prove(Array.from({ length: 10_001 }, () => ref)), { code: "INPUT_TOO_LARGE" });
});

test("opening a folder that cannot be made says so", async () => {
  await using folder = await Folder.create();
  writeFileSync(folder.file("file"), "");
  await assert.rejects(EmbeddedLedger.open(folder.file("file/ledger"), { owner: OWNER }), { code: "STORAGE_FAILED" });
});
