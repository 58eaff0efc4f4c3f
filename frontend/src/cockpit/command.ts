// The binary messages of the channel `control`: packing, nothing else. The layout is that of protocol/command.py.
import { COMMAND_HEAD_SIZE, COMMAND_VERSION, DEADMAN, PROBE } from "../generated/protocol";

export interface Datagram {
  kind: number;
  deadman: boolean;
  epoch: number;
  seq: number;
  /** Counts per lease and kind. */
  n: number;
  /** Microseconds on this page's own clock. */
  sentUs: number;
  /** Index of the main camera's picture shown last, or NO_FRAME. */
  seenFrame: number;
  /** Embodiment units; empty unless it is a command. */
  values: readonly number[];
}

const TWO_32 = 2 ** 32;

export function pack(datagram: Datagram): ArrayBuffer {
  const { values } = datagram;
  const buffer = new ArrayBuffer(COMMAND_HEAD_SIZE + 4 * values.length);
  const view = new DataView(buffer);
  view.setUint8(0, COMMAND_VERSION);
  view.setUint8(1, datagram.kind);
  view.setUint8(2, values.length);
  view.setUint8(3, datagram.deadman ? DEADMAN : 0);
  view.setUint32(4, datagram.epoch, true);
  view.setUint32(8, datagram.seq, true);
  view.setUint32(12, datagram.n, true);
  view.setUint32(16, Math.floor(datagram.sentUs) % TWO_32, true);
  view.setUint32(20, Math.floor(datagram.sentUs / TWO_32), true);
  view.setUint32(24, datagram.seenFrame, true);
  values.forEach((value, i) => {
    view.setFloat32(COMMAND_HEAD_SIZE + 4 * i, value, true);
  });
  return buffer;
}

/** Number and sending time of a probe that came back, or null when the bytes are no probe. */
export function readProbe(raw: ArrayBuffer): { n: number; sentUs: number } | null {
  if (raw.byteLength < COMMAND_HEAD_SIZE) return null;
  const view = new DataView(raw);
  if (view.getUint8(0) !== COMMAND_VERSION || view.getUint8(1) !== PROBE) return null;
  return { n: view.getUint32(12, true), sentUs: view.getUint32(20, true) * TWO_32 + view.getUint32(16, true) };
}
