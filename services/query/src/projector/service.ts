/** The projector as a running service: its thread beside its probes. */
import type { Logger } from "@medtrace/service-kit/log";
import { createMetrics } from "@medtrace/service-kit/metrics";
import { createServer, listen } from "@medtrace/service-kit/server";
import type { ProjectorSettings } from "../config.ts";
import { observeProjector } from "./observe.ts";
import { startProjectorThread } from "./thread.ts";

export interface RunningProjector extends AsyncDisposable {
  /** Base URL of the probes. */
  readonly url: string;
}

/**
 * Starts projecting, or waiting for whoever projects now, and the probes. It is ready in both cases. Disposing ends
 * it after the block that it is at.
 */
export async function startProjector(settings: ProjectorSettings, log: Logger): Promise<RunningProjector> {
  const metrics = createMetrics();
  const projector = startProjectorThread(settings.engines, log);
  observeProjector(metrics, () => projector.status());
  const missing = async (): Promise<string[]> => {
    const { state, why } = projector.status();
    if (state === "running" || state === "waiting") return [];
    return [state === "failing" ? `the projector fails: ${why ?? "unknown"}` : `the projector is ${state}`];
  };
  try {
    const server = await createServer({ name: "projector", log, metrics, ready: missing });
    const url = await listen(server, settings);
    return {
      url,
      async [Symbol.asyncDispose]() {
        await projector[Symbol.asyncDispose]();
        await server.close();
      },
    };
  } catch (error) {
    await projector[Symbol.asyncDispose]();
    throw error;
  }
}
