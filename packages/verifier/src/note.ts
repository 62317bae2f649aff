/**
 * The ledger's signed checkpoint: a C2SP signed note (c2sp.org/signed-note) whose text is a C2SP checkpoint
 * (c2sp.org/tlog-checkpoint) of exactly three lines: origin, number of blocks, root. Signatures are Ed25519 (RFC 8032).
 */
import { fromBase64, toHex } from "./bytes.ts";
import { type Sha256, sha256 } from "./merkle.ts";
import { Fault } from "./verdict.ts";

const ED25519 = 0x01;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const KEY_ID_BYTES = 4;
/** The signed-note specification asks verifiers to take at least this many. */
const SIGNATURES_MAX = 16;
/** Order of the Ed25519 group (RFC 8032 section 5.1). */
const GROUP_ORDER = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;

/** Ed25519 verification (RFC 8032): whether the signature over the message is the key's. Rejects where there is none. */
export type Ed25519 = (
  publicKey: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
) => boolean | Promise<boolean>;

/** As WebCrypto has it, in browsers and in Node. */
export const ed25519: Ed25519 = async (publicKey, signature, message) => {
  const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  return await crypto.subtle.verify("Ed25519", key, signature, message);
};

export interface VerifierKey {
  /** As it was given: `name+id+key`. */
  readonly text: string;
  readonly name: string;
  /** 8 hex digits. */
  readonly id: string;
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  /** Root of the tree over all blocks, hex. */
  readonly root: string;
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly signatures: readonly NoteSignature[];
}

export interface NoteSignature {
  readonly name: string;
  readonly id: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Key of a verifier key text (`name+8 hex digits+base64`); throws Fault where it is none, or its id is not its own. */
export async function readKey(text: string, at: string, digest: Sha256 = sha256): Promise<VerifierKey> {
  const match = /^([^+\s]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{44})$/u.exec(text);
  const [, name = "", id = "", encoded = ""] = match ?? [];
  const bytes = fromBase64(encoded);
  if (match === null || bytes?.length !== 1 + KEY_BYTES) throw new Fault(at, "not a verifier key: name+id+base64");
  if (bytes[0] !== ED25519) throw new Fault(at, "the verifier key is not of type 1, Ed25519", "cannot-tell");
  const label = new TextEncoder().encode(`${name}\n`);
  const named = new Uint8Array(label.length + bytes.length);
  named.set(label);
  named.set(bytes, label.length);
  if (!(await digest(named)).startsWith(id))
    throw new Fault(at, "the verifier key's id is not that of its name and key");
  return { text, name, id, publicKey: bytes.slice(1) };
}

/** Reads a checkpoint; nothing in it is vouched for before its signatures are checked. Throws Fault. */
export function readCheckpoint(note: string, at: string): Checkpoint {
  const split = note.lastIndexOf("\n\n") + 1;
  const signed = note.slice(0, split);
  const match = /^([^\p{Cc}]{1,255})\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/=]{44})\n$/u.exec(signed);
  const [, origin = "", digits = "", encoded = ""] = match ?? [];
  const root = fromBase64(encoded);
  if (match === null || root?.length !== 32 || !Number.isSafeInteger(Number(digits))) {
    throw new Fault(at, "the checkpoint's text is not three lines: origin, number of blocks, root");
  }
  const lines = note.slice(split + 1).split("\n");
  if (lines.pop() !== "" || lines.length < 1 || lines.length > SIGNATURES_MAX) {
    throw new Fault(at, `a checkpoint ends with 1 to ${SIGNATURES_MAX} signature lines`);
  }
  const signatures = lines.map((line, index) => readSignature(line, `${at}, signature ${index + 1}`));
  const signers = new Set(signatures.map((signature) => `${signature.name}+${signature.id}`));
  if (signers.size < signatures.length) throw new Fault(at, "one key signed the checkpoint twice");
  return { origin, size: Number(digits), root: toHex(root), signed: new TextEncoder().encode(signed), signatures };
}

function readSignature(line: string, at: string): NoteSignature {
  const match = /^\u2014 ([^+\s\p{Cc}]{1,255}) ([A-Za-z0-9+/=]{1,8192})$/u.exec(line);
  const [, name = "", encoded = ""] = match ?? [];
  const bytes = fromBase64(encoded);
  if (bytes === undefined || bytes.length <= KEY_ID_BYTES) throw new Fault(at, "not a signature line of a signed note");
  return { name, id: toHex(bytes.subarray(0, KEY_ID_BYTES)), bytes: bytes.slice(KEY_ID_BYTES) };
}

/** True where the signature line names this key; whether it holds is {@link isSignedBy}'s to say. */
export function namesKey(signature: NoteSignature, key: VerifierKey): boolean {
  return signature.name === key.name && signature.id === key.id;
}

/** True where the signature over the checkpoint's text is this key's; throws Fault where Ed25519 is missing here. */
export async function isSignedBy(
  checkpoint: Checkpoint,
  signature: NoteSignature,
  key: VerifierKey,
  at: string,
  verify: Ed25519 = ed25519,
): Promise<boolean> {
  if (signature.bytes.length !== SIGNATURE_BYTES) return false;
  // RFC 8032 section 5.1.7 wants S below the group's order: else S + order would be a second, equally good signature.
  const s = BigInt(`0x${toHex(signature.bytes.slice(32).reverse())}`);
  if (s >= GROUP_ORDER) return false;
  try {
    return await verify(key.publicKey, signature.bytes, checkpoint.signed);
  } catch (error) {
    throw new Fault(at, `Ed25519 cannot be checked here: ${String(error).slice(0, 100)}`, "cannot-tell");
  }
}
