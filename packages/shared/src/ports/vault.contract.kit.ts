/** What the parts of the vault's contract suite share. */
import { strict as assert } from "node:assert";
import { createCipheriv, createDecipheriv, createHmac, type KeyObject, randomBytes } from "node:crypto";
import { MedtraceError } from "../errors.ts";
import { type Bytes, sha256Hex } from "../model/bytes.ts";
import type { Identifier, KeyProvider, Receipt, Subject, Vault } from "./vault.ts";

/** Storage for one vault, empty at first; disposing removes it. */
export interface VaultStorage extends AsyncDisposable {
  /** What {@link VaultHarness.module} opens it by. */
  readonly url: string;
  /** Opens it: again after a close, or once more beside others. */
  open(keys: KeyProvider): Promise<Vault>;
  /** Every byte that the vault keeps, wherever: a person with the disk in hand sees these. */
  bytesAtRest(): Promise<Buffer>;
}

export interface VaultHarness {
  create(): Promise<VaultStorage>;
  /** Module with `openVault(url, keys)`, for child processes. */
  readonly module: URL;
}

export const KEYS_SEED = "a region's keys";
export const A = "hospital-a";
export const B = "hospital-b";
export const C = "laboratory.c";
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** A key provider whose keys all follow from a text, so that another process has the same. */
export function testKeys(seed: string = KEYS_SEED): KeyProvider {
  const keyed = (what: string, bytes: Bytes = Buffer.alloc(0)): Buffer =>
    createHmac("sha256", createHmac("sha256", seed).update(what).digest()).update(bytes).digest();
  return {
    wrap(institution, dataKey) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv("aes-256-gcm", keyed(`wrap ${institution}`), iv);
      return Buffer.concat([iv, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
    },
    unwrap(institution, wrapped) {
      try {
        const decipher = createDecipheriv("aes-256-gcm", keyed(`wrap ${institution}`), wrapped.subarray(0, IV_BYTES));
        decipher.setAuthTag(wrapped.subarray(-TAG_BYTES));
        return Buffer.concat([decipher.update(wrapped.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
      } catch (cause) {
        throw new MedtraceError("INTEGRITY", `not wrapped by the key of ${institution}`, { cause });
      }
    },
    digest: (institution, bytes) => keyed(`digest ${institution}`, bytes),
    index: (bytes) => keyed("index", bytes),
  };
}

/** Runs `use` over an empty vault. */
export async function withVault(harness: VaultHarness, use: (vault: Vault) => Promise<void>): Promise<void> {
  await using storage = await harness.create();
  await using vault = await storage.open(testKeys());
  await use(vault);
}

/** Runs `use` over two instances of one empty vault, neither of which has to be told of what the other does. */
export async function withTwo(harness: VaultHarness, use: (one: Vault, two: Vault) => Promise<void>): Promise<void> {
  await using storage = await harness.create();
  await using one = await storage.open(testKeys());
  await using two = await storage.open(testKeys());
  await use(one, two);
}

/** A number of one institution's own. */
export function mrn(value: string): Identifier {
  return { system: "urn:oid:2.16.840.1.113883.19.5", value, scope: "local" };
}

/** A number that every institution knows. */
export function card(value: string): Identifier {
  return { system: "https://health.example/card", value, scope: "shared" };
}

export async function subjectOf(vault: Vault, institution: string, ...identifiers: Identifier[]): Promise<Subject> {
  const [subject] = await vault.identify([{ institution, identifiers }]);
  assert.ok(subject);
  assert.match(subject.token, /^[A-Za-z0-9_-]{22}$/);
  assert.ok(!subject.also.includes(subject.token));
  return subject;
}

export async function tokenOf(vault: Vault, institution: string, ...identifiers: Identifier[]): Promise<string> {
  return (await subjectOf(vault, institution, ...identifiers)).token;
}

/** The bytes of the key of one institution and token, in hex, made where there is none. */
export async function keyOf(vault: Vault, institution: string, token: string): Promise<string> {
  return secret((await vault.dataKeys([{ institution, token }]))[0]);
}

/** A data key's 32 bytes, in hex. */
export function secret(key: KeyObject | undefined): string {
  assert.equal(key?.type, "secret");
  const bytes = key.export();
  assert.equal(bytes.length, 32);
  return bytes.toString("hex");
}

/** The receipt of whatever lies at a place of the log: all follows from the place, so that any process can say it. */
export function receiptAt(partition: number, offset: number): Receipt {
  const id = sha256Hex(`event ${partition}/${offset}`);
  return { id, digest: sha256Hex(`digest of ${id}`), institution: A, partition, offset };
}

export function receiptsFrom(partition: number, first: number, end: number): Receipt[] {
  return Array.from({ length: end - first }, (_, i) => receiptAt(partition, first + i));
}
