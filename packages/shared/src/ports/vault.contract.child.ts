/** Works on a vault until it is killed, and says what was acknowledged. Run by the contract's tests. */
import { writeSync } from "node:fs";
import { A, B, card, mrn, receiptsFrom, secret, testKeys } from "./vault.contract.kit.ts";
import type { Vault } from "./vault.ts";

export interface ChildOptions {
  readonly work: "identify" | "remember";
  /** Where its persons, or the log's offsets, begin. */
  readonly first: number;
  readonly end: number;
}

export interface IdentifiedLine {
  readonly person: number;
  readonly token: string;
  readonly key: string;
}

export interface RememberedLine {
  readonly partition: number;
  readonly end: number;
}

const PARTITIONS = 3;
const RECEIPTS_AT_ONCE = 400;

const [module = "", url = "", options = "{}"] = process.argv.slice(2);
const { work, first, end } = JSON.parse(options) as ChildOptions;
const engine = (await import(module)) as { openVault(url: string, keys: ReturnType<typeof testKeys>): Promise<Vault> };
await using vault = await engine.openVault(url, testKeys());
if (work === "identify") for (let person = first; person < end; person++) await identify(person);
else for (let from = first; from < end; from += RECEIPTS_AT_ONCE) await remember(from);

async function identify(person: number): Promise<void> {
  const [institution, identifiers] = [person % 2 === 0 ? A : B, [card(`${person}`), mrn(`${person}`)]];
  const [subject] = await vault.identify([{ institution, identifiers }]);
  const token = subject?.token ?? "";
  const [key] = await vault.dataKeys([{ institution, token }]);
  say({ person, token, key: secret(key) } satisfies IdentifiedLine);
}

async function remember(from: number): Promise<void> {
  const until = from + RECEIPTS_AT_ONCE;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    await vault.remember(receiptsFrom(partition, from, until), new Map([[partition, until]]));
    say({ partition, end: until } satisfies RememberedLine);
  }
}

function say(line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}
