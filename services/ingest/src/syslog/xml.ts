/**
 * A small, well-formed XML document as a tree (XML 1.0, fifth edition). Anything that could make a short document long,
 * or lead outside of it, is refused: there is no document type, so no entity but the five that XML has.
 */
import { type ErrorCode, MedtraceError } from "@medtrace/shared/errors";
import { type SaxesOptions, SaxesParser } from "saxes";
import { XML_LIMITS } from "./limits.ts";

export interface XmlElement {
  /** Without its prefix. */
  readonly name: string;
  /** By name, without namespaces: audit messages have none. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** Its own text, without that of its children. */
  readonly text: string;
}

interface Open {
  readonly name: string;
  readonly attributes: Map<string, string>;
  readonly children: XmlElement[];
  text: string;
}

/** Encodings that an XML declaration may name; by RFC 5424, 6.4 the MSG part is UTF-8. */
const DECODERS: ReadonlyMap<string, string> = new Map([
  ["utf-8", "utf-8"],
  ["utf8", "utf-8"],
  ["us-ascii", "utf-8"],
  ["ascii", "utf-8"],
  ["iso-8859-1", "windows-1252"],
  ["latin1", "windows-1252"],
  ["windows-1252", "windows-1252"],
]);
const DECLARED = /^\s*<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']/;
const DECLARATION_BYTES_MAX = 256;

/**
 * The root element of a document.
 *
 * @throws MedtraceError INPUT_MALFORMED where it is not well-formed, INPUT_UNSUPPORTED for a document type or another
 * encoding, INPUT_TOO_LARGE over {@link XML_LIMITS}. None of them repeats what the document says.
 */
export function readXml(bytes: Uint8Array): XmlElement {
  const reader = new Reader();
  reader.read(decode(bytes));
  return reader.root;
}

class Reader {
  readonly #parser = new SaxesParser<SaxesOptions>({ xmlns: false, position: true });
  readonly #open: Open[] = [];
  #elements = 0;
  #attributes = 0;
  #root: XmlElement | undefined;

  constructor() {
    const parser = this.#parser;
    // The parser's own words quote the document.
    parser.on("error", () => this.#refuse("INPUT_MALFORMED", "it is not well-formed XML"));
    parser.on("doctype", () => this.#refuse("INPUT_UNSUPPORTED", "it has a document type, and none is taken"));
    parser.on("opentagstart", ({ name }) => this.#start(name));
    parser.on("attribute", ({ name, value }) => this.#attribute(name, value));
    parser.on("text", (text) => this.#text(text));
    parser.on("cdata", (text) => this.#text(text));
    parser.on("closetag", () => this.#end());
  }

  get root(): XmlElement {
    if (this.#root === undefined) throw this.#refusal("INPUT_MALFORMED", "it holds no element");
    return this.#root;
  }

  read(text: string): void {
    this.#parser.write(text).close();
  }

  #start(name: string): void {
    this.#attributes = 0;
    if (++this.#elements > XML_LIMITS.elementsMax) this.#tooLarge(`more than ${XML_LIMITS.elementsMax} elements`);
    if (this.#open.length === XML_LIMITS.depthMax) this.#tooLarge(`elements more than ${XML_LIMITS.depthMax} deep`);
    this.#open.push({ name: name.slice(name.indexOf(":") + 1), attributes: new Map(), children: [], text: "" });
  }

  #attribute(name: string, value: string): void {
    if (++this.#attributes > XML_LIMITS.attributesMax) {
      this.#tooLarge(`an element of more than ${XML_LIMITS.attributesMax} attributes`);
    }
    this.#open.at(-1)?.attributes.set(name, value);
  }

  #text(text: string): void {
    const element = this.#open.at(-1);
    if (element !== undefined) element.text += text;
  }

  #end(): void {
    const element = this.#open.pop();
    if (element === undefined) return;
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root = element;
    else parent.children.push(element);
  }

  #tooLarge(what: string): void {
    this.#refuse("INPUT_TOO_LARGE", `it has ${what}`);
  }

  #refuse(code: ErrorCode, message: string): void {
    throw this.#refusal(code, message);
  }

  #refusal(code: ErrorCode, message: string): MedtraceError {
    const at = `MSG, line ${this.#parser.line} column ${this.#parser.column}`;
    return new MedtraceError(code, message, { at, hint: "send a DICOM audit message (PS3.15 A.5) as plain XML" });
  }
}

function decode(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, DECLARATION_BYTES_MAX));
  const declared = DECLARED.exec(head.toString("latin1"))?.[1] ?? "utf-8";
  const encoding = DECODERS.get(declared.toLowerCase());
  if (encoding === undefined) {
    throw new MedtraceError("INPUT_UNSUPPORTED", "its encoding is not taken", {
      at: "MSG",
      hint: "encode audit messages in UTF-8",
    });
  }
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new MedtraceError("INPUT_MALFORMED", "it is not text in the encoding that it claims", {
      at: "MSG",
      hint: "encode audit messages in UTF-8",
      cause,
    });
  }
}
