/**
 * The ledger's signed checkpoint: a C2SP signed note (c2sp.org/signed-note) whose text is a C2SP checkpoint
 * (c2sp.org/tlog-checkpoint) without extension lines. Signatures are Ed25519 (RFC 8032), note signature type 0x01.
 */
import { createPublicKey, verify } from "node:crypto";
import { MedtraceError } from "../errors.ts";
import { type Bytes, base64url, fromHex, hex, sha256, utf8 } from "./bytes.ts";
import { HASH_BYTES } from "./merkle.ts";

const ED25519 = 0x01;
const KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
const SIGNATURE_BYTES = 64;
/** The signed-note specification asks for at least 16 lines to be taken, and knows signatures of nearly 5 kB. */
const SIGNATURES_MAX = 16;
const SIGNATURE_CHARACTERS_MAX = 8_192;
const NAME_CHARACTERS_MAX = 255;
const NOTE_CHARACTERS_MAX = 262_144;

/** What a log says of itself: how many leaves its tree has, and the RFC 6962 root over them. */
export interface LogCheckpoint {
  /** Names the log; one line. */
  readonly origin: string;
  readonly size: number;
  /** 32 bytes. */
  readonly root: Bytes;
}

/** The public half of a note key (`vkey`). */
export interface VerifierKey {
  /** No white space and no `+`; of a log's own key, the log's origin. */
  readonly name: string;
  /** 8 hex digits; {@link keyId}. */
  readonly id: string;
  /** 32 bytes, RFC 8032. */
  readonly publicKey: Bytes;
}

export interface NoteSignature {
  readonly name: string;
  /** 8 hex digits. */
  readonly id: string;
  readonly signature: Bytes;
}

export interface SignedNote {
  /** What is signed: UTF-8 of this text, its last newline included. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Key id of an Ed25519 note key: the first 4 bytes of SHA-256(name || 0x0A || 0x01 || public key), hex. */
export function keyId(name: string, publicKey: Bytes): string {
  return hex(sha256(Buffer.concat([utf8(`${name}\n`), Uint8Array.of(ED25519), publicKey])).subarray(0, KEY_ID_BYTES));
}

/**
 * Key of this name.
 *
 * @throws MedtraceError INPUT_INVALID for a name with white space, control characters or `+`, or a key of other than 32 bytes.
 */
export function verifierKey(name: string, publicKey: Bytes): VerifierKey {
  if (!isKeyName(name)) throw invalid("a key name is 1 to 255 characters without white space and without +");
  if (publicKey.length !== KEY_BYTES) throw invalid(`an Ed25519 public key has ${KEY_BYTES} bytes`);
  return { name, id: keyId(name, publicKey), publicKey };
}

/** `name+id+base64(0x01 || public key)`, the form that keys are handed out in. */
export function formatVerifierKey(key: VerifierKey): string {
  return `${key.name}+${key.id}+${base64(Buffer.concat([Uint8Array.of(ED25519), key.publicKey]))}`;
}

/**
 * Inverse of {@link formatVerifierKey}.
 *
 * @throws MedtraceError INPUT_MALFORMED where the text is not one, or its id is not that of its name and key.
 */
export function parseVerifierKey(text: string): VerifierKey {
  const [name = "", id = "", ...rest] = text.slice(0, NOTE_CHARACTERS_MAX).split("+");
  // Base64 may hold a plus of its own.
  const bytes = fromBase64(rest.join("+"));
  if (!isKeyName(name) || !/^[0-9a-f]{8}$/.test(id) || bytes?.length !== 1 + KEY_BYTES || bytes[0] !== ED25519) {
    throw malformed("not an Ed25519 verifier key: name+id+base64 is wanted");
  }
  const key = verifierKey(name, bytes.subarray(1));
  if (key.id !== id) throw malformed("the verifier key's id is not that of its name and key");
  return key;
}

/**
 * The three lines that are signed: origin, size, root in base64.
 *
 * @throws MedtraceError INPUT_INVALID where a member cannot stand in its line.
 */
export function checkpointText(checkpoint: LogCheckpoint): string {
  const { origin, size, root } = checkpoint;
  if (!isOrigin(origin)) throw invalid("an origin is one line of 1 to 255 characters");
  if (!Number.isSafeInteger(size) || size < 0) throw invalid("a tree size is a whole number");
  if (root.length !== HASH_BYTES) throw invalid(`a root has ${HASH_BYTES} bytes`);
  return `${origin}\n${size}\n${base64(root)}\n`;
}

/**
 * Inverse of {@link checkpointText}; extension lines are refused.
 *
 * @throws MedtraceError INPUT_MALFORMED
 */
export function parseCheckpointText(text: string): LogCheckpoint {
  const [origin = "", size = "", root = "", end, ...more] = text.split("\n", 6);
  const bytes = fromBase64(root);
  const fits = end === "" && more.length === 0 && isOrigin(origin) && /^(0|[1-9]\d{0,15})$/.test(size);
  if (!fits || bytes?.length !== HASH_BYTES || !Number.isSafeInteger(Number(size))) {
    throw malformed("a checkpoint is three lines: origin, tree size, root");
  }
  return { origin, size: Number(size), root: bytes };
}

/**
 * The note of a text that ends in a newline, signed by one key.
 *
 * @param sign gives the 64-byte Ed25519 signature of the bytes, under the private half of `key`.
 */
export function signNote(text: string, key: VerifierKey, sign: (bytes: Bytes) => Bytes): string {
  if (!text.endsWith("\n") || hasControls(text)) throw invalid("a note's text is lines, each ended by a newline");
  const signature = sign(utf8(text));
  if (signature.length !== SIGNATURE_BYTES) throw invalid(`an Ed25519 signature has ${SIGNATURE_BYTES} bytes`);
  return `${text}\n\u2014 ${key.name} ${base64(Buffer.concat([fromHex(key.id), signature]))}\n`;
}

/**
 * Text and signature lines of a note; none of it is vouched for before a signature was checked.
 *
 * @throws MedtraceError INPUT_MALFORMED
 */
export function parseNote(note: string): SignedNote {
  if (note.length > NOTE_CHARACTERS_MAX) throw malformed(`a note of more than ${NOTE_CHARACTERS_MAX} characters`);
  if (hasControls(note)) throw malformed("a note is well-formed text without control characters but newline");
  const split = note.lastIndexOf("\n\n");
  const lines = note.slice(split + 2).split("\n");
  if (split < 0 || lines.pop() !== "" || lines.length < 1 || lines.length > SIGNATURES_MAX) {
    throw malformed(`a note ends with a blank line and 1 to ${SIGNATURES_MAX} signature lines`);
  }
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const [dash, name = "", encoded = "", ...more] = line.split(" ", 4);
  const bytes = encoded.length > SIGNATURE_CHARACTERS_MAX ? undefined : fromBase64(encoded);
  if (dash !== "\u2014" || more.length > 0 || !isKeyName(name) || bytes === undefined || bytes.length <= KEY_ID_BYTES) {
    throw malformed("a signature line is an em dash, a key name and base64");
  }
  return { name, id: hex(bytes.subarray(0, KEY_ID_BYTES)), signature: bytes.subarray(KEY_ID_BYTES) };
}

/**
 * A function that reads a signed checkpoint and vouches for it by this key. Lines of other keys are let be, as the
 * specification asks; a line that names this key must hold. It throws MedtraceError INPUT_MALFORMED where the note
 * is none, INTEGRITY where the key did not sign it.
 */
export function checkpointVerifier(key: VerifierKey): (note: string) => LogCheckpoint {
  const jwk = { kty: "OKP", crv: "Ed25519", x: base64url(key.publicKey) };
  const publicKey = createPublicKey({ key: jwk, format: "jwk" });
  return (note) => {
    const { text, signatures } = parseNote(note);
    const own = signatures.filter(({ name, id }) => name === key.name && id === key.id);
    const bytes = utf8(text);
    if (own.length === 0 || !own.every(({ signature }) => verify(null, bytes, publicKey, signature))) {
      throw new MedtraceError("INTEGRITY", `the checkpoint is not signed by ${formatVerifierKey(key)}`);
    }
    return parseCheckpointText(text);
  };
}

function isKeyName(name: string): boolean {
  return name.length <= NAME_CHARACTERS_MAX && name.isWellFormed() && /^[^+\s\p{Z}\p{C}]+$/u.test(name);
}

function isOrigin(origin: string): boolean {
  return origin.length <= NAME_CHARACTERS_MAX && origin.isWellFormed() && /^[^\p{Cc}]+$/u.test(origin);
}

function hasControls(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a note must not hold
  return !text.isWellFormed() || /[\u0000-\u0009\u000b-\u001f]/.test(text);
}

function base64(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** Bytes of base64 (RFC 4648 section 4) in its one canonical spelling, else undefined. */
function fromBase64(text: string): Bytes | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

function invalid(message: string): MedtraceError {
  return new MedtraceError("INPUT_INVALID", message);
}

function malformed(message: string): MedtraceError {
  return new MedtraceError("INPUT_MALFORMED", message);
}
