// One WebRTC connection to the robot: offer, checked answer, the two data channels, up to four cameras. It lives once; a new one replaces it.
import type { ChannelFromBrowser, ChannelFromRobot, TeleopAnswer } from "../generated/protocol";
import type { Draft } from "../socket";
import { checkAnswer, fingerprintOf, NOT_ANSWERED, type Verdict } from "./identity";

const CAMERAS = 4;
const GATHER_MS = 2000;

export interface PeerEvents {
  onMessage(message: ChannelFromRobot): void;
  onControl(raw: ArrayBuffer): void;
  onTrack(camera: number, track: MediaStreamTrack, receiver: RTCRtpReceiver): void;
  /** Both channels are open. */
  onOpen(): void;
  /** The browser gave up on it, or a channel closed. */
  onDead(why: string): void;
}

export class Peer {
  readonly pc: RTCPeerConnection;
  readonly state: RTCDataChannel;
  readonly control: RTCDataChannel;
  /** Whether the robot proved its key; else why it may not be driven. */
  verdict: Verdict = NOT_ANSWERED;
  private dead = false;

  constructor(
    iceServers: readonly Record<string, unknown>[],
    private readonly events: PeerEvents,
  ) {
    this.pc = new RTCPeerConnection({
      iceServers: iceServers as unknown as RTCIceServer[],
      bundlePolicy: "max-bundle",
    });
    this.control = this.pc.createDataChannel("control", { ordered: false, maxRetransmits: 0 });
    this.state = this.pc.createDataChannel("state");
    this.control.binaryType = "arraybuffer";
    for (let i = 0; i < CAMERAS; i += 1) this.addCamera(i);
    this.listen();
  }

  private addCamera(i: number): void {
    const transceiver = this.pc.addTransceiver("video", { direction: "recvonly" });
    const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
    const rank = (codec: RTCRtpCodec): number => (codec.mimeType.toLowerCase() === "video/h264" ? 0 : 1);
    transceiver.setCodecPreferences([...codecs].sort((a, b) => rank(a) - rank(b)));
    const { receiver } = transceiver;
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
    receiver.track.addEventListener("unmute", () => this.events.onTrack(i, receiver.track, receiver));
  }

  private listen(): void {
    this.state.onopen = () => this.opened();
    this.control.onopen = () => this.opened();
    this.state.onclose = () => this.die("LINK");
    this.control.onclose = () => this.die("LINK");
    this.state.onmessage = (event) => {
      if (typeof event.data === "string") this.events.onMessage(JSON.parse(event.data) as ChannelFromRobot);
    };
    this.control.onmessage = (event) => {
      if (event.data instanceof ArrayBuffer) this.events.onControl(event.data);
    };
    this.pc.onconnectionstatechange = () => {
      if (this.pc.connectionState === "failed" || this.pc.connectionState === "closed") this.die("LINK");
    };
  }

  private opened(): void {
    if (!this.dead && this.live) this.events.onOpen();
  }

  get live(): boolean {
    return this.state.readyState === "open" && this.control.readyState === "open";
  }

  /** The offer with all candidates in it: the robot takes none later. */
  async offer(): Promise<string> {
    await this.pc.setLocalDescription(await this.pc.createOffer());
    await this.gathered();
    return this.pc.localDescription?.sdp ?? "";
  }

  private gathered(): Promise<void> {
    return new Promise((resolve) => {
      const timer = window.setTimeout(resolve, GATHER_MS);
      const look = (): void => {
        if (this.pc.iceGatheringState !== "complete") return;
        window.clearTimeout(timer);
        resolve();
      };
      this.pc.addEventListener("icegatheringstatechange", look);
      look();
    });
  }

  /** Checks who answered; goes on unless that is forged. */
  async accept(answer: TeleopAnswer, robotKey: string): Promise<Verdict> {
    const own = fingerprintOf(this.pc.localDescription?.sdp ?? "") ?? "";
    this.verdict = await checkAnswer(answer, own, robotKey, globalThis.crypto?.subtle);
    if (this.verdict.proof !== "forged" && !this.dead)
      await this.pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    return this.verdict;
  }

  /** False when the reliable channel is not open. */
  tell(message: Draft<ChannelFromBrowser>): boolean {
    if (this.state.readyState !== "open") return false;
    this.state.send(JSON.stringify({ v: 1, ...message }));
    return true;
  }

  /** A datagram; false when it could not be handed over. What is still queued is older than this and worth less, so nothing waits. */
  datagram(raw: ArrayBuffer): boolean {
    if (this.control.readyState !== "open") return false;
    this.control.send(raw);
    return true;
  }

  private die(why: string): void {
    if (this.dead) return;
    this.dead = true;
    this.events.onDead(why);
  }

  close(): void {
    this.dead = true;
    this.pc.close();
  }
}
