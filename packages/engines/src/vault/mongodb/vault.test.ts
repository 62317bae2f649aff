/** What only the vault on MongoDB promises: many processes, and how the server finds what it is asked for. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { eventually } from "@medtrace/shared/ports/contract.child-process";
import type { Vault } from "@medtrace/shared/ports/vault";
import {
  A,
  B,
  card,
  keyOf,
  mrn,
  receiptAt,
  receiptsFrom,
  testKeys,
  tokenOf,
} from "@medtrace/shared/ports/vault.contract.kit";
import { type Document, MongoClient } from "mongodb";
import { temporaryDatabase } from "../../testing/mongodb.ts";
import { realEngine } from "../../testing/real-engines.ts";
import { openVault } from "../open.ts";

const PROFILE_BYTES_MAX = 64 * 1_048_576;
const KIT = "@medtrace/shared/ports/vault.contract.kit";
/** Remembers a key, and says on every line that it reads whether it still has it. */
const HOLDER = `
  const { openVault } = await import(process.argv[1]);
  const { keyOf, testKeys } = await import(process.argv[2]);
  const vault = await openVault(process.argv[3], testKeys());
  const request = { institution: "${A}", token: process.argv[4] };
  await keyOf(vault, request.institution, request.token);
  console.log("held");
  for await (const _ of process.stdin) console.log((await vault.dataKey(request)) === undefined ? "gone" : "held");
  await vault[Symbol.asyncDispose]();`;

const server = realEngine("vault");
if (server !== undefined) {
  describe("MongoDB vault: several processes", () => {
    it("waits for a process that hangs no longer than it trusts its memory, and finds it has forgotten when it goes on", () =>
      withUrl(server, async (url) => {
        await using vault = await openVault(url, testKeys());
        const token = await tokenOf(vault, A, mrn("1"));
        const modules = [new URL("../open.ts", import.meta.url).href, import.meta.resolve(KIT)];
        const args = ["--input-type=module", "-e", HOLDER, ...modules, url, token];
        const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
        const exited = once(child, "exit");
        const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
        const ask = async (): Promise<string | undefined> => {
          child.stdin.write("?\n");
          return (await lines.next()).value;
        };
        try {
          assert.equal((await lines.next()).value, "held");
          assert.equal(await ask(), "held");
          child.kill("SIGSTOP");
          assert.equal(await vault.erase(A, token), 2);
          child.kill("SIGCONT");
          assert.equal(await ask(), "gone");
        } finally {
          child.kill("SIGKILL");
          await exited;
        }
      }));

    it("counts how far the log is covered over what all of them noted", () =>
      withUrl(server, async (url) => {
        const END = 10_000;
        await using one = await openVault(url, testKeys());
        await using two = await openVault(url, testKeys());
        const all = receiptsFrom(3, 0, END);
        const missing = 6_543;
        await one.remember(
          all.filter(({ offset }) => offset % 3 === 0 && offset !== missing),
          new Map(),
        );
        await two.remember(
          all.filter(({ offset }) => offset % 3 !== 0),
          new Map(),
        );
        const covered = async (vault: Vault): Promise<number | undefined> => (await vault.watermarks()).get(3);
        await eventually("both have written", async () => (await covered(one)) === missing);
        assert.equal(await covered(two), missing);
        await two.remember([receiptAt(3, missing)], new Map());
        assert.equal(await covered(two), END);
        assert.equal(await covered(one), END);
      }));

    it("shows a receipt to the others before long", () =>
      withUrl(server, async (url) => {
        await using one = await openVault(url, testKeys());
        await using two = await openVault(url, testKeys());
        const receipt = receiptAt(0, 0);
        await one.remember([receipt], new Map());
        await eventually("the receipt", async () => (await two.receipts([receipt.id])).size === 1);
      }));

    it("means a new person by one token, of whom many processes learn by overlapping messages", () =>
      withUrl(server, async (url) => {
        await using vaults = new AsyncDisposableStack();
        const opened: Vault[] = [];
        for (let i = 0; i < 4; i++) opened.push(vaults.use(await openVault(url, testKeys())));
        for (let round = 0; round < 20; round++) {
          const identifiers = [card(`${round}`), mrn(`${round}`), mrn(`other ${round}`)];
          await Promise.all(
            opened.map((vault, i) =>
              vault.identify([
                { institution: A, identifiers: [...identifiers.slice(i % 3), ...identifiers.slice(0, i % 3)] },
              ]),
            ),
          );
          const tokens = await Promise.all(identifiers.map((identifier) => opened[0]?.lookup(A, identifier)));
          assert.equal(new Set(tokens).size, 1);
        }
      }));
  });

  describe("MongoDB vault: plans", () => {
    it("walks an index for everything that it is asked", () =>
      withUrl(server, async (url) => {
        await using client = new MongoClient(url);
        await using vault = await openVault(url, testKeys());
        await client.db().createCollection("system.profile", { capped: true, size: PROFILE_BYTES_MAX });
        await client.db().setProfilingLevel("all");
        const token = await tokenOf(vault, A, mrn("1"), card("1"));
        await tokenOf(vault, B, card("1"));
        await keyOf(vault, A, token);
        await vault.dataKey({ institution: B, token });
        await vault.lookup(A, card("1"));
        await vault.remember(receiptsFrom(0, 0, 20), new Map([[0, 10]]));
        await vault.watermarks();
        await vault.receipts([receiptAt(0, 3).id]);
        await vault.erase(A, token);
        await client.db().setProfilingLevel("off");
        const profile = client.db().collection("system.profile");
        const operations = await profile.find({ ns: { $not: /system\.profile/ } }).toArray();
        assert.ok(operations.length > 20);
        for (const { op, planSummary, command } of operations) {
          const shown = `${op} ${JSON.stringify(command)}: ${planSummary}`;
          assert.ok(!String(planSummary).includes("COLLSCAN"), shown);
        }
        assert.ok(operations.some((operation: Document) => operation["ns"].endsWith(".identifiers")));
      }));
  });
}

async function withUrl(engine: string, use: (url: string) => Promise<void>): Promise<void> {
  const storage = temporaryDatabase(engine);
  try {
    await use(storage.url);
  } finally {
    await storage.drop();
  }
}
