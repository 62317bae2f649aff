/** The embedded vault: two SQLite files in a folder, one for subjects and keys, one for receipts. */
import type { KeyProvider, Vault } from "@medtrace/shared/ports/vault";
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
  let open = true;
  return {
    identify: async (requests) => subjects.identify(requests),
    lookup: async (institution, identifier) => subjects.lookup(institution, identifier),
    dataKeys: async (requests) => subjects.dataKeys(requests),
    dataKey: async (request) => subjects.dataKey(request),
    erase: async (institution, token) => subjects.erase(institution, token),
    receipts: async (ids) => receipts.find(ids),
    remember: async (noted, watermarks) => receipts.remember(noted, watermarks),
    watermarks: async () => receipts.watermarks(),
    ping: async () => subjects.ping(),
    async [Symbol.asyncDispose]() {
      if (!open) return;
      open = false;
      subjects[Symbol.dispose]();
      receipts[Symbol.dispose]();
    },
  };
}
