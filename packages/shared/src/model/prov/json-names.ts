/** Names and values as PROV-JSON writes them (sections 2.1 to 2.3 of the submission), read from hostile input. */
import { type ErrorCode, MedtraceError } from "../../errors.ts";
import type { ProvValue } from "./document.ts";
import { PROV_NAMESPACES, type QualifiedName, term } from "./names.ts";

/** Most characters of a name, a prefix' namespace, or a language. */
const NAME_CHARACTERS_MAX = 2_048;
const PREFIXES_MAX = 1_000;

/** What PN_PREFIX of PROV-N and NCName of XML have in common, so that every form can write it. */
const PREFIX = /^[\p{L}][\p{L}\p{N}_.-]{0,127}(?<!\.)$/u;
/** RFC 3987's ucschar and below, without what no IRI holds. */
const IRI_PART = /^[^\s<>"{}|\\^`\p{Cc}\p{Cn}\p{Cs}]*$/u;
const LANGUAGE = /^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,15}$/;
const XML_SCHEMA = /^http:\/\/www\.w3\.org\/2001\/XMLSchema#?$/;
/** Types of names; `xsd:QName` is what other writers use. */
const NAME_TYPES: ReadonlySet<string> = new Set(["prov:QUALIFIED_NAME", "xsd:QName"]);

/** A refusal that tells the place and repeats nothing of what stands there. */
export function refusal(at: string, message: string, hint: string, code: ErrorCode = "INPUT_INVALID"): MedtraceError {
  return new MedtraceError(code, message, { at, hint });
}

/** Namespaces of a document and its bundles under prefixes that mean one thing throughout. */
export class Namespaces {
  readonly #byPrefix = new Map<string, string>();
  readonly #byNamespace = new Map<string, string>();

  /** Namespaces by prefix, without PROV's own. */
  get all(): ReadonlyMap<string, string> {
    return this.#byPrefix;
  }

  /** The prefix that stands for the namespace in the whole document: the wanted one, unless it is taken. */
  prefixOf(namespace: string, wanted: string, at: string): string {
    const known = this.#byNamespace.get(namespace);
    if (known !== undefined) return known;
    if (this.#byPrefix.size >= PREFIXES_MAX) {
      throw refusal(at, `more than ${PREFIXES_MAX} namespaces`, "send fewer at once", "INPUT_TOO_LARGE");
    }
    let prefix = wanted;
    for (let n = 1; this.#byPrefix.has(prefix); n++) prefix = `${wanted}_${n}`;
    this.#byPrefix.set(prefix, namespace);
    this.#byNamespace.set(namespace, prefix);
    return prefix;
  }
}

/** Reads names within the reach of the prefixes that a document, or a bundle of it, declares. */
export class NameReader {
  readonly #namespaces: Namespaces;
  readonly #prefixes: Map<string, string>;

  private constructor(namespaces: Namespaces, prefixes: Map<string, string>) {
    this.#namespaces = namespaces;
    this.#prefixes = prefixes;
  }

  static of(namespaces: Namespaces): NameReader {
    return new NameReader(namespaces, new Map(Object.entries(PROV_NAMESPACES)));
  }

  /** @throws MedtraceError INPUT_INVALID for what is no prefix or no namespace. */
  within(declared: unknown, at: string): NameReader {
    const prefixes = new Map(this.#prefixes);
    for (const [i, [prefix, namespace]] of Object.entries(objectOf(declared ?? {}, at)).entries()) {
      const where = `${at}[${i}]`;
      if (!PREFIX.test(prefix)) throw refusal(where, "this is no prefix", "letters, digits, dots and hyphens");
      if (typeof namespace !== "string" || namespace.length > NAME_CHARACTERS_MAX || !IRI_PART.test(namespace)) {
        throw refusal(where, "this is no namespace", "an IRI");
      }
      if (prefix === "prov" || prefix === "xsd") {
        if (namespace === PROV_NAMESPACES[prefix] || (prefix === "xsd" && XML_SCHEMA.test(namespace))) continue;
        throw refusal(where, "prov and xsd can not mean anything else", "choose another prefix");
      }
      prefixes.set(prefix, namespace);
      this.#namespaces.prefixOf(namespace, prefix, where);
    }
    return new NameReader(this.#namespaces, prefixes);
  }

  /** `prefix:local`, or a local name in the namespace that `default` stands for. */
  name(text: unknown, at: string): QualifiedName {
    if (typeof text !== "string" || text === "" || text.length > NAME_CHARACTERS_MAX || !IRI_PART.test(text)) {
      throw refusal(at, "this is no qualified name", "prefix:local");
    }
    const colon = text.indexOf(":");
    const prefix = colon < 0 ? "default" : text.slice(0, colon);
    const local = text.slice(colon + 1);
    const namespace = this.#prefixes.get(prefix);
    if (namespace === undefined) throw refusal(at, "the prefix is not declared", "declare it under `prefix`");
    if (prefix === "prov" || prefix === "xsd") return term(prefix, local);
    return { prefix: this.#namespaces.prefixOf(namespace, prefix, at), local };
  }

  /** One value of an attribute. */
  value(given: unknown, at: string): ProvValue {
    if (typeof given === "string") return wellFormed(given, at);
    if (typeof given === "boolean") return { text: String(given), type: term("xsd", "boolean") };
    if (typeof given === "number") {
      return { text: String(given), type: term("xsd", Number.isSafeInteger(given) ? "integer" : "double") };
    }
    const { $, type, lang, ...more } = objectOf(given, at) as Record<string, unknown>;
    const text = typeof $ === "number" || typeof $ === "boolean" ? String($) : $;
    if (typeof text !== "string" || Object.keys(more).length > 0) {
      throw refusal(at, "this is no value", 'a text, or {"$": text} with "type" or "lang"');
    }
    if (lang !== undefined) {
      if (typeof lang !== "string" || !LANGUAGE.test(lang))
        throw refusal(at, "this is no language", "BCP 47, as fr-CA");
      return { text: wellFormed(text, at), language: lang };
    }
    if (type === undefined || type === "xsd:string") return wellFormed(text, at);
    if (typeof type === "string" && NAME_TYPES.has(type)) return { name: this.name(text, at) };
    return { text: wellFormed(text, at), type: this.name(type, at) };
  }
}

/** @throws MedtraceError INPUT_INVALID where it is no JSON object. */
export function objectOf(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw refusal(at, "this must be an object", "see the W3C submission on PROV-JSON");
}

function wellFormed(text: string, at: string): string {
  if (text.isWellFormed()) return text;
  throw refusal(at, "half a character stands here", "write characters beyond U+FFFF as a pair");
}
