import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { eventLogContract } from "@medtrace/shared/ports/event-log.contract";
import type { EventLogStorage } from "@medtrace/shared/ports/event-log.contract.kit";
import { openEmbeddedEventLog } from "./event-log.ts";
import { PLACES } from "./store.ts";

eventLogContract("embedded", {
  module: new URL("../open.ts", import.meta.url),
  membersShare: false,
  async create(): Promise<EventLogStorage> {
    const folder = await mkdtemp(join(tmpdir(), "medtrace-log-"));
    return {
      url: `embedded:${folder}`,
      open: (opening) => openEmbeddedEventLog({ folder, ...opening }),
      async tamper({ partition, offset }) {
        using db = new DatabaseSync(join(folder, "log.sqlite"));
        const sql = "UPDATE record SET value = CAST(substr(value, 2) || x'00' AS BLOB) WHERE place = ?";
        db.prepare(sql).run(partition * PLACES + offset);
      },
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
    };
  },
});
