import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openProjection } from "@medtrace/engines/projection/open";
import { temporaryDatabase } from "@medtrace/engines/testing/mongodb";
import { realEngine } from "@medtrace/engines/testing/real-engines";
import { createLogger } from "@medtrace/service-kit/log";
import { utf8 } from "@medtrace/shared/model/bytes";
import { type Pipe, startPipe, traceBytes } from "../testing/pipe.ts";
import { type RunningProjector, startProjector } from "./service.ts";

const WAIT_MS_MAX = 30_000;
const LOG = createLogger({ name: "projector", level: "silent" });

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const late = performance.now() + WAIT_MS_MAX; !(await holds()); await sleep(20)) {
    if (performance.now() > late) throw new Error(`in vain: ${what}`);
  }
}

/** The value of a metric's sample; undefined where it is not told. */
async function sample(url: string, name: string): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

const samples = (url: string, ...names: readonly string[]): Promise<(number | undefined)[]> =>
  Promise.all(names.map((name) => sample(url, `medtrace_projector_${name}`)));

async function ready(url: string): Promise<boolean> {
  return (await fetch(`${url}/readyz`)).ok;
}

function start({ settings }: Pipe): Promise<RunningProjector> {
  return startProjector({ engines: settings, host: "127.0.0.1", port: 0 }, LOG);
}

async function publish(pipe: Pipe, ...names: readonly string[]): Promise<void> {
  await pipe.append(...names.map((name) => traceBytes(name)));
  await pipe.anchor();
}

describe("the projector as a service", () => {
  it("tells how far it is, what it projected, and its incidents by kind", async () => {
    await using pipe = await startPipe();
    await publish(pipe, "one", "two", "two");
    await using projector = await start(pipe);
    await until("it projects", async () => (await sample(projector.url, "medtrace_projector_events")) === 2);
    assert.ok(await ready(projector.url));
    const names = ["running", "projected_blocks", "ledger_blocks", "lag_blocks", "batches", "duplicates"];
    assert.deepEqual(await samples(projector.url, ...names), [1, 1, 1, 0, 1, 1]);
    await pipe.append(utf8("no trace event"), traceBytes("three"));
    await pipe.anchor();
    const incidents = 'medtrace_projector_incidents_total{kind="unreadable-event"}';
    await until("the incident is told", async () => (await sample(projector.url, incidents)) === 1);
    await until("all is told", async () => (await sample(projector.url, "medtrace_projector_events")) === 3);
    const counters = ["events_projected_total", "batches_projected_total", "restarts_total"];
    assert.deepEqual(await samples(projector.url, ...counters), [3, 2, 0]);
    assert.deepEqual(await samples(projector.url, 'incidents_total{kind="root-mismatch"}'), [0]);
  });

  it("is not ready while it fails, and says why; nor does it tell of a projection that it does not have", async () => {
    await using pipe = await startPipe();
    const engines = { ...pipe.settings, projectionUrl: "embedded:" };
    await using projector = await startProjector({ engines, host: "127.0.0.1", port: 0 }, LOG);
    await until("it failed", async () => ((await samples(projector.url, "restarts_total"))[0] ?? 0) > 0);
    const answer = await fetch(`${projector.url}/readyz`);
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /the projector fails: a projection's URL/);
    assert.deepEqual(await samples(projector.url, "running", "events"), [0, undefined]);
  });

  it("leaves projecting to the one that has it, and takes over when that one ends", async () => {
    await using pipe = await startPipe();
    const first = await start(pipe);
    await until("the first projects", async () => (await samples(first.url, "running"))[0] === 1);
    await using second = await start(pipe);
    await until("the second is ready", () => ready(second.url));
    await publish(pipe, "one");
    await until("it is projected", async () => (await pipe.projection.counts()).events === 1);
    assert.deepEqual(await samples(second.url, "running", "projected_blocks"), [0, undefined]);
    await first[Symbol.asyncDispose]();
    await publish(pipe, "two");
    await until("it is projected", async () => (await pipe.projection.counts()).events === 2);
    await until("it is told", async () => (await samples(second.url, "events_projected_total"))[0] === 1);
  });
});

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
}

/** Starts the program; resolves once it listens. */
async function startProcess({ settings }: Pipe, projectionUrl: string): Promise<Started> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("main.ts", import.meta.url))], {
    env: {
      PATH: process.env["PATH"],
      MEDTRACE_DATA: settings.data,
      PROJECTION_URL: projectionUrl,
      PROJECTOR_PORT: "0",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, address } = JSON.parse(line) as { msg?: string; address?: string };
    if (msg === "ready" && address !== undefined) {
      child.stdout.resume();
      return { child, url: address };
    }
  }
  throw new Error("the projector ended before it listened");
}

async function end({ child }: Started, signal: NodeJS.Signals): Promise<number | null> {
  const exited = once(child, "exit");
  child.kill(signal);
  return ((await exited) as [number | null])[0];
}

/** Two processes over one projection: one projects, is killed, and the other goes on. */
async function assertTakesOver(pipe: Pipe, projectionUrl: string): Promise<void> {
  await using projection = await openProjection(projectionUrl);
  const projected = (count: number): Promise<void> =>
    until(`${count} are projected`, async () => (await projection.counts()).events === count);
  const started = [await startProcess(pipe, projectionUrl), await startProcess(pipe, projectionUrl)];
  try {
    const running = async (): Promise<Started[]> => {
      const states = await Promise.all(started.map(({ url }) => samples(url, "running")));
      return started.filter((_, i) => states[i]?.[0] === 1);
    };
    await until("one projects", async () => (await running()).length === 1);
    await publish(pipe, "one", "two");
    await projected(2);
    const [first] = await running();
    assert.ok(first !== undefined);
    started.splice(started.indexOf(first), 1);
    await end(first, "SIGKILL");
    await publish(pipe, "three");
    await projected(3);
    await until("the other projects", async () => (await running()).length === 1);
    const [second] = started.splice(0);
    assert.equal(await end(second as Started, "SIGTERM"), 0);
    assert.equal((await projection.counts()).incidents, 0);
  } finally {
    for (const one of started) await end(one, "SIGKILL");
  }
}

describe("the projector's own process", () => {
  it("projects once, whichever is killed, and another takes over", async () => {
    await using pipe = await startPipe();
    await assertTakesOver(pipe, pipe.settings.projectionUrl);
  });

  const mongodb = realEngine("projection");
  if (mongodb !== undefined) {
    it("projects once into MongoDB too, and another takes over when the lease has run out", async () => {
      await using pipe = await startPipe();
      const database = temporaryDatabase(mongodb);
      try {
        await assertTakesOver(pipe, database.url);
      } finally {
        await database.drop();
      }
    });
  }
});
