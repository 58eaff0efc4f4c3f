// The video elements and what is measured on them: which picture is shown, its delay from glass to glass, rate, loss, stages. Draws nothing itself.
import type { ChannelFrames, ChannelHello, ChannelSeen, ChannelStages } from "../generated/protocol";
import type { Draft } from "../socket";
import type { RobotClock } from "./clock";
import { FrameLedger, RtpCount, type Seen } from "./frames";
import { Recent } from "./recent";
import { between, type PageStages, type Received, type Totals, viaNetwork } from "./waterfall";

const NOTHING_RECEIVED: Received = { bufferMs: 0, decodeMs: 0, lostPct: 0 };

export interface Glass {
  p50Ms: number | null;
  p95Ms: number | null;
  fps: number;
  lostPct: number;
}

interface View {
  video: HTMLVideoElement;
  receiver: RTCRtpReceiver | null;
  count: RtpCount | null;
  shownMs: number | null;
  /** Rises when the element gets another track, so that callbacks of the former one end. */
  life: number;
}

export class Pictures {
  readonly ledger: FrameLedger;
  main = "";
  cameras: readonly string[] = [];
  stages: PageStages | null = null;
  robot: ChannelStages | null = null;
  received: Received = NOTHING_RECEIVED;
  private readonly glass = new Recent(5000);
  private readonly shown = new Recent(2000);
  private readonly views = new Map<number, View>();
  private second: Seen[] = [];
  private totals: Totals | null = null;

  constructor(clock: RobotClock) {
    this.ledger = new FrameLedger(clock);
  }

  /** The video element of camera number `i` of the answer. */
  video(i: number): HTMLVideoElement {
    return this.view(i).video;
  }

  private view(i: number): View {
    const found = this.views.get(i);
    if (found) return found;
    const video = document.createElement("video");
    video.muted = true;
    video.autoplay = true;
    video.playsInline = true;
    video.disablePictureInPicture = true;
    video.className = "pic";
    const made: View = { video, receiver: null, count: null, shownMs: null, life: 0 };
    this.views.set(i, made);
    return made;
  }

  attach(i: number, track: MediaStreamTrack, receiver: RTCRtpReceiver): void {
    const view = this.view(i);
    view.receiver = receiver;
    view.video.srcObject = new MediaStream([track]);
    void view.video.play().catch(() => undefined); // refused only while hidden; autoplay goes on when shown
    view.life += 1;
    this.follow(i, view, view.life);
  }

  private follow(i: number, view: View, life: number): void {
    if (!("requestVideoFrameCallback" in view.video)) return;
    view.video.requestVideoFrameCallback((_, data) => {
      if (view.life !== life) return;
      this.onPicture(i, view, data);
      this.follow(i, view, life);
    });
  }

  private onPicture(i: number, view: View, data: VideoFrameCallbackMetadata): void {
    const nowMs = performance.now();
    view.shownMs = nowMs;
    if (!view.count || data.rtpTimestamp === undefined) return;
    const index = view.count.index(data.rtpTimestamp);
    if (this.cameras[i] !== this.main) return;
    this.shown.add(nowMs, index);
    this.settle(this.ledger.shown({ index, shownMs: nowMs, receivedMs: data.receiveTime ?? null }), nowMs);
  }

  hello(hello: ChannelHello): void {
    this.cameras = hello.cameras;
    if (!hello.cameras.includes(this.main)) this.main = hello.cameras[0] ?? "";
    this.ledger.reset();
    hello.cameras.forEach((camera, i) => {
      this.view(i).count = new RtpCount(hello.rtp_origin[camera] ?? 0);
    });
    this.totals = null;
  }

  /** Another camera becomes the main one; its pictures are counted from now on. */
  choose(camera: string): void {
    this.main = camera;
    this.ledger.reset();
    this.glass.clear();
    this.shown.clear();
    this.totals = null;
    this.robot = null;
  }

  frames(message: ChannelFrames): void {
    if (message.camera === this.main) this.settle(this.ledger.frames(message.captured), performance.now());
  }

  private settle(seen: readonly Seen[], nowMs: number): void {
    for (const picture of seen) {
      this.glass.add(nowMs, picture.glassMs);
      this.second.push(picture);
    }
  }

  measured(nowMs: number): Glass {
    return {
      p50Ms: this.glass.quantile(0.5, nowMs),
      p95Ms: this.glass.quantile(0.95, nowMs),
      fps: this.shown.rate(nowMs),
      lostPct: this.received.lostPct,
    };
  }

  /** How long ago camera `i` last showed a picture, milliseconds. */
  sinceShown(i: number, nowMs: number): number | null {
    const shownMs = this.views.get(i)?.shownMs ?? null;
    return shownMs === null ? null : nowMs - shownMs;
  }

  /** Once a second: the stages of the main camera from the browser's statistics, and what the robot is told of them. */
  async measure(nowMs: number): Promise<Draft<ChannelSeen> | null> {
    const receiver = this.views.get(this.cameras.indexOf(this.main))?.receiver;
    if (!receiver) return null;
    const after = totalsOf(await receiver.getStats());
    if (after && this.totals) this.received = between(this.totals, after);
    this.totals = after;
    const pictures = this.second;
    this.second = [];
    const robot = this.robot ?? { capture_ms: 0, encode_ms: 0, send_ms: 0 };
    const { networkMs, displayMs } = viaNetwork(pictures, robot, this.received);
    const { bufferMs, decodeMs, lostPct } = this.received;
    this.stages = { networkMs, bufferMs, decodeMs, displayMs };
    const glass = this.measured(nowMs);
    if (glass.p50Ms === null || glass.p95Ms === null) return null;
    return {
      type: "seen",
      network_ms: networkMs,
      buffer_ms: bufferMs,
      decode_ms: decodeMs,
      display_ms: displayMs,
      glass_ms: glass.p50Ms,
      glass_p95_ms: glass.p95Ms,
      fps: glass.fps,
      lost_pct: lostPct,
    };
  }

  /** The connection is gone: what is on the screen grows old, nothing new is known. */
  disconnect(): void {
    this.totals = null;
    this.stages = null;
    this.robot = null;
    this.received = NOTHING_RECEIVED;
    for (const view of this.views.values()) {
      view.life += 1;
      view.count = null;
    }
  }
}

function totalsOf(report: RTCStatsReport): Totals | null {
  let found: Totals | null = null;
  report.forEach((stat: RTCInboundRtpStreamStats) => {
    if (stat.type !== "inbound-rtp") return;
    found = {
      bufferS: stat.jitterBufferDelay ?? 0,
      bufferCount: stat.jitterBufferEmittedCount ?? 0,
      decodeS: stat.totalDecodeTime ?? 0,
      decodeCount: stat.framesDecoded ?? 0,
      received: stat.packetsReceived ?? 0,
      lost: stat.packetsLost ?? 0,
    };
  });
  return found;
}
