import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openCache } from "@medtrace/engines/cache/open";
import { openEventLog } from "@medtrace/engines/event-log/open";
import { openKeyProvider } from "@medtrace/engines/key-provider/open";
import { openVault } from "@medtrace/engines/vault/open";
import { createLogger } from "@medtrace/service-kit/log";
import { hasCode } from "@medtrace/shared/errors";
import { rangeEntries } from "@medtrace/shared/log-range";
import { fromUtf8 } from "@medtrace/shared/model/bytes";
import type { TraceEvent } from "@medtrace/shared/model/trace-event";
import { ingestSettings } from "../config.ts";
import { frame } from "../mllp/framer.ts";
import { startIngest } from "../run.ts";
import { loadExpectedFeeds } from "./config.ts";

const SYSTEM = "EHR|HOSPA";
const adt = (number: string, id: string): string =>
  [`MSH|^~\\&|EHR|HOSPA|TRACE||20260115023000||ADT^A01|${id}|P|2.5|${number}`, "PID|1||4711^^^HOSPA", ""].join("\r");

test("messages by MLLP are counted and stated feed by feed, with the numbers of MSH-13", async () => {
  const folder = await mkdtemp(join(tmpdir(), "medtrace-feeds-"));
  const file = join(folder, "feeds.json");
  const feeds = [{ institution: "hospital-a", entry: "mllp", system: SYSTEM, silence_s_max: 60 }];
  await writeFile(file, JSON.stringify({ feeds }));
  const settings = ingestSettings({
    MEDTRACE_DATA: folder,
    INGEST_PORT: "0",
    INGEST_MLLP_PORT: "0",
    INGEST_FEEDS: file,
  });
  const keys = await openKeyProvider(settings.engines.keysUrl);
  const vault = await openVault(settings.engines.vaultUrl, keys);
  const eventLog = await openEventLog(settings.engines.eventLogUrl);
  const cache = await openCache(settings.engines.cacheUrl);
  const log = createLogger({ name: "ingest", level: "silent" });
  const ingest = await startIngest({ eventLog, vault, keys, cache, settings, log });

  const socket = connect(Number(ingest.mllp.split(":").at(-1)), "127.0.0.1").resume();
  for (const number of ["7", "8", "10", "0", "", "-1", "x", "1"])
    socket.write(frame(Buffer.from(adt(number, `m${number}`))));
  const labels = `institution="hospital-a",entry="mllp",system="${SYSTEM}"`;
  const metric = async (name: string): Promise<number | undefined> => {
    const lines = (await (await fetch(`${ingest.url}/metrics`)).text()).split("\n");
    const line = lines.find((one) => one.startsWith(`medtrace_feed_${name}{${labels}} `));
    return line === undefined ? undefined : Number(line.split(" ").at(-1));
  };
  while ((await metric("messages_total")) !== 8) await sleep(20);
  assert.deepEqual(
    [await metric("gaps_total"), await metric("restarts_total"), await metric("silence_seconds_max")],
    [1, 1, 60],
  );
  assert.ok(((await metric("last_message_timestamp_seconds")) ?? 0) > 1_700_000_000);
  socket.destroy();
  await ingest[Symbol.asyncDispose]();

  const stated: TraceEvent[] = [];
  for (const { partition, first, end } of await eventLog.ranges()) {
    for await (const entries of rangeEntries(eventLog, partition, first, end)) {
      const events = entries.map(({ value }) => JSON.parse(fromUtf8(value)) as TraceEvent);
      stated.push(...events.filter(({ feed }) => feed !== undefined));
    }
  }
  stated.sort((a, b) => (a.feed?.place ?? 0) - (b.feed?.place ?? 0));
  assert.deepEqual(
    stated.map(({ feed }) => [feed?.system, feed?.messages, feed?.numbers?.taken, feed?.numbers?.restarted]),
    [
      [
        SYSTEM,
        7,
        [
          [7, 8],
          [10, 10],
        ],
        false,
      ],
      [SYSTEM, 1, [[1, 1]], true],
    ],
  );
  for (const part of [eventLog, vault, cache]) await part[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test("a file of feeds that cannot be read stops the start, and is named", async () => {
  const folder = await mkdtemp(join(tmpdir(), "medtrace-feeds-"));
  const path = join(folder, "feeds.json");
  for (const text of [undefined, "{", '{"feeds":[{"institution":"a","entry":"fax","system":"x","silence_s_max":1}]}']) {
    if (text !== undefined) await writeFile(path, text);
    await assert.rejects(
      loadExpectedFeeds(path),
      (error: unknown) => hasCode(error, "CONFIGURATION") && error.at === `INGEST_FEEDS=${path}`,
    );
  }
  assert.deepEqual(await loadExpectedFeeds(undefined), []);
  await rm(folder, { recursive: true });
});
