/** Files, for command lines; like main.ts it needs Node. */
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type TrustFile, trustTexts } from "./trust.ts";
import { Fault } from "./verdict.ts";

const TRUST_BYTES_MAX = 1_048_576;
const TRUST_FILES_MAX = 1_000;
const CERTIFICATES = /\.(?:pem|crt|cer)$/;
/** Where an MSP folder has its CAs; other folders of it hold certificates that are no CA's. */
const CA_FOLDERS = ["", "cacerts", "intermediatecerts"];

/**
 * What one `--trust` names, as texts for `verifyEvidence`: a verifier key itself; a file (see trustTexts); a folder of
 * PEM files named by MSP id, or of MSP folders; any of these two as `MSPID=PATH`, which says whose they are.
 *
 * @throws Fault `cannot-tell`, or the file system's own error.
 */
export async function readTrust(given: string): Promise<readonly string[]> {
  if (/^[^+\s]+\+[0-9a-f]{8}\+/.test(given)) return [given];
  const [, organisation, path = given] = /^([A-Za-z0-9._-]{1,64})=(.+)$/.exec(given) ?? [];
  const files = (await stat(path)).isDirectory() ? await filesIn(path, organisation) : [{ path, organisation }];
  if (files.length === 0) throw new Fault(path, "the folder holds no CA certificates", "cannot-tell");
  if (files.length > TRUST_FILES_MAX) throw new Fault(path, `over ${TRUST_FILES_MAX} files`, "cannot-tell");
  const texts: string[] = [];
  for (const file of files) {
    const bytes = await readAtMost(file.path, TRUST_BYTES_MAX + 1);
    if (bytes.length > TRUST_BYTES_MAX) throw new Fault(file.path, `over ${TRUST_BYTES_MAX} bytes`, "cannot-tell");
    texts.push(...trustTexts({ ...file, text: new TextDecoder().decode(bytes) }));
  }
  return texts;
}

/** Certificate files of an organisation's folder, or of a folder of organisations. */
async function filesIn(folder: string, organisation: string | undefined): Promise<readonly Omit<TrustFile, "text">[]> {
  const files: Omit<TrustFile, "text">[] = [];
  for (const name of organisation === undefined ? [""] : CA_FOLDERS) {
    for (const file of await namesIn(join(folder, name))) {
      if (CERTIFICATES.test(file)) files.push({ path: join(folder, name, file), organisation });
    }
  }
  if (organisation !== undefined) return files;
  for (const name of await namesIn(folder)) {
    if ((await stat(join(folder, name))).isDirectory()) files.push(...(await filesIn(join(folder, name), name)));
  }
  return files;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch(() => [])).filter((name) => !name.startsWith(".")).sort();
}

/** The first bytes of a file, whatever its size or kind: of a device, or a pipe, the size is known only at its end. */
export async function readAtMost(path: string, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const part of createReadStream(path, { end: bytesMax - 1 })) parts.push(part as Uint8Array<ArrayBuffer>);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
