// Stand-ins for what a unit test has none of: a server's socket, a robot's row.
import { vi } from "vitest";
import type { Axis, ChannelTelemetry, LeaseState, RobotRow, RobotState } from "../src/generated/protocol";

/** A WebSocket whose other end is the test. */
export class FakeSocket {
  static made: FakeSocket[] = [];
  readyState = 0;
  readonly sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  closedWith = 0;

  constructor(readonly url: string) {
    FakeSocket.made.push(this);
  }

  static get last(): FakeSocket {
    const socket = FakeSocket.made.at(-1);
    if (!socket) throw new Error("no socket was made");
    return socket;
  }

  accept(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(message: Record<string, unknown>): void {
    this.onmessage?.({ data: JSON.stringify({ v: 1, ...message }) });
  }

  break(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(code: number): void {
    this.closedWith = code;
    this.readyState = 3;
  }
}

export function state(change: Partial<RobotState> = {}): RobotState {
  return { mode: "SAFE_HOLD", reason: "RELEASED", since_s: 5, permitted: "direct", remote_motion: true, ...change };
}

export function lease(change: Partial<LeaseState> = {}): LeaseState {
  return { epoch: 4, seq: 1, kind: "human", person: "p1", name: "Mina Okafor", fingerprint: "f", held_s: 3, ...change };
}

export function row(change: Partial<RobotRow> = {}): RobotRow {
  return {
    id: "r1",
    name: "kestrel-1",
    site: "Lab",
    kind: "Sawyer, simulated",
    online: true,
    last_seen_s: null,
    state: state(),
    may_drive: true,
    ...change,
  };
}

const rate = (name: string, unit: string, most: number): Axis => ({ name, unit, low: -most, high: most, slew: 10 });

/** The action axes of an arm with a gripper. */
export const ARM: readonly Axis[] = [
  ...["vx", "vy", "vz"].map((name) => rate(name, "m/s", 0.35)),
  ...["wx", "wy", "wz"].map((name) => rate(name, "rad/s", 1.5)),
  { name: "gripper", unit: "1", low: 0, high: 1, slew: 5 },
];

export function telemetry(change: Partial<ChannelTelemetry> = {}): ChannelTelemetry {
  return {
    type: "telemetry",
    v: 1,
    mono_us: 1,
    state: [],
    asked: [],
    done: [],
    clamps: [],
    permitted: "direct",
    control_latency_ms: null,
    command_ms: null,
    apply_ms: null,
    recording: { state: "idle" },
    ...change,
  };
}

class FakeChannel extends EventTarget {
  readyState = "connecting";
  bufferedAmount = 0;
  readonly sent: unknown[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;

  constructor(readonly label: string) {
    super();
  }

  send(data: unknown): void {
    this.sent.push(data);
  }
}

/** The browser's WebRTC: an offer with the given description, channels that open when told. */
export class FakeRtc extends EventTarget {
  static made: FakeRtc[] = [];
  private static sdp = "";
  readonly channels: FakeChannel[] = [];
  readonly localDescription = { sdp: FakeRtc.sdp };
  readonly iceGatheringState = "complete";
  remote: string | null = null;
  closed = false;

  static install(sdp: string): void {
    FakeRtc.sdp = sdp;
    FakeRtc.made = [];
    vi.stubGlobal("RTCPeerConnection", FakeRtc);
    vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => null });
  }

  static get last(): FakeRtc {
    const made = FakeRtc.made.at(-1);
    if (!made) throw new Error("no peer was made");
    return made;
  }

  constructor() {
    super();
    FakeRtc.made.push(this);
  }

  createDataChannel(label: string): FakeChannel {
    const channel = new FakeChannel(label);
    this.channels.push(channel);
    return channel;
  }

  addTransceiver(): unknown {
    return { setCodecPreferences: () => undefined, receiver: { track: new EventTarget() } };
  }

  createOffer(): Promise<unknown> {
    return Promise.resolve({});
  }

  setLocalDescription(): Promise<void> {
    return Promise.resolve();
  }

  setRemoteDescription(description: { sdp: string }): Promise<void> {
    this.remote = description.sdp;
    return Promise.resolve();
  }

  /** Both channels are open. */
  open(): void {
    for (const channel of this.channels) channel.readyState = "open";
    for (const channel of this.channels) channel.onopen?.();
  }

  close(): void {
    this.closed = true;
  }
}
