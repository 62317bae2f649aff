/** What a file holds, told by its content and not by its name. */
import { open } from "node:fs/promises";

export type Sniffed =
  | { readonly kind: "hl7v2" }
  | { readonly kind: "ndjson" }
  /** One FHIR resource; its bytes are kept, since they had to be read whole. */
  | { readonly kind: "fhir"; readonly resourceType: string; readonly bytes: Uint8Array }
  | { readonly kind: "refused"; readonly reason: string; readonly at?: string; readonly hint?: string };

/** A single JSON resource is read whole; what is larger is surely something else, or belongs into NDJSON. */
export const RESOURCE_BYTES_MAX: number = 64 * 1_048_576;
const HEAD_BYTES = 65_536;
const DECLARED_TYPE = /"resourceType"\s*:\s*"([A-Za-z]{1,64})"/;

/** White space, byte order marks (as latin1 shows them too), and the frame bytes of MLLP captures. */
const LEADING: ReadonlySet<string> = new Set(" \t\r\n\v\f\x1c\0\uFEFF\u00EF\u00BB\u00BF");
/** A segment: three characters, then a field separator that is neither letter, digit nor bracket. */
const SEGMENT = /^[A-Z][A-Z0-9]{2}[^A-Za-z0-9\s<>{}[\]"']/;

/**
 * @param path a file.
 * @throws where the file cannot be read.
 */
export async function sniff(path: string): Promise<Sniffed> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const head = Buffer.alloc(Math.min(size, HEAD_BYTES));
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return await sniffHead(head.subarray(0, bytesRead), size, async () => await file.readFile());
  } finally {
    await file.close();
  }
}

async function sniffHead(head: Buffer, size: number, readAll: () => Promise<Buffer>): Promise<Sniffed> {
  const text = textOfHead(head);
  if (text === "") return { kind: "refused", reason: "the file is empty" };
  if (SEGMENT.test(text)) return { kind: "hl7v2" };
  if (!text.startsWith("{")) {
    const hint = text.startsWith("<") ? "FHIR is taken as JSON" : undefined;
    return { kind: "refused", reason: NEITHER, ...(hint === undefined ? {} : { hint }) };
  }
  if (isNdjson(text, size > head.length)) return { kind: "ndjson" };
  if (size > RESOURCE_BYTES_MAX) {
    return {
      kind: "refused",
      reason: `one JSON resource of more than ${RESOURCE_BYTES_MAX / 1_048_576} MiB`,
      hint: "publish resources as NDJSON, one a line",
    };
  }
  return sniffResource(await readAll());
}

export const NEITHER = "not HL7 v2 or FHIR";

function textOfHead(head: Buffer): string {
  const [first, second] = head;
  const wide = (first === 0xff && second === 0xfe) || (second === 0 && first !== 0);
  const wideBig = (first === 0xfe && second === 0xff) || (first === 0 && second !== 0);
  const label = wide ? "utf-16le" : wideBig ? "utf-16be" : "latin1";
  const text = new TextDecoder(label).decode(head);
  let start = 0;
  while (start < text.length && LEADING.has(text.charAt(start))) start++;
  return text.slice(start);
}

/** The first line is a JSON object of its own, or starts as one, and another follows. */
function isNdjson(text: string, goesOn: boolean): boolean {
  const end = text.search(/[\r\n]/);
  if (end < 0) return false;
  const rest = text.slice(end).trimStart();
  if (rest === "" ? !goesOn : !rest.startsWith("{")) return false;
  return isObject(parse(text.slice(0, end))) || text.startsWith('{"resourceType"');
}

function sniffResource(bytes: Buffer): Sniffed {
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  const value = parse(text);
  // What is broken is sent all the same: ingest says where it breaks.
  const type = value === undefined ? DECLARED_TYPE.exec(text.slice(0, HEAD_BYTES))?.[1] : typeOf(value);
  if (type === undefined) return { kind: "refused", reason: NEITHER, at: "resourceType" };
  return { kind: "fhir", resourceType: type, bytes };
}

function typeOf(value: unknown): string | undefined {
  const type = isObject(value) ? value["resourceType"] : undefined;
  return typeof type === "string" ? type : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
