/** A mongod of a test's own that speaks TLS alone, to users alone. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { selfSigned } from "@medtrace/shared/testing/certificate";
import { MongoClient } from "mongodb";
import { freePort } from "../../cache/redis/testing/server.ts";

const START_MS_MAX = 60_000;
const SET = "rs0";

/** The mongod that `infra/native/up.sh` fetched; undefined where it never did. */
export function fetchedMongod(): string | undefined {
  const settings = new URL("../../../../../infra/native/settings.sh", import.meta.url).pathname;
  const path = execFileSync("bash", ["-c", '. "$0" && printf %s "$mongod"', settings], { encoding: "utf8" });
  if (existsSync(path)) return path;
  console.log("left out: MongoDB with TLS and users; npm run engines:up fetches its mongod");
  return undefined;
}

export class SecuredMongod implements AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(folder: string, port: number, process: ChildProcess) {
    this.folder = folder;
    this.port = port;
    this.#process = process;
  }

  /** Its own certificate, which stands for its authority too. */
  get ca(): string {
    return join(this.folder, "server.pem");
  }

  /** Starts a replica set of one with the user `medtrace`, whose password is `right`. */
  static async start(mongod: string): Promise<SecuredMongod> {
    const folder = await mkdtemp(join(tmpdir(), "medtrace-mongod-"));
    const { key, cert } = selfSigned("mongod");
    const pem = join(folder, "server.pem");
    const keyFile = join(folder, "set.key");
    await writeFile(pem, key + cert, { mode: 0o600 });
    await writeFile(keyFile, randomBytes(96).toString("base64"), { mode: 0o600 });
    const port = await freePort();
    const args = ["--dbpath", folder, "--port", `${port}`, "--bind_ip", "127.0.0.1", "--replSet", SET];
    const tls = ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", pem, "--tlsCAFile", pem];
    const rest = ["--tlsAllowConnectionsWithoutCertificates", "--keyFile", keyFile, "--wiredTigerCacheSizeGB", "0.25"];
    const process = spawn(mongod, [...args, ...tls, ...rest], { stdio: "ignore" });
    const started = new SecuredMongod(folder, port, process);
    try {
      await started.#initiate();
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Who comes from this machine before there is a user may make the first one. */
  async #initiate(): Promise<void> {
    const host = `127.0.0.1:${this.port}`;
    const options = { directConnection: true, tls: true, tlsCAFile: this.ca, serverSelectionTimeoutMS: START_MS_MAX };
    await using client = new MongoClient(`mongodb://${host}/`, options);
    const admin = client.db("admin");
    await admin.command({ replSetInitiate: { _id: SET, members: [{ _id: 0, host }] } });
    while ((await admin.command({ hello: 1 }))["isWritablePrimary"] !== true) await sleep(50);
    const roles = [{ role: "root", db: "admin" }];
    await admin.command({ createUser: "medtrace", pwd: "right", roles });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null) {
      const exited = once(this.#process, "exit");
      this.#process.kill("SIGKILL");
      await exited;
    }
    await rm(this.folder, { recursive: true });
  }
}
