/** A MongoDB that is reached by TLS alone, by its users alone. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import { connect } from "./client.ts";
import { fetchedMongod, SecuredMongod } from "./testing/mongod.ts";

const mongod = fetchedMongod();
if (mongod !== undefined) {
  describe("a MongoDB with TLS and users", () => {
    let server: SecuredMongod;
    before(async () => {
      server = await SecuredMongod.start(mongod);
    });
    after(() => server?.[Symbol.asyncDispose]());

    const urlOf = (user: string, options: string): string =>
      `mongodb://${user}@127.0.0.1:${server.port}/medtrace?replicaSet=rs0&authSource=admin${options}`;

    it("is opened by the certificates and the user that its URL names", async () => {
      const url = urlOf("medtrace:right", `&tls=true&tlsCAFile=${encodeURIComponent(server.ca)}`);
      await using connection = await connect(url, "PROJECTION_URL", "the projection");
      const session = connection.client.startSession();
      await session.withTransaction(() => connection.db.collection("things").insertOne({ a: 1 }, { session }));
      await session.endSession();
      assert.equal(await connection.db.collection("things").countDocuments(), 1);
    });

    it("is not opened where one side does not trust the other, and says why without the URL", async () => {
      const trusted = `&tls=true&tlsCAFile=${encodeURIComponent(server.ca)}`;
      const wrong: readonly [string, RegExp][] = [
        [urlOf("medtrace:wrong-password", trusted), /AuthenticationFailed/],
        [urlOf("medtrace:right", "&tls=true"), /certificate/],
        [urlOf("medtrace:right", "&tls=true&tlsCAFile=/nowhere/ca.pem"), /cannot be read.*ENOENT/],
      ];
      for (const [url, message] of wrong) {
        await assert.rejects(connect(url, "PROJECTION_URL", "the projection"), (error) => {
          assert.ok(hasCode(error, "CONFIGURATION"), String(error));
          assert.match(error.message, message);
          assert.doesNotMatch(`${error.message} ${error.hint}`, /wrong-password|right@/);
          return true;
        });
      }
    });
  });
}
