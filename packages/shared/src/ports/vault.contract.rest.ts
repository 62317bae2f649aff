/** Contract of Vault: what may not be found in it by who holds its disk. */
import { strict as assert } from "node:assert";
import { hash } from "node:crypto";
import { it } from "node:test";
import { utf8 } from "../model/bytes.ts";
import {
  A,
  B,
  card,
  keyOf,
  mrn,
  receiptsFrom,
  testKeys,
  tokenOf,
  type VaultHarness,
  type VaultStorage,
} from "./vault.contract.kit.ts";
import type { KeyProvider } from "./vault.ts";

export function restContract(harness: VaultHarness): void {
  it("keeps no identifier in a form that gives it away, and no data key unwrapped", async () => {
    await using storage = await harness.create();
    const identifiers = [mrn("MRN-4711-08-15"), card("756.1234.5678.97"), card("Müllerová, Zoë 1934-02-29")];
    const keys: string[] = [];
    {
      await using vault = await storage.open(testKeys());
      for (const institution of [A, B]) {
        for (const identifier of identifiers) {
          const token = await tokenOf(vault, institution, identifier, mrn("of all of them"));
          keys.push(await keyOf(vault, institution, token));
          await vault.lookup(institution, identifier);
        }
      }
      await vault.remember(receiptsFrom(0, 0, 10), new Map([[0, 10]]));
      await assertHidden(
        storage,
        identifiers.map(({ value }) => value),
        keys,
      );
    }
    await assertHidden(
      storage,
      identifiers.map(({ value }) => value),
      keys,
    );
  });

  it("keeps nothing by which an erased key could come back, though other instances are open", async () => {
    await using storage = await harness.create();
    const seen: Buffer[] = [];
    const keys = remembering(seen);
    await using vault = await storage.open(keys);
    await using other = await storage.open(keys);
    const tokens = [];
    for (let i = 0; i < 40; i++) {
      const token = await tokenOf(vault, A, mrn(`${i}`), card(`${i}`));
      await keyOf(other, A, token);
      tokens.push(token);
    }
    const before = await storage.bytesAtRest();
    const kept = seen.filter((bytes) => holds(before, bytes));
    // Forty keys, as wrapped, and eighty hashed identifiers: else this looks in the wrong place.
    assert.equal(kept.length, 120);
    for (const token of tokens) assert.equal(await vault.erase(A, token), 3);
    const after = await storage.bytesAtRest();
    assert.deepEqual(
      kept.filter((bytes) => holds(after, bytes)),
      [],
    );
  });
}

/** A key provider that notes every form in which something was made for keeping. */
function remembering(seen: Buffer[]): KeyProvider {
  const keys = testKeys();
  const note = (bytes: Uint8Array): Uint8Array => {
    if (!seen.some((known) => known.equals(bytes))) seen.push(Buffer.from(bytes));
    return bytes;
  };
  return { ...keys, wrap: (...given) => note(keys.wrap(...given)), index: (bytes) => note(keys.index(bytes)) };
}

/** Whether these bytes are there, as they are or as text. */
function holds(all: Buffer, bytes: Buffer): boolean {
  return all.includes(bytes) || all.includes(bytes.toString("hex")) || all.includes(bytes.toString("base64"));
}

async function assertHidden(storage: VaultStorage, values: readonly string[], keys: readonly string[]): Promise<void> {
  const all = await storage.bytesAtRest();
  assert.ok(all.length > 0);
  for (const value of values) {
    for (const [form, bytes] of formsOf(value)) assert.ok(!all.includes(bytes), `${value} is at rest as ${form}`);
  }
  for (const key of keys) assert.ok(!holds(all, Buffer.from(key, "hex")), "a data key is at rest, unwrapped");
}

/** A text as it would be found, and its plain hashes, which can be guessed: a card's number has few digits. */
function formsOf(value: string): Map<string, Buffer> {
  const utf16 = Buffer.from(value, "utf16le");
  const bytes = utf8(value);
  const forms = new Map<string, Buffer>([
    ["UTF-8", Buffer.from(bytes)],
    ["ISO 8859-1", Buffer.from(value, "latin1")],
    ["UTF-16LE", utf16],
    ["UTF-16BE", Buffer.from(utf16).swap16()],
    ["hex", Buffer.from(Buffer.from(bytes).toString("hex"))],
    ["upper-case hex", Buffer.from(Buffer.from(bytes).toString("hex").toUpperCase())],
    ["base64", Buffer.from(Buffer.from(bytes).toString("base64").replace(/=+$/, ""))],
    ["base64url", Buffer.from(Buffer.from(bytes).toString("base64url"))],
    ["digits", Buffer.from(value.replaceAll(/\W/g, ""))],
    ["reversed", Buffer.from([...value].reverse().join(""))],
  ]);
  for (const algorithm of ["md5", "sha1", "sha256", "sha512"]) {
    for (const encoding of ["hex", "base64"] as const) {
      forms.set(`${algorithm} in ${encoding}`, Buffer.from(hash(algorithm, bytes, encoding)));
    }
    forms.set(algorithm, Buffer.from(hash(algorithm, bytes, "hex"), "hex"));
  }
  return forms;
}
