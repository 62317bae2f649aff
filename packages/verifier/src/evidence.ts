/**
 * The shapes of evidence, format 1, read exactly: a member that is missing, unknown or of another type is refused, so
 * that nothing in the file goes unread. In words: docs/evidence.md.
 */
import { type Json, type JsonObject, parseStrict } from "./strict.ts";
import { type EventFacts, Fault, type FeedFacts } from "./verdict.ts";

export const EVIDENCE_FORMAT = "medtrace-evidence/1";
/** A larger file is not read at all. */
export const FILE_BYTES_MAX: number = 64 * 1024 * 1024;
const ITEMS_MAX = 100_000;
/** No tree of fewer than 2^53 leaves is higher. */
const PATH_MAX = 53;
const CAS_MAX = 100;

export interface Evidence {
  readonly format: string;
  readonly events: readonly EvidenceEvent[];
  readonly batches: readonly Anchored[];
  readonly ledger: EmbeddedProof | FabricProof;
}

export interface EmbeddedProof {
  readonly kind: "embedded";
  readonly checkpoint: string;
  readonly key: string;
  readonly blocks: readonly { readonly block: string; readonly path: readonly string[] }[];
}

export interface FabricProof {
  readonly kind: "fabric";
  /** One for each of `batches`, in their order: envelopes in base64. */
  readonly anchors: readonly { readonly transaction: string; readonly read: string }[];
}

/** The organisations of a Fabric channel, as the reader trusts them beforehand. */
export interface FabricTrust {
  readonly channel: string | undefined;
  readonly chaincode: string | undefined;
  readonly organisations: Readonly<Record<string, TrustedOrganisation>>;
}

export interface TrustedOrganisation {
  /** CA certificates, PEM. */
  readonly roots: readonly string[];
  readonly intermediates: readonly string[];
  /** When it joined the channel, RFC 3339 in UTC; undefined: at the beginning. */
  readonly since: string | undefined;
}

export interface EvidenceEvent {
  readonly event: string;
  readonly batch: number;
  readonly index: number;
  readonly path: readonly string[];
}

/** A batch, and who anchored it. */
export interface Anchored {
  readonly owner: string;
  readonly batch: Batch;
}

export interface Batch {
  readonly format: number;
  readonly stream: string;
  readonly sequence: number;
  readonly first: number;
  readonly end: number;
  readonly count: number;
  readonly root: string;
  readonly previous: string;
}

export interface Block {
  readonly format: number;
  readonly number: number;
  readonly previous: string;
  readonly transactions: readonly (Anchored & { readonly id: string })[];
}

/** A reader gives what it finds at a place of the file, or throws a Fault that names the place. */
type Read<T> = (value: Json | undefined, at: string) => T;

const text: Read<string> = (value, at) => {
  if (typeof value !== "string") throw new Fault(at, "a string is expected here");
  return value;
};

const matching =
  (pattern: RegExp, expected: string): Read<string> =>
  (value, at) => {
    if (!pattern.test(text(value, at))) throw new Fault(at, `${expected} expected here`);
    return value as string;
  };

const word =
  <W extends string>(only: W): Read<W> =>
  (value, at) => {
    if (value !== only) throw new Fault(at, `${JSON.stringify(only)} is expected here`);
    return only;
  };

const hash = matching(/^[0-9a-f]{64}$/, "64 lower-case hex digits are");
const name = matching(/^[A-Za-z0-9._-]{1,64}$/, "1 to 64 of A-Z a-z 0-9 . _ - are");

const whole: Read<number> = (value, at) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Fault(at, "a whole number is expected here");
  return value as number;
};

/** A format number, of which only 1 is known. */
const one: Read<number> = (value, at) => {
  if (whole(value, at) !== 1) throw new Fault(at, `format ${value} is not known here, only 1`, "cannot-tell");
  return 1;
};

const list =
  <T>(read: Read<T>, itemsMin = 1, itemsMax = ITEMS_MAX): Read<readonly T[]> =>
  (value, at) => {
    if (!Array.isArray(value)) throw new Fault(at, "an array is expected here");
    if (value.length >= itemsMin && value.length <= itemsMax) return value.map((item, i) => read(item, `${at}[${i}]`));
    throw new Fault(at, `${itemsMin} to ${itemsMax} items are expected here`);
  };

type Fields<T> = { readonly [K in keyof T]: Read<T[K]> };

/** An object with at least these members; the others are let be. */
const atLeast =
  <T>(fields: Fields<T>): Read<T> =>
  (value, at) => {
    if (!isObject(value)) throw new Fault(at || "the file", "an object is expected here");
    const members = Object.entries<Read<unknown>>(fields);
    return Object.fromEntries(members.map(([key, read]) => [key, read(value[key], at ? `${at}.${key}` : key)])) as T;
  };

/** An object of these members and no others. */
const exactly =
  <T>(fields: Fields<T>): Read<T> =>
  (value, at) => {
    const spare = Object.keys(isObject(value) ? value : {}).find((key) => !Object.hasOwn(fields, key));
    if (spare !== undefined) throw new Fault(at || "the file", `${JSON.stringify(spare)} is not part of this format`);
    return atLeast(fields)(value, at);
  };

const optional =
  <T>(read: Read<T>): Read<T | undefined> =>
  (value, at) =>
    value === undefined ? undefined : read(value, at);

/** An object whose members' names nobody knows beforehand. */
const record =
  <T>(names: Read<string>, read: Read<T>): Read<Readonly<Record<string, T>>> =>
  (value, at) => {
    if (!isObject(value)) throw new Fault(at, "an object is expected here");
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [names(key, at), read(member, `${at}.${key}`)]),
    );
  };

const path = list(hash, 0, PATH_MAX);

const batch = exactly<Batch>({
  format: whole,
  stream: name,
  sequence: whole,
  first: whole,
  end: whole,
  count: whole,
  root: hash,
  previous: hash,
});

const embedded = exactly<EmbeddedProof>({
  kind: word("embedded"),
  checkpoint: text,
  key: text,
  blocks: list(exactly<EmbeddedProof["blocks"][number]>({ block: text, path })),
});

const fabric = exactly<FabricProof>({
  kind: word("fabric"),
  anchors: list(exactly<FabricProof["anchors"][number]>({ transaction: text, read: text })),
});

const evidence = exactly<Evidence>({
  format: text,
  events: list(exactly<EvidenceEvent>({ event: text, batch: whole, index: whole, path })),
  batches: list(exactly<Anchored>({ owner: name, batch })),
  ledger: (value, at) => (isObject(value) && value["kind"] === "fabric" ? fabric(value, at) : embedded(value, at)),
});

const time = matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/, "a time in UTC is");

/** Reads the reader's own word on a Fabric channel; throws Fault. */
export const readFabricTrust: (value: Json, at: string) => FabricTrust = exactly<FabricTrust>({
  channel: optional(text),
  chaincode: optional(text),
  organisations: record(
    name,
    exactly<TrustedOrganisation>({
      roots: list(text, 0, CAS_MAX),
      intermediates: list(text, 0, CAS_MAX),
      since: optional(time),
    }),
  ),
});

/** Reads what the world state holds of a batch, from its parsed text; throws Fault. */
export const readEntry: (value: Json, at: string) => { readonly batch: Batch; readonly transaction: string } = exactly({
  batch,
  transaction: hash,
});

/** Reads a block from its parsed text; throws Fault. */
export const readBlock: (value: Json, at: string) => Block = exactly<Block>({
  format: one,
  number: whole,
  previous: hash,
  transactions: list(exactly<Anchored & { readonly id: string }>({ id: hash, owner: name, batch })),
});

/** The number that a block gives itself, its leaf index in the checkpoint's tree; throws Fault. */
export const readBlockNumber: (value: Json, at: string) => { readonly number: number } = atLeast({ number: whole });

/** What an event of format 1 tells. Its other members are not judged: the leaf hash covers them all. Throws Fault. */
export const readFacts: (value: Json, at: string) => EventFacts = atLeast<EventFacts>({
  format: one,
  id: hash,
  institution: text,
  source: atLeast({ type: text }),
  activity: atLeast({ kind: text }),
  outcome: text,
  occurred: optional(atLeast({ start: atLeast({ given: text }), end: optional(atLeast({ given: text })) })),
  recorded: atLeast({ given: text }),
  received: atLeast({ given: text }),
  feed: optional(
    atLeast<FeedFacts>({
      entry: text,
      system: text,
      process: text,
      place: whole,
      messages: whole,
      repeated: whole,
      lastMessage: optional(text),
      numbers: optional(atLeast({ taken: list(list(whole, 2, 2), 0) })),
    }),
  ),
  agents: list(atLeast({ id: text }), 0),
  records: list(atLeast({ id: text, role: text }), 0),
});

/**
 * Reads an evidence file, its text or its bytes.
 *
 * @throws Fault `refuted` where a file of this format breaks it, `cannot-tell` where it is of no format known here.
 */
export function readEvidence(file: string | Uint8Array): Evidence {
  if (file.length > FILE_BYTES_MAX) throw new Fault("the file", `larger than ${FILE_BYTES_MAX} bytes`, "cannot-tell");
  const content = typeof file === "string" ? file : new TextDecoder("utf-8", { ignoreBOM: true }).decode(file);
  try {
    if (typeof file !== "string") refuseBrokenUtf8(file);
    const value = parseStrict(content, "");
    refuseUnknownFormat(value);
    return evidence(value, "");
  } catch (fault) {
    // A file that does not even claim to be of this format is not bad evidence: it may be anything.
    if (!(fault instanceof Fault) || content.includes(`"${EVIDENCE_FORMAT}"`)) throw fault;
    throw new Fault(fault.at, `not evidence of format ${EVIDENCE_FORMAT}: ${fault.message}`, "cannot-tell");
  }
}

function refuseUnknownFormat(value: Json): void {
  const { format, ledger } = isObject(value) ? value : {};
  if (format !== EVIDENCE_FORMAT) throw new Fault("format", "a format not known here", "cannot-tell");
  const kind = isObject(ledger) ? ledger["kind"] : undefined;
  if (typeof kind !== "string" || kind === "embedded" || kind === "fabric") return;
  throw new Fault("ledger.kind", "a kind of ledger not known here; a newer verifier may know it", "cannot-tell");
}

function refuseBrokenUtf8(file: Uint8Array): void {
  try {
    new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(file);
  } catch {
    throw new Fault("the file", "bytes that are not UTF-8");
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
