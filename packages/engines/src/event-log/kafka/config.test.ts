import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import { kafkaAccess } from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "medtrace-kafka-access-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("how Kafka is spoken to", () => {
  it("is in clear and unnamed where the environment says nothing", () => {
    assert.deepEqual(kafkaAccess({}), { tls: undefined, sasl: undefined });
    assert.deepEqual(kafkaAccess({ KAFKA_TLS: "", KAFKA_SASL_PASSWORD: "" }), { tls: undefined, sasl: undefined });
  });

  it("is by TLS, with the system's authorities or one's own, and a client's certificate", () => {
    assert.deepEqual(kafkaAccess({ KAFKA_TLS: "on" }).tls, { minVersion: "TLSv1.2" });
    const { tls } = kafkaAccess({
      KAFKA_TLS: "on",
      KAFKA_TLS_CA: file("ca.pem", "authorities"),
      KAFKA_TLS_CERT: file("client.pem", "certificate"),
      KAFKA_TLS_KEY: file("client.key", "key"),
    });
    assert.deepEqual(tls, { minVersion: "TLSv1.2", ca: "authorities", cert: "certificate", key: "key" });
  });

  it("is as a user whose password comes from a variable or a file", () => {
    const user = { KAFKA_SASL_MECHANISM: "SCRAM-SHA-512", KAFKA_SASL_USERNAME: "ingest" };
    assert.deepEqual(kafkaAccess({ ...user, KAFKA_SASL_PASSWORD: "secret" }).sasl, {
      mechanism: "scram-sha-512",
      username: "ingest",
      password: "secret",
    });
    const { sasl } = kafkaAccess({ ...user, KAFKA_SASL_PASSWORD_FILE: file("password", " secret \n") });
    assert.equal((sasl as { password: string }).password, " secret ");
  });

  it("is refused where settings contradict each other, by the variable and without the password", () => {
    const plain = { KAFKA_SASL_MECHANISM: "plain", KAFKA_SASL_USERNAME: "me" };
    const scram = { KAFKA_SASL_MECHANISM: "scram-sha-256", KAFKA_SASL_USERNAME: "me" };
    const here = file("here", "secret");
    const wrong: readonly [Record<string, string>, RegExp][] = [
      [{ KAFKA_TLS: "yes" }, /KAFKA_TLS: wants on or off/],
      [{ KAFKA_TLS_CA: here }, /KAFKA_TLS_CA: is set, where TLS is off/],
      [{ KAFKA_TLS: "on", KAFKA_TLS_CERT: here }, /KAFKA_TLS_KEY: is missing/],
      [{ KAFKA_TLS: "on", KAFKA_TLS_KEY: here }, /KAFKA_TLS_CERT: is missing/],
      [{ KAFKA_TLS: "on", KAFKA_TLS_CA: join(folder, "none") }, /KAFKA_TLS_CA: .*ENOENT/],
      [{ KAFKA_SASL_MECHANISM: "gssapi" }, /KAFKA_SASL_MECHANISM: wants one of/],
      [{ KAFKA_SASL_USERNAME: "me" }, /KAFKA_SASL_USERNAME: .*no mechanism/],
      [{ KAFKA_SASL_PASSWORD: "secret" }, /KAFKA_SASL_PASSWORD: .*no mechanism/],
      [{ ...plain, KAFKA_SASL_PASSWORD: "secret" }, /plain would send the password in clear/],
      [{ KAFKA_SASL_MECHANISM: "scram-sha-256", KAFKA_SASL_PASSWORD: "secret" }, /KAFKA_SASL_USERNAME: is missing/],
      [scram, /KAFKA_SASL_PASSWORD: is missing/],
      [{ ...scram, KAFKA_SASL_PASSWORD_FILE: file("empty", "\n") }, /KAFKA_SASL_PASSWORD: is missing/],
      [{ ...scram, KAFKA_SASL_PASSWORD: "secret", KAFKA_SASL_PASSWORD_FILE: here }, /set beside/],
      [{ ...scram, KAFKA_SASL_PASSWORD_FILE: join(folder, "none") }, /KAFKA_SASL_PASSWORD_FILE: .*ENOENT/],
    ];
    for (const [env, message] of wrong) {
      assert.throws(
        () => kafkaAccess(env),
        (error) => hasCode(error, "CONFIGURATION") && message.test(error.message) && !/secret/.test(error.message),
        JSON.stringify(env),
      );
    }
  });
});
