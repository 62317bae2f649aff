/** What a reader trusts, from the files that hold it. */
import { pemsIn } from "./certificate.ts";
import { Fault } from "./verdict.ts";

export interface TrustFile {
  /** For faults, and for the organisation where nothing else names it: `HospitalAMSP.pem` is HospitalAMSP's. */
  readonly path: string;
  readonly text: string;
  /** MSP id of the organisation that the certificates are of, where the reader named it. */
  readonly organisation?: string | undefined;
}

const ORGANISATION = /^[A-Za-z0-9._-]{1,64}$/;
/** A line of a PEM file that names the organisation of the certificates after it. */
const NAMING = /^MSP: *(\S+)(?: +since +(\S+))? *$/gm;

/**
 * The trust that a file holds, as texts for `verifyEvidence`: verifier keys one a line (`#` begins a comment), CA
 * certificates in PEM, or a Fabric channel's organisations in JSON.
 *
 * @throws Fault `cannot-tell`
 */
export function trustTexts({ path, text, organisation }: TrustFile): readonly string[] {
  if (text.trimStart().startsWith("{")) return [text.trim()];
  if (text.includes("-----BEGIN ")) return organisationsIn(text, organisation ?? baseName(path), path);
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length === 0) throw new Fault(path, "it holds no key and no CA certificate", "cannot-tell");
  return keys;
}

/** One text for each section of a PEM file: what is before the first line that names an organisation is `first`'s. */
function organisationsIn(text: string, first: string, path: string): readonly string[] {
  const names = [...text.matchAll(NAMING)];
  const starts = [{ index: 0, name: first, since: undefined as string | undefined }];
  for (const { index, 1: name = "", 2: since } of names) starts.push({ index, name, since });
  const texts = starts.flatMap(({ index, name, since }, i) => {
    const roots = pemsIn(text.slice(index, starts[i + 1]?.index));
    if (roots.length === 0) return [];
    if (!ORGANISATION.test(name)) throw new Fault(path, `${JSON.stringify(name)} is no MSP id`, "cannot-tell");
    return [JSON.stringify({ organisations: { [name]: { roots, intermediates: [], since } } })];
  });
  if (texts.length === 0) throw new Fault(path, "it holds no certificate in PEM", "cannot-tell");
  return texts;
}

function baseName(path: string): string {
  return (path.split(/[/\\]/).at(-1) ?? "").replace(/\.[a-z]{3}$/, "");
}
