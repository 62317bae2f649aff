/** A Fabric network of a test's own, whose membership and chaincode may be changed. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseFabricUrl } from "../address.ts";
import { type FabricSettings, fabricSettings } from "../config.ts";
import { FabricLedger } from "../ledger.ts";

const SCRIPTS = new URL("../../../../../../infra/fabric/", import.meta.url);
/** Below the ports that systems give out by themselves. */
const BASES = { first: 18_000, count: 14, step: 1_000 };

type Script = "up.sh" | "down.sh" | "add-institution.sh" | "upgrade.sh" | "rebuild-peer.sh";

export class OwnNetwork implements AsyncDisposable {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  #settings: Readonly<Record<string, string>> = {};

  private constructor(folder: string, base: number) {
    this.#folder = folder;
    this.#env = {
      // biome-ignore lint/style/noProcessEnv: the network's executables are on PATH
      ...process.env,
      MEDTRACE_FABRIC_RUN: join(folder, "run"),
      MEDTRACE_FABRIC_ENV: join(folder, "fabric.env"),
      FABRIC_PORT_BASE: `${base}`,
    };
  }

  static async start(): Promise<OwnNetwork> {
    const network = new OwnNetwork(await mkdtemp(join(tmpdir(), "medtrace-fabric-")), await freeBase());
    try {
      await network.run("up.sh");
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  /** Runs a script of infra/fabric on this network, and reads its settings again. @throws Error with what it said. */
  async run(script: Script, ...args: readonly string[]): Promise<void> {
    await promisify(execFile)("bash", [fileURLToPath(new URL(script, SCRIPTS)), ...args], { env: this.#env });
    if (script === "down.sh") return;
    const text = await readFile(this.#env["MEDTRACE_FABRIC_ENV"] ?? "", "utf8");
    const lines = text.matchAll(/^export ([A-Z_]+)="([^"]*)"$/gm);
    this.#settings = Object.fromEntries([...lines].map(([, name = "", value = ""]) => [name, value]));
  }

  get url(): string {
    return this.#settings["LEDGER_URL"] ?? "";
  }

  get settings(): FabricSettings {
    return fabricSettings(this.#settings);
  }

  /** @param peers the gateway peers, by default all */
  open(owner: string, peers: readonly string[] = parseFabricUrl(this.url).peers): Promise<FabricLedger> {
    const { channel, chaincode } = parseFabricUrl(this.url);
    const url = `fabric://${peers.join(",")}/${channel}/${chaincode}`;
    return FabricLedger.open(url, { owner, settings: this.settings });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run("down.sh");
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** A base whose network's first ports nobody listens on. */
async function freeBase(): Promise<number> {
  for (let i = Math.floor(Math.random() * BASES.count), tries = 0; tries < BASES.count; i++, tries++) {
    const base = BASES.first + BASES.step * (i % BASES.count);
    const free = await Promise.all([51, 61, 71, 151, 251, 351, 451].map((port) => isFree(base + port)));
    if (free.every(Boolean)) return base;
  }
  throw new Error("no ports are free for a network of a test's own");
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once("error", () => resolve(false));
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  return promise;
}
