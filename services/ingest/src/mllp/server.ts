/** The MLLP listener: HL7 v2 over TCP, or TLS, for one institution; with client certificates, for each of theirs. */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type PeerCertificate, TLSSocket, type TlsOptions } from "node:tls";
import type { MedtraceError } from "@medtrace/shared/errors";
import { close, listen } from "../listener/listen.ts";
import { Connection, type MllpLog, type Shared } from "./connection.ts";
import { MLLP_LIMITS, type MllpLimits } from "./limits.ts";
import { newTallies, type Tallies } from "./tally.ts";

export interface MllpOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The institution that a connection speaks for, where its certificate names none. */
  readonly institution: string;
  /** Takes one frame's content; its `replies` are sent once it is durable, each in a frame of its own. */
  readonly take: (institution: string, content: Uint8Array) => Promise<{ readonly replies: readonly Uint8Array[] }>;
  /** The answer to what is not taken as a message at all: a frame without end, or over the limit. */
  readonly reject: (error: MedtraceError) => Uint8Array;
  readonly limits?: Partial<MllpLimits>;
  readonly log: MllpLog;
  readonly tls?: MllpTls;
}

export interface MllpTls {
  readonly options: TlsOptions;
  /**
   * The institution of a client certificate that the configured authorities signed; undefined where it has none, and
   * the connection is closed. Without this member every connection speaks for {@link MllpOptions.institution}.
   */
  readonly institutionOf?: (certificate: PeerCertificate) => string | undefined;
}

export interface MllpListener extends AsyncDisposable {
  /** The port that it listens on. */
  readonly port: number;
  /** Connections that are open. */
  readonly connections: number;
  /** What it counts, from its start on. */
  readonly tallies: Tallies;
}

/**
 * Listens. Disposing stops accepting, answers every frame that is whole, and then ends the connections.
 *
 * @throws MedtraceError CONFIGURATION where the address or port cannot be had.
 */
export async function startMllp(options: MllpOptions): Promise<MllpListener> {
  const limits = { ...MLLP_LIMITS, ...options.limits };
  const shared: Shared = {
    limits,
    take: async (institution, content) => (await options.take(institution, content)).replies,
    reject: options.reject,
    log: options.log,
    tallies: newTallies(),
    heldBytes: 0,
  };
  const connections = new Set<Connection>();
  const { connectionsRefused } = shared.tallies;
  const server = open(options, connectionsRefused, (socket) => {
    const institution = institutionOf(socket, options);
    if (institution === undefined) {
      connectionsRefused.certificate++;
      options.log.warn({ peer: socket.remoteAddress }, "a client certificate names no institution");
      socket.destroy();
      return;
    }
    const connection = new Connection(socket, institution, shared);
    connections.add(connection);
    void connection.done().then(() => connections.delete(connection));
  });
  server.maxConnections = limits.connectionsMax;
  server.on("drop", () => {
    connectionsRefused.limit++;
    options.log.warn({ connectionsMax: limits.connectionsMax }, "a connection was refused");
  });
  const port = await listen(server, options);
  return {
    port,
    get connections() {
      return connections.size;
    },
    tallies: shared.tallies,
    [Symbol.asyncDispose]: () => close(server, connections, limits.drain_ms_max),
  };
}

function open(options: MllpOptions, refused: Tallies["connectionsRefused"], accept: (socket: Socket) => void): Server {
  // A peer that has sent its last frame and closed its side still reads its answers.
  if (options.tls === undefined) return createServer({ allowHalfOpen: true }, accept);
  const server = createTlsServer({ ...options.tls.options, allowHalfOpen: true } as TlsOptions, accept);
  server.on("tlsClientError", (error, socket) => {
    refused.tls++;
    options.log.warn({ peer: socket.remoteAddress, code: (error as NodeJS.ErrnoException).code }, "TLS failed");
  });
  return server;
}

function institutionOf(socket: Socket, { tls, institution }: MllpOptions): string | undefined {
  if (tls?.institutionOf === undefined) return institution;
  return socket instanceof TLSSocket && socket.authorized ? tls.institutionOf(socket.getPeerCertificate()) : undefined;
}
