/** TLS and SASL: on brokers of this test's own that let nobody in without them. */
import { strict as assert } from "node:assert";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "@medtrace/shared/errors";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import { selfSigned } from "@medtrace/shared/testing/certificate";
import { realEngine } from "../../testing/real-engines.ts";
import { kafkaAccess } from "./config.ts";
import { openKafkaEventLog } from "./event-log.ts";
import { type Extras, kafkaJars, type OwnBroker, startBrokers } from "./testing/broker.ts";
import { someTopic } from "./testing/topics.ts";

/** Brokers want to hear a SCRAM password again after this. */
const SESSION_MS = 4_000;
const LIMITS = { countMax: 100, bytesMax: 1e6 };

const jars = realEngine("event-log") === undefined ? undefined : await kafkaJars();

if (jars !== undefined) {
  describe("a log on brokers that ask who comes", () => {
    const server = selfSigned("broker");
    const client = selfSigned("ingest");
    let folder: string;
    let sasl: OwnBroker;
    let mutual: OwnBroker;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "medtrace-kafka-access-"));
      const file = (name: string, text: string) => writeFile(join(folder, name), text, { mode: 0o600 });
      await file("server.pem", server.key + server.cert);
      await file("ca.pem", server.cert);
      await file("client.pem", client.cert);
      await file("client.key", client.key);
      [sasl] = (await startBrokers(jars, 1, saslSsl(folder))) as [OwnBroker];
      [mutual] = (await startBrokers(jars, 1, mutualTls(folder))) as [OwnBroker];
    });
    after(async () => {
      await sasl?.[Symbol.asyncDispose]();
      await mutual?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    });

    const tls = () => ({ KAFKA_TLS: "on", KAFKA_TLS_CA: join(folder, "ca.pem") });
    const scram = (password = "right", user = "medtrace") => ({
      KAFKA_SASL_MECHANISM: "scram-sha-512",
      KAFKA_SASL_USERNAME: user,
      KAFKA_SASL_PASSWORD: password,
    });
    const opened = (broker: OwnBroker, env: Record<string, string>, tries_ms = 30_000): Promise<EventLog> => {
      const url = `kafka://127.0.0.1:${broker.port}/${someTopic()}?partitions=1`;
      return openKafkaEventLog({ url, access: kafkaAccess(env), tries_ms });
    };

    it("takes, gives and shares records by SCRAM over TLS, and says its password again when a broker asks", async () => {
      await using log = await opened(sasl, { ...tls(), ...scram() });
      const leave = new AbortController();
      const group = log.assignments("writers", leave.signal)[Symbol.asyncIterator]();
      assert.deepEqual((await group.next()).value, [0]);
      const rounds = 6;
      for (let round = 0; round < rounds; round++) {
        await log.append([{ key: "key", value: Buffer.from(`${round}`) }]);
        await log.waitPast(0, round, 30_000, leave.signal);
        assert.equal((await log.read(0, round, LIMITS)).length, 1);
        await sleep(SESSION_MS / 3);
      }
      await log.ping();
      assert.equal((await log.read(0, 0, LIMITS)).length, rounds);
      leave.abort();
    });

    it("works as PLAIN over TLS too", async () => {
      const user = { KAFKA_SASL_MECHANISM: "PLAIN", KAFKA_SASL_USERNAME: "medtrace", KAFKA_SASL_PASSWORD: "plain" };
      await using log = await opened(sasl, { ...tls(), ...user });
      await log.append([{ key: "key", value: Buffer.from("value") }]);
      assert.equal((await log.read(0, 0, LIMITS)).length, 1);
    });

    it("works with a client's certificate, where brokers know clients by these", async () => {
      const own = { KAFKA_TLS_CERT: join(folder, "client.pem"), KAFKA_TLS_KEY: join(folder, "client.key") };
      await using log = await opened(mutual, { ...tls(), ...own });
      await log.append([{ key: "key", value: Buffer.from("value") }]);
      assert.equal((await log.read(0, 0, LIMITS)).length, 1);
    });

    it("does not open where one side does not trust the other, and says at which setting, without a password", async () => {
      const stranger = { KAFKA_TLS: "on", KAFKA_TLS_CA: join(folder, "client.pem") };
      const wrong: readonly [string, OwnBroker, Record<string, string>, string][] = [
        ["a wrong password", sasl, { ...tls(), ...scram("wrong-password") }, "KAFKA_SASL_USERNAME"],
        ["no such user", sasl, { ...tls(), ...scram("right", "nobody") }, "KAFKA_SASL_USERNAME"],
        ["a user without rights", sasl, { ...tls(), ...scram("right", "guest") }, "KAFKA_SASL_USERNAME"],
        ["another authority", sasl, { ...stranger, ...scram() }, "KAFKA_TLS_CA"],
        ["no certificate", mutual, tls(), "KAFKA_TLS_CA"],
      ];
      for (const [what, broker, env, at] of wrong) {
        await assert.rejects(
          opened(broker, env),
          (error) => hasCode(error, "CONFIGURATION") && error.at === at && !/wrong-password/.test(error.message),
          what,
        );
      }
      // A broker that is spoken to in the wrong way hangs up without a word.
      await assert.rejects(opened(sasl, {}, 1_000), (error) => hasCode(error, "STORAGE_FAILED"));
    });
  });
}

function pem(folder: string): Record<string, string> {
  return { "ssl.keystore.type": "PEM", "ssl.keystore.location": join(folder, "server.pem") };
}

function saslSsl(folder: string): Extras {
  const security = "org.apache.kafka.common.security";
  return {
    withoutProxy: true,
    scram: ["medtrace", "guest"].map((name) => `SCRAM-SHA-512=[name=${name},password=right]`),
    properties: {
      ...pem(folder),
      "listener.security.protocol.map": "CLIENTS:SASL_SSL,BROKERS:PLAINTEXT,CONTROLLER:PLAINTEXT",
      "listener.name.clients.sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
      "listener.name.clients.scram-sha-512.sasl.jaas.config": `${security}.scram.ScramLoginModule required;`,
      "listener.name.clients.plain.sasl.jaas.config": `${security}.plain.PlainLoginModule required user_medtrace="plain";`,
      "listener.name.clients.scram-sha-512.connections.max.reauth.ms": `${SESSION_MS}`,
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "super.users": "User:ANONYMOUS;User:medtrace",
    },
  };
}

function mutualTls(folder: string): Extras {
  return {
    withoutProxy: true,
    scram: [],
    properties: {
      ...pem(folder),
      "ssl.truststore.type": "PEM",
      "ssl.truststore.location": join(folder, "client.pem"),
      "listener.security.protocol.map": "CLIENTS:SSL,BROKERS:PLAINTEXT,CONTROLLER:PLAINTEXT",
      "listener.name.clients.ssl.client.auth": "required",
    },
  };
}
