/**
 * The syslog listener (IHE ITI-20 by RFC 5424 over RFC 5425): TLS alone, with client certificates; each connection
 * speaks for the institution that its certificate names.
 */
import { createServer, type PeerCertificate, type TLSSocket } from "node:tls";
import { close, listen } from "../listener/listen.ts";
import { Connection, type Shared, type SyslogLog } from "./connection.ts";
import { SYSLOG_LIMITS, type SyslogLimits } from "./limits.ts";
import type { Take } from "./take.ts";
import { newTallies, type Tallies } from "./tally.ts";

export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** In PEM. */
export interface SyslogTls {
  /**
   * A server of 1.3 sends session tickets that a syslog sender never reads; its system then resets the connection when it
   * closes, and drops what was not delivered. One of 1.2 sends nothing after the handshake.
   */
  readonly maxVersion: TlsVersion;
  readonly key: string;
  readonly cert: string;
  /** Authorities that client certificates must come from. */
  readonly ca: string;
}

export interface SyslogOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls: SyslogTls;
  /** The institution of a client certificate; undefined where it has none, and the connection is closed. */
  readonly institutionOf: (certificate: PeerCertificate) => string | undefined;
  readonly take: Take;
  readonly limits?: Partial<SyslogLimits>;
  readonly log: SyslogLog;
}

export interface SyslogListener extends AsyncDisposable {
  /** The port that it listens on. */
  readonly port: number;
  /** Connections that are open. */
  readonly connections: number;
  /** What it counts, from its start on. */
  readonly tallies: Tallies;
}

/** RFC 5425, 4.2 wants 1.2; IHE ATNA's TLS options no older. */
const TLS_VERSION_MIN = "TLSv1.2";
const HANDSHAKE_MS_MAX = 20_000;

/**
 * Listens. Disposing stops accepting, takes every message that is whole, and then ends the connections.
 *
 * @throws MedtraceError CONFIGURATION where the address or port cannot be had.
 */
export async function startSyslog(options: SyslogOptions): Promise<SyslogListener> {
  const limits = { ...SYSLOG_LIMITS, ...options.limits };
  const { take, log } = options;
  const shared: Shared = { limits, take, log, tallies: newTallies(), heldBytes: 0 };
  const connections = new Set<Connection>();
  const { connectionsRefused } = shared.tallies;
  const server = createServer({
    ...options.tls,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: TLS_VERSION_MIN,
    handshakeTimeout: HANDSHAKE_MS_MAX,
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    const institution = socket.authorized ? options.institutionOf(socket.getPeerCertificate()) : undefined;
    if (institution === undefined) {
      connectionsRefused.certificate++;
      log.warn({ peer: socket.remoteAddress }, "a client certificate names no institution");
      socket.on("error", () => undefined).destroy();
      return;
    }
    const connection = new Connection(socket, institution, shared);
    connections.add(connection);
    void connection.done().then(() => connections.delete(connection));
  });
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
    connectionsRefused.tls++;
    log.warn({ peer: socket.remoteAddress, code: error.code }, "TLS failed");
  });
  server.maxConnections = limits.connectionsMax;
  server.on("drop", () => {
    connectionsRefused.limit++;
    log.warn({ connectionsMax: limits.connectionsMax }, "a connection was refused");
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
