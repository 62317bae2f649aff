import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectionContract } from "@medtrace/shared/ports/projection.contract";
import type { ProjectionStorage } from "@medtrace/shared/ports/projection.contract.kit";
import { openProjection } from "../open.ts";

projectionContract("embedded", {
  module: new URL("../open.ts", import.meta.url),
  async create(): Promise<ProjectionStorage> {
    const folder = await mkdtemp(join(tmpdir(), "medtrace-projection-"));
    return {
      url: `embedded:${folder}`,
      open: () => openProjection(`embedded:${folder}`),
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
    };
  },
});
