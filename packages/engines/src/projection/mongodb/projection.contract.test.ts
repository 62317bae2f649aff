import { projectionContract } from "@medtrace/shared/ports/projection.contract";
import { temporaryDatabase } from "../../testing/mongodb.ts";
import { realEngine } from "../../testing/real-engines.ts";
import { openProjection } from "../open.ts";

const server = realEngine("projection");
if (server !== undefined) {
  projectionContract("MongoDB", {
    module: new URL("../open.ts", import.meta.url),
    async create() {
      const { url, drop } = temporaryDatabase(server);
      return { url, open: () => openProjection(url), [Symbol.asyncDispose]: drop };
    },
  });
}
