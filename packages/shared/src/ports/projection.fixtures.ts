/** Blocks to feed a projection in tests: the same for the same arguments, with real leaves, trees and roots. */
import { BATCH_FORMAT, type Batch, NO_BATCH } from "../model/batch.ts";
import { hex, sha256, utf8 } from "../model/bytes.ts";
import { canonicalBytes } from "../model/canonical.ts";
import { leafHash, merkleLevels } from "../model/merkle.ts";
import type { BlockUpdate, Derivation, Facet, Incident, ProjectedBatch, ProjectedEvent } from "./projection.ts";

export const OWNER = "PlatformMSP";

/** What a test says of an event; the rest follows from its name. */
export interface SampleEvent {
  readonly name: string;
  readonly institution?: string;
  readonly at?: string;
  readonly recipients?: readonly string[];
  readonly facets?: readonly Facet[];
  readonly derivations?: readonly Derivation[];
  readonly joins?: readonly (readonly [string, string])[];
  /** Source digest; the same name with another one is a conflict. */
  readonly digest?: string;
}

export function sampleId(name: string): string {
  return hex(sha256(utf8(name)));
}

/** Bytes differ with every offset, as a message that is sealed again differs. */
function projected(sample: SampleEvent, index: number, offset: number): ProjectedEvent {
  const id = sampleId(sample.name);
  const institution = sample.institution ?? "hospital-a";
  const digest = sample.digest ?? `hmac-sha256:${sampleId(`digest ${sample.name}`)}`;
  return {
    id,
    index,
    offset,
    bytes: canonicalBytes({
      format: 1,
      id,
      institution,
      source: { digest },
      nonce: sampleId(`${sample.name} ${offset}`),
    }),
    institution,
    recipients: sample.recipients ?? [],
    at: sample.at ?? "2026-01-01T00:00:00.000Z",
    facets: sample.facets ?? [],
    derivations: sample.derivations ?? [],
    joins: sample.joins ?? [],
  };
}

/** A verified batch of these events; its range starts at `sequence * 1000`. */
export function sampleBatch(stream: string, sequence: number, samples: readonly SampleEvent[]): ProjectedBatch {
  const first = sequence * 1000;
  const events = samples.map((sample, i) => projected(sample, i, first + i));
  const levels = merkleLevels(events.map((event) => leafHash(event.bytes)));
  const batch: Batch = {
    format: BATCH_FORMAT,
    stream,
    sequence,
    first,
    end: first + Math.max(events.length, 1),
    count: Math.max(events.length, 1),
    root: hex(levels.at(-1)?.[0] ?? new Uint8Array(32)),
    previous: sequence === 0 ? NO_BATCH : sampleId(`${stream} ${sequence - 1}`),
  };
  const transaction = sampleId(`transaction ${stream} ${sequence}`);
  const tree = Buffer.concat(levels.flat());
  return { owner: OWNER, batch, transaction, verified: true, tree, events, incidents: [] };
}

/** A batch whose range did not give the ledger's root. */
export function refutedBatch(stream: string, sequence: number, detail: string): ProjectedBatch {
  const batch = sampleBatch(stream, sequence, []);
  const ref = { owner: OWNER, stream, sequence };
  const incidents: Incident[] = [{ kind: "root-mismatch", batch: ref, detail }];
  return { ...batch, verified: false, tree: new Uint8Array(0), incidents };
}

export function blockOf(number: number, ...batches: readonly ProjectedBatch[]): BlockUpdate {
  return { number, hash: sampleId(`block ${number}`), batches };
}

/** Numbers from 0 up to `below`, the same for the same seed (a linear congruential generator, modulus 2^31). */
export function sampleRandom(seed: number): (below: number) => number {
  let state = (seed * 2_654_435_761 + 12_345) % 2_147_483_648;
  return (below) => {
    state = (state * 1_103_515 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

const INSTITUTIONS = ["hospital-a", "hospital-b", "laboratory", "platform"];

/** A random event over few names, so that much is shared; now and then the name of an earlier event. */
export function randomEvent(random: (below: number) => number, name: string): SampleEvent {
  const pick = (names: readonly string[]): string => names[random(names.length)] as string;
  const token = (): string => `token-${random(8)}`;
  const record = (): string => `hospital-a/Observation/${random(12)}`;
  const [from, to] = [record(), record()];
  return {
    name,
    institution: pick(INSTITUTIONS),
    at: new Date(Date.UTC(2026, 0, 1) + random(20) * 60_000).toISOString(),
    recipients: random(3) === 0 ? [pick(INSTITUTIONS), `unknown partner ${random(3)}`] : [],
    facets: [
      { kind: "record", value: from },
      { kind: "record", value: to },
      { kind: "agent", value: `hospital-a/Practitioner/${random(5)}` },
      { kind: "subject", value: token() },
      ...(name.endsWith("7") ? [{ kind: "system", value: "*" } as const] : []),
    ],
    derivations: random(3) === 0 && from !== to ? [{ from, to, relation: "wasDerivedFrom" }] : [],
    joins: random(20) === 0 ? [["token-0", `token-${1 + random(7)}`]] : [],
    ...(random(10) === 0 ? { digest: `hmac-sha256:${sampleId(`other ${random(1000)}`)}` } : {}),
  };
}

export const BUSY_BLOCK_EVENTS = 50;

/** Block `number` of an endless ledger: two batches, some events of which were in blocks before. */
export function busyBlock(number: number): BlockUpdate {
  const random = sampleRandom(number);
  const half = (stream: string): ProjectedBatch => {
    const samples = Array.from({ length: BUSY_BLOCK_EVENTS / 2 }, (_, i) => {
      const again = random(10) === 0;
      return randomEvent(random, again ? `event ${random(number + 1)} ${i}` : `event ${number} ${i} ${stream}`);
    });
    return sampleBatch(stream, number, samples);
  };
  return blockOf(number, half("log-0"), half("log-1"));
}
