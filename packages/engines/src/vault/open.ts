/** The vault behind a URL. Engines are loaded when they are asked for. */
import { MedtraceError } from "@medtrace/shared/errors";
import type { KeyProvider, Vault } from "@medtrace/shared/ports/vault";

/**
 * Opens `embedded:FOLDER`, or `mongodb://HOST:PORT/DATABASE?replicaSet=NAME`.
 *
 * @throws MedtraceError CONFIGURATION for another scheme, and what the engine throws.
 */
export async function openVault(url: string, keys: KeyProvider): Promise<Vault> {
  if (url.startsWith("embedded:") && url.length > "embedded:".length) {
    const { openEmbeddedVault } = await import("./embedded/vault.ts");
    return openEmbeddedVault({ folder: url.slice("embedded:".length), keys });
  }
  if (url.startsWith("mongodb://")) {
    const { MongodbVault } = await import("./mongodb/vault.ts");
    return MongodbVault.open(url, keys);
  }
  throw new MedtraceError("CONFIGURATION", "no vault engine for this URL", {
    at: "VAULT_URL",
    hint: "embedded:FOLDER or mongodb://HOST:PORT/DATABASE",
  });
}
