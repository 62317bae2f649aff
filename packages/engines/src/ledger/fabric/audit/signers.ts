/** Whether a signature is of an identity that one of the channel's organisations has certified. */
import { type KeyObject, verify, X509Certificate } from "node:crypto";
import type { Organisations } from "../configuration.ts";
import type { FabricIdentity, Signed } from "./envelope.ts";

/** Identities are few, and each signs often. */
const KNOWN_MAX = 10_000;

interface Certified {
  readonly key: KeyObject;
  /** The certificate's OUs, which node OUs tell roles by. */
  readonly units: ReadonlySet<string>;
}

export class Signers {
  readonly mspIds: readonly string[];
  readonly #authorities: ReadonlyMap<string, readonly X509Certificate[]>;
  readonly #known: Map<string, Certified | string> = new Map();

  constructor(organisations: Organisations) {
    this.mspIds = Object.keys(organisations).sort();
    this.#authorities = new Map(
      Object.entries(organisations).map(([mspId, { roots, intermediates }]) => [
        mspId,
        [...roots, ...intermediates].map((pem) => new X509Certificate(pem)),
      ]),
    );
  }

  /**
   * Why the signature proves nothing, in words; undefined where it holds.
   *
   * @param unit the OU that the certificate must have, such as `peer`
   */
  fault({ identity, message, signature }: Signed, unit?: string): string | undefined {
    const certified = this.#certified(identity);
    if (typeof certified === "string") return certified;
    if (unit !== undefined && !certified.units.has(unit)) return `the certificate is no ${unit}'s of ${identity.mspId}`;
    // An identity that was looked up holds a certificate, so this cannot throw for its key.
    if (verify("sha256", message, certified.key, signature)) return undefined;
    return `the signature is not ${identity.mspId}'s`;
  }

  #certified({ mspId, certificate }: FabricIdentity): Certified | string {
    const name = `${mspId} ${Buffer.from(certificate).toString("latin1")}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    const found = this.#look(mspId, certificate);
    this.#known.set(name, found);
    return found;
  }

  #look(mspId: string, certificate: Uint8Array): Certified | string {
    const authorities = this.#authorities.get(mspId);
    if (authorities === undefined) return `${JSON.stringify(mspId.slice(0, 64))} is no organisation of the channel`;
    try {
      const read = new X509Certificate(certificate);
      if (!authorities.some((ca) => read.checkIssued(ca) && read.verify(ca.publicKey))) {
        return `no CA of ${mspId} issued the certificate`;
      }
      const units = [...read.subject.matchAll(/^OU=(.*)$/gm)].map((match) => match[1] as string);
      return { key: read.publicKey, units: new Set(units) };
    } catch {
      return `what ${mspId} signs with is no certificate`;
    }
  }
}
