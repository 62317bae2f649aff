/** The embedded vault: two SQLite files in a folder, one for subjects and keys, one for receipts. */
import type { DataKeyRequest, IdentifyRequest, KeyProvider, Vault } from "@medtrace/shared/ports/vault";
import { SharedRun } from "../../shared-run.ts";
import { Receipts } from "./receipts.ts";
import { Subjects } from "./subjects.ts";

export interface EmbeddedVaultOptions {
  readonly folder: string;
  readonly keys: KeyProvider;
  /** Each file may not outgrow this many pages of 4,096 bytes. */
  readonly pages_max?: number;
}

/** Opens the vault in a folder, made where there is none. */
export async function openEmbeddedVault({ folder, keys, pages_max }: EmbeddedVaultOptions): Promise<Vault> {
  const subjects = new Subjects(folder, keys, pages_max);
  const receipts = new Receipts(folder, pages_max);
  const identified = new SharedRun((calls: readonly (readonly IdentifyRequest[])[]) =>
    inOne(calls, (all) => subjects.identify(all)),
  );
  const keyed = new SharedRun((calls: readonly (readonly DataKeyRequest[])[]) =>
    inOne(calls, (all) => subjects.dataKeys(all)),
  );
  let open = true;
  return {
    identify: async (requests) => subjects.remembered(requests) ?? identified.submit(requests),
    lookup: async (institution, identifier) => subjects.lookup(institution, identifier),
    dataKeys: async (requests) => subjects.rememberedKeys(requests) ?? keyed.submit(requests),
    dataKey: async (request) => subjects.dataKey(request),
    erase: async (institution, token) => subjects.erase(institution, token),
    receipts: async (ids) => receipts.find(ids),
    remember: async (made, watermarks) => receipts.remember(made, watermarks),
    watermarks: async () => receipts.watermarks(),
    ping: async () => subjects.ping(),
    async [Symbol.asyncDispose]() {
      if (!open) return;
      open = false;
      for (const run of [identified, keyed]) run.flush();
      subjects[Symbol.dispose]();
      receipts[Symbol.dispose]();
    },
  };
}

/** Several calls' items as one call, its results parted again. */
function inOne<In, Out>(
  calls: readonly (readonly In[])[],
  run: (all: readonly In[]) => readonly Out[],
): (readonly Out[])[] {
  const results = run(calls.flat());
  let from = 0;
  return calls.map(({ length }) => {
    from += length;
    return results.slice(from - length, from);
  });
}
