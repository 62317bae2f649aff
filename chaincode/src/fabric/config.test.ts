import assert from "node:assert/strict";
import test from "node:test";
import { chaincodeSettings } from "./config.ts";

const env = { CHAINCODE_ID: "medtrace_1:abc" };
const files = { CHAINCODE_TLS_KEY: "/k", CHAINCODE_TLS_CERTIFICATE: "/c", CHAINCODE_TLS_CLIENT_CA: "/ca" };

test("without files of TLS the server listens in clear, with all three it does not", () => {
  assert.deepEqual(chaincodeSettings(env), { id: "medtrace_1:abc", address: "127.0.0.1:7052", tls: undefined });
  assert.deepEqual(chaincodeSettings({ ...env, ...files }).tls, { key: "/k", certificate: "/c", clientCa: "/ca" });
});

test("some of the files of TLS are a wrong setting, never no TLS", () => {
  for (const name of Object.keys(files)) {
    assert.throws(() => chaincodeSettings({ ...env, ...files, [name]: undefined }), { code: "CONFIGURATION" });
    assert.throws(() => chaincodeSettings({ ...env, [name]: "/x" }), { code: "CONFIGURATION" });
  }
});

test("a package id is wanted, and a host with a port", () => {
  assert.throws(() => chaincodeSettings({}), { code: "CONFIGURATION", message: /CHAINCODE_ID/ });
  assert.throws(() => chaincodeSettings({ ...env, CHAINCODE_SERVER_ADDRESS: "nowhere" }), { code: "CONFIGURATION" });
});
