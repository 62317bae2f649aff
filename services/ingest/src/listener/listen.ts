/** What listeners of connections share: MLLP and syslog listen and end alike. */
import type { Server } from "node:net";
import { cannotListen } from "@medtrace/service-kit/cannot-listen";

/** A connection as whoever closes its listener sees it. */
export interface Ending {
  /** Takes what is whole, then ends. */
  end(): void;
  destroy(): void;
  /** Resolves once it is over. */
  done(): Promise<void>;
}

/**
 * Listens; gives the port, of which 0 takes any free one.
 *
 * @throws MedtraceError CONFIGURATION where the address or port cannot be had.
 */
export async function listen(server: Server, at: { readonly host: string; readonly port: number }): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (error: Error): void => reject(cannotListen(error, at));
  server.once("error", fail);
  server.listen(at.port, at.host, resolve);
  await promise;
  server.off("error", fail);
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : at.port;
}

/** Stops accepting and ends the connections; those that are there after `drain_ms_max` are destroyed. */
export async function close(server: Server, connections: ReadonlySet<Ending>, drain_ms_max: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  for (const connection of connections) connection.end();
  const late = Promise.withResolvers<void>();
  const deadline = setTimeout(() => {
    for (const connection of connections) connection.destroy();
    late.resolve();
  }, drain_ms_max);
  const done = Promise.all(Array.from(connections, (connection) => connection.done()));
  await Promise.race([done, late.promise]);
  await promise;
  clearTimeout(deadline);
}
