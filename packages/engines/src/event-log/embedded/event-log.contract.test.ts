import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { eventLogContract } from "@medtrace/shared/ports/event-log.contract";
import type { EventLogStorage } from "@medtrace/shared/ports/event-log.contract.kit";
import { temporaryFolder } from "../../testing/folder.ts";
import { openEmbeddedEventLog } from "./event-log.ts";
import { PLACES } from "./store.ts";

for (const tail of [false, true]) {
  eventLogContract(tail ? "embedded, the newest from memory" : "embedded", {
    module: new URL("../open.ts", import.meta.url),
    membersShare: false,
    async create(): Promise<EventLogStorage> {
      const folder = await temporaryFolder();
      return {
        url: `embedded:${folder.path}`,
        open: (opening) => openEmbeddedEventLog({ folder: folder.path, tail, ...opening }),
        async tamper({ partition, offset }) {
          using db = new DatabaseSync(join(folder.path, "log.sqlite"));
          const sql = "UPDATE record SET value = CAST(substr(value, 2) || x'00' AS BLOB) WHERE place = ?";
          db.prepare(sql).run(partition * PLACES + offset);
        },
        [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
      };
    },
  });
}
