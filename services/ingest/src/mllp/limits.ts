/** Bounds of the MLLP listener; every one has a default that suits a hospital's interface engine. */
export interface MllpLimits {
  /** Content of one frame. */
  readonly frameBytesMax: number;
  /** Bytes of frames, whole or not, held over all connections. */
  readonly heldBytesMax: number;
  readonly connectionsMax: number;
  /** Frames of one connection that are being taken at a time; its socket is paused beyond. */
  readonly inFlightMax: number;
  /** Silence after which a connection is closed. */
  readonly idle_ms_max: number;
  /** From the first byte of a frame to its last; also how long text outside of frames may wait for a frame. */
  readonly frame_ms_max: number;
  /** From the end of our side to the end of the peer's. */
  readonly linger_ms_max: number;
  /** For frames that are being taken when the listener closes. */
  readonly drain_ms_max: number;
}

export const MLLP_LIMITS: MllpLimits = {
  frameBytesMax: 16 * 1_048_576,
  heldBytesMax: 128 * 1_048_576,
  connectionsMax: 512,
  inFlightMax: 64,
  idle_ms_max: 600_000,
  frame_ms_max: 60_000,
  linger_ms_max: 2_000,
  drain_ms_max: 30_000,
};
