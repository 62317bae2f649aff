/**
 * The key that signs the ledger's checkpoints: one line in `ledger.key`, in the form of Go's sumdb/note signer keys
 * (`PRIVATE+KEY+name+id+base64(0x01 || seed)`). The name is the ledger's origin and holds a random id, so that no two
 * ledgers are taken for one. `ledger.vkey` holds the public half, to hand out.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MedtraceError } from "@medtrace/shared/errors";
import { fromHex } from "@medtrace/shared/model/bytes";
import { formatVerifierKey, type VerifierKey, verifierKey } from "@medtrace/shared/model/checkpoint";

const KEY_FILE = "ledger.key";
const VKEY_FILE = "ledger.vkey";
const SEED_BYTES = 32;
/** Everything of an Ed25519 private key in PKCS #8 but the seed (RFC 8410 section 7). */
const PKCS8_PREFIX = fromHex("302e020100300506032b657004220420");

export interface SigningKey {
  readonly verifier: VerifierKey;
  /** Ed25519 signature of these bytes, 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
}

/**
 * Makes the key of a ledger that is being made; called by one process at a time. A key that an earlier start left
 * before it could make the ledger is taken.
 *
 * @throws MedtraceError INTEGRITY where the key was handed out already: its ledger is gone, and a second one under
 * the same key would contradict it.
 */
export function makeSigningKey(folder: string): SigningKey {
  if (existsSync(join(folder, VKEY_FILE))) {
    throw new MedtraceError("INTEGRITY", "the folder has a ledger's key, but its blocks are gone", {
      at: folder,
      hint: "restore ledger.sqlite from a backup; to begin a new ledger, use another folder",
    });
  }
  if (!existsSync(join(folder, KEY_FILE))) {
    const origin = `medtrace/ledger/${randomBytes(16).toString("hex")}`;
    const seed = randomBytes(SEED_BYTES);
    const { verifier } = signingKey(origin, seed);
    const data = Buffer.concat([Uint8Array.of(0x01), seed]).toString("base64");
    writeDurably(folder, KEY_FILE, `PRIVATE+KEY+${origin}+${verifier.id}+${data}\n`, 0o600);
  }
  return readSigningKey(folder);
}

/** @throws MedtraceError INTEGRITY where the key file is gone or is not one. */
export function readSigningKey(folder: string): SigningKey {
  const path = join(folder, KEY_FILE);
  if (!existsSync(path)) {
    throw new MedtraceError("INTEGRITY", "the ledger's signing key is gone", {
      at: path,
      hint: "restore ledger.key from a backup: no other key can go on with this ledger",
    });
  }
  const match = /^PRIVATE\+KEY\+([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{44})\n$/.exec(readFileSync(path, "utf8"));
  const data = Buffer.from(match?.[3] ?? "", "base64");
  const key = data.length === 1 + SEED_BYTES ? signingKey(match?.[1] ?? "", data.subarray(1)) : undefined;
  if (key !== undefined && data[0] === 0x01 && key.verifier.id === match?.[2]) return key;
  throw new MedtraceError("INTEGRITY", "the ledger's signing key cannot be read", {
    at: path,
    hint: "restore ledger.key from a backup",
  });
}

function signingKey(name: string, seed: Uint8Array): SigningKey {
  const der = Buffer.concat([PKCS8_PREFIX, seed]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return { verifier: verifierKey(name, publicKeyOf(key)), sign: (bytes) => sign(null, bytes, key) };
}

function publicKeyOf(key: KeyObject): Uint8Array {
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return Buffer.from(x ?? "", "base64url");
}

/** Writes the public half beside the ledger, for people to hand out, where it is not there. */
export function publishVerifierKey(folder: string, key: VerifierKey): void {
  if (!existsSync(join(folder, VKEY_FILE))) writeDurably(folder, VKEY_FILE, `${formatVerifierKey(key)}\n`, 0o644);
}

/** The public half as it stands in the folder, without its newline; undefined where the file is gone. */
export function publishedVerifierKey(folder: string): string | undefined {
  const path = join(folder, VKEY_FILE);
  return existsSync(path) ? readFileSync(path, "utf8").replace(/\n$/, "") : undefined;
}

/** Whole or not at all, and on disk when this returns. */
function writeDurably(folder: string, name: string, text: string, mode: number): void {
  const draft = join(folder, `${name}.${randomBytes(6).toString("hex")}`);
  const file = openSync(draft, "wx", mode);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, join(folder, name));
  const parent = openSync(folder, "r");
  try {
    fsyncSync(parent);
  } finally {
    closeSync(parent);
  }
}
