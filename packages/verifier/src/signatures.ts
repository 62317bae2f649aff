/** Who vouches for the checkpoint, and whether the reader trusts them. */
import type { Sha256 } from "./merkle.ts";
import { type Checkpoint, type Ed25519, isSignedBy, namesKey, readKey, type VerifierKey } from "./note.ts";
import type { Trail } from "./trail.ts";
import { type CheckpointFacts, Fault } from "./verdict.ts";

const AT = "ledger.checkpoint";

export interface TrustOptions {
  /** Verifier keys (`name+id+base64`) that the reader trusts; one of them must have signed. */
  readonly trust?: readonly string[];
  /** True: without a key in `trust` nothing can be told. */
  readonly requireTrust?: boolean;
  /** By default WebCrypto's; where there is a faster one, the many small hashes of the trees go through it. */
  readonly sha256?: Sha256;
  /** By default WebCrypto's. */
  readonly ed25519?: Ed25519;
}

/**
 * Checks every signature line: each must be by a key that the file or the reader names, and hold. The file's own key
 * must have signed; so must one that the reader trusts, where the reader named any.
 */
export async function checkSignatures(
  trail: Trail,
  fileKey: string,
  note: Checkpoint,
  options: TrustOptions,
): Promise<CheckpointFacts> {
  const named = "the key in the file is well formed and of the checkpoint's origin";
  const own = await trail.check("key", "ledger.key", named, () => keyOfOrigin(fileKey, note, options.sha256));
  const pins: VerifierKey[] = [];
  for (const text of new Set(options.trust ?? [])) {
    const pin = await trail.check("trusted-key", "--trust", "a well formed verifier key", () =>
      trustedKey(text, options.sha256),
    );
    if (pin !== undefined) pins.push(pin);
  }
  const keys = [...(own === undefined ? [] : [own]), ...pins.filter((pin) => pin.text !== own?.text)];
  const signers = new Set<string>();
  for (const [i, signature] of note.signatures.entries()) {
    const at = `${AT}, signature ${i + 1}`;
    await trail.check("signature", at, "an Ed25519 signature over the checkpoint by a named key", async () => {
      const named = keys.filter((key) => namesKey(signature, key));
      if (named.length === 0) throw new Fault(at, "by a key that neither the file nor --trust names", "cannot-tell");
      for (const key of named) {
        if (!(await isSignedBy(note, signature, key, at, options.ed25519)))
          throw new Fault(at, `not a signature of ${key.text} over this`);
        signers.add(key.text);
      }
    });
  }
  await trail.check("key-signed", "ledger.key", "the key in the file signed the checkpoint", () => {
    if (!signers.has(fileKey)) throw new Fault("ledger.key", "the key in the file did not sign the checkpoint");
  });
  const pinned = pins.some((pin) => signers.has(pin.text) && pin.name === note.origin);
  if (options.requireTrust === true && (options.trust ?? []).length === 0) {
    await trail.check("trust", "--trust", "", () => {
      throw new Fault("--trust", "no trusted key was given, and one is required", "cannot-tell");
    });
  }
  if (pins.length > 0) {
    await trail.check("trust", AT, "a key that the reader trusts signed the checkpoint of its own log", () => {
      if (!pinned) throw new Fault(AT, "none of the keys given by --trust signed this as a checkpoint of its log");
    });
  }
  return { origin: note.origin, size: note.size, keys: [...signers], pinned };
}

async function keyOfOrigin(text: string, note: Checkpoint, digest?: Sha256): Promise<VerifierKey> {
  const key = await readKey(text, "ledger.key", digest);
  if (key.name === note.origin) return key;
  throw new Fault("ledger.key", `the key is ${key.name}'s, but the checkpoint is of ${note.origin}`);
}

/** A key that the reader gave by mistake says nothing against the evidence. */
async function trustedKey(text: string, digest?: Sha256): Promise<VerifierKey> {
  try {
    return await readKey(text, "--trust", digest);
  } catch (fault) {
    throw new Fault("--trust", `${(fault as Error).message}: ${text.slice(0, 80)}`, "cannot-tell");
  }
}
