/** What every route works with. */
import type { Logger } from "@medtrace/service-kit/log";
import type { Cache } from "@medtrace/shared/ports/cache";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import type { Projection } from "@medtrace/shared/ports/projection";
import type { KeyProvider, Vault } from "@medtrace/shared/ports/vault";
import type { AuditTrail } from "./audit/trail.ts";
import type { QuerySettings } from "./config.ts";
import type { Feed } from "./feed.ts";
import type { ProjectorStatus } from "./projector/status.ts";
import type { EventVerifier } from "./verified.ts";

export interface QueryContext {
  readonly projection: Projection;
  readonly ledger: Ledger;
  readonly vault: Vault;
  readonly cache: Cache;
  readonly keys: KeyProvider;
  readonly verifier: EventVerifier;
  readonly standing: () => Promise<Standing>;
  readonly trail: AuditTrail;
  readonly feed: Feed;
  readonly projectorStatus: () => ProjectorStatus;
  readonly settings: QuerySettings;
  readonly log: Logger;
}

/** How far an answer goes. */
export interface Standing {
  /** Blocks that are projected; an answer is true for these. */
  readonly height: number;
  /** Blocks that the ledger has. */
  readonly ledgerHeight: number;
  /** Blocks that are not projected yet. */
  readonly lag: number;
}

/** Reads how far projection and ledger are. Those who ask at once share one call to the ledger. */
export function createStanding(projection: Projection, ledger: Ledger): () => Promise<Standing> {
  let asked: Promise<number> | undefined;
  return async () => {
    asked ??= ledger.height().finally(() => {
      asked = undefined;
    });
    const known = await asked;
    const height = ((await projection.checkpoint())?.block ?? -1) + 1;
    const ledgerHeight = Math.max(known, height);
    return { height, ledgerHeight, lag: ledgerHeight - height };
  };
}
