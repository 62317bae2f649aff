/** The identity that transactions are signed by: an MSP folder as cryptogen and Fabric CA clients lay it out. */
import { createPrivateKey } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Identity, type Signer, signers } from "@hyperledger/fabric-gateway";
import { MedtraceError } from "@medtrace/shared/errors";

export interface SigningIdentity {
  readonly identity: Identity;
  readonly signer: Signer;
}

/**
 * Reads the certificate and the key of `{folder}/{mspId}`.
 *
 * @throws MedtraceError CONFIGURATION; it does not repeat what the files hold.
 */
export async function readIdentity(folder: string, mspId: string): Promise<SigningIdentity> {
  const msp = join(folder, mspId);
  const credentials = await onlyFile(join(msp, "signcerts"));
  const key = await onlyFile(join(msp, "keystore"));
  try {
    return { identity: { mspId, credentials }, signer: signers.newPrivateKeySigner(createPrivateKey(key)) };
  } catch {
    throw wrong(`${join(msp, "keystore")} holds no private key in PEM`);
  }
}

/** The TLS CAs' certificates. @throws MedtraceError CONFIGURATION */
export async function readTlsCa(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: Error) => {
    throw new MedtraceError("CONFIGURATION", `the TLS CAs cannot be read: ${cause.message}`, { at: "FABRIC_TLS_CA" });
  });
}

async function onlyFile(folder: string): Promise<Buffer> {
  try {
    const names = (await readdir(folder)).filter((name) => !name.startsWith("."));
    if (names.length !== 1) throw wrong(`${folder} holds ${names.length} files, not one`);
    return await readFile(join(folder, names[0] as string));
  } catch (error) {
    throw error instanceof MedtraceError ? error : wrong((error as Error).message);
  }
}

function wrong(why: string): MedtraceError {
  return new MedtraceError("CONFIGURATION", `no identity to submit as: ${why}`, {
    at: "FABRIC_IDENTITIES",
    hint: "a folder for LEDGER_OWNER with signcerts/ and keystore/, one file in each",
  });
}
