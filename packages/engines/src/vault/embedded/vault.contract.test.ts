import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { vaultContract } from "@medtrace/shared/ports/vault.contract";
import type { VaultStorage } from "@medtrace/shared/ports/vault.contract.kit";
import { temporaryFolder } from "../../testing/folder.ts";
import { openVault } from "../open.ts";

vaultContract("embedded", {
  module: new URL("../open.ts", import.meta.url),
  async create(): Promise<VaultStorage> {
    const folder = await temporaryFolder();
    const url = `embedded:${folder.path}`;
    return {
      url,
      open: (keys) => openVault(url, keys),
      async bytesAtRest() {
        const names = await readdir(folder.path);
        return Buffer.concat(await Promise.all(names.map((name) => readFile(join(folder.path, name)))));
      },
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  },
});
