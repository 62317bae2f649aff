/** Bounds of the syslog listener. RFC 5425, 4.3.1 asks for 8,192 bytes of a message, DICOM PS3.15 A.6 for 32,768. */
export interface SyslogLimits {
  /** One syslog message. */
  readonly messageBytesMax: number;
  /** Bytes of messages, whole or not, held over all connections. */
  readonly heldBytesMax: number;
  /** Bytes of whole messages that one connection may have waiting; its socket is paused beyond. */
  readonly waitingBytesMax: number;
  readonly connectionsMax: number;
  /** Messages of one connection that are taken together. */
  readonly togetherMax: number;
  /** Refused messages, one after the other, after which a connection is closed: its peer sends something else. */
  readonly refusedInRowMax: number;
  /** Silence after which a connection is closed. */
  readonly idle_ms_max: number;
  /** From the first byte of a message to its last. */
  readonly message_ms_max: number;
  /** For how long a message is tried again while storage takes none. */
  readonly retry_ms_max: number;
  /** For messages that are being taken when the listener closes. */
  readonly drain_ms_max: number;
}

export const SYSLOG_LIMITS: SyslogLimits = {
  messageBytesMax: 1_048_576,
  heldBytesMax: 128 * 1_048_576,
  waitingBytesMax: 4 * 1_048_576,
  connectionsMax: 512,
  togetherMax: 500,
  refusedInRowMax: 100,
  idle_ms_max: 3_600_000,
  message_ms_max: 60_000,
  retry_ms_max: 60_000,
  drain_ms_max: 30_000,
};

/** Bounds of an audit message's XML: DICOM PS3.15 A.5.1 needs a depth of 6. */
export const XML_LIMITS = {
  depthMax: 16,
  elementsMax: 10_000,
  /** Of one element; the schema has at most 9. */
  attributesMax: 32,
} as const;
