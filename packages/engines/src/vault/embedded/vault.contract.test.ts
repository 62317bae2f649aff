import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vaultContract } from "@medtrace/shared/ports/vault.contract";
import type { VaultStorage } from "@medtrace/shared/ports/vault.contract.kit";
import { openVault } from "../open.ts";

vaultContract("embedded", {
  module: new URL("../open.ts", import.meta.url),
  async create(): Promise<VaultStorage> {
    const folder = await mkdtemp(join(tmpdir(), "medtrace-vault-"));
    const url = `embedded:${folder}`;
    return {
      url,
      open: (keys) => openVault(url, keys),
      async bytesAtRest() {
        const names = await readdir(folder);
        return Buffer.concat(await Promise.all(names.map((name) => readFile(join(folder, name)))));
      },
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
    };
  },
});
