// From page to robot: the server's socket for signalling and permits, the peer connection for everything live. Both come back by themselves.
// A new peer is a new session, to which nothing carries over; a new socket goes on with the session of a living peer if the server lets it.
import { waitMs } from "../backoff";
import type { ChannelFromRobot, TeleopFromBrowser, TeleopFromServer, TeleopHello } from "../generated/protocol";
import { LiveSocket, type SocketState } from "../socket";
import { checkPin } from "./identity";
import { Peer } from "./peer";

/** A peer that has said nothing for so long is replaced. */
const DEAD_MS = 3000;
/** An offer that nobody answered is made anew. */
const OFFER_MS = 8000;

export type PeerState = "none" | "connecting" | "live" | "lost";

export interface ConnectionEvents {
  onServer(message: TeleopFromServer): void;
  onRobot(message: ChannelFromRobot): void;
  onControl(raw: ArrayBuffer): void;
  onTrack(camera: number, track: MediaStreamTrack, receiver: RTCRtpReceiver): void;
  onPeer(state: PeerState, why: string): void;
  onSocket(state: SocketState, code: number): void;
  /** The robot's key is not the one this browser knows; nothing goes on until a person decided. */
  onKeyChanged(key: string): void;
  /** The answer was not the robot's own. */
  onForged(sentence: string): void;
}

export class Connection {
  peer: Peer | null = null;
  state: PeerState = "none";
  hello: TeleopHello | null = null;
  /** The server's socket knows the peer's session, so that its permits fit. */
  bound = false;
  /** Why the last offer was refused; "" once there is a connection. */
  refusal = "";
  private session = "";
  private attempt = 0;
  private asked = 0;
  private offerId = "";
  private resumeId = "";
  private retry = 0;
  private offeredMs = 0;
  private blocked = false;
  private wordMs = 0;
  readonly socket: LiveSocket<TeleopFromServer, TeleopFromBrowser>;

  constructor(
    private readonly robot: string,
    private readonly events: ConnectionEvents,
  ) {
    this.socket = new LiveSocket<TeleopFromServer, TeleopFromBrowser>({
      path: `/ws/teleop/${robot}/`,
      onMessage: (message) => this.fromServer(message),
      onState: (state, code) => this.onSocket(state, code),
      ackOf: (message) => (message.type === "robot_now" ? message.n : undefined),
    });
  }

  open(): void {
    this.socket.open();
  }

  close(): void {
    window.clearTimeout(this.retry);
    this.socket.send({ type: "bye" });
    this.drop("none", "");
    this.socket.close();
  }

  private onSocket(state: SocketState, code: number): void {
    if (state !== "open") this.bound = false;
    this.events.onSocket(state, code);
  }

  private fromServer(message: TeleopFromServer): void {
    if (message.type === "hello") this.greeted(message);
    else if (message.type === "ice_servers" && this.hello)
      this.hello = { ...this.hello, ice_servers: message.ice_servers };
    else if (message.type === "answer") void this.answered(message);
    else if (message.type === "session_ended" && this.concerns(message.session)) this.lost("ENDED");
    else if (message.type === "robot_now") this.robotNow(message.online);
    else if (message.type === "refused" && message.id === this.offerId) {
      this.refusal = message.sentence;
      this.again();
    } else if (message.type === "refused" && message.id === this.resumeId) this.rebind(true);
    this.events.onServer(message);
  }

  /** Ours, or the one just offered, which has no name here before its answer. */
  private concerns(session: string): boolean {
    return this.session ? session === this.session : this.state === "connecting" && this.offeredMs > 0;
  }

  private greeted(hello: TeleopHello): void {
    this.hello = hello;
    const pin = checkPin(window.localStorage, this.robot, hello.robot_key);
    this.blocked = pin === "changed";
    if (this.blocked) this.events.onKeyChanged(hello.robot_key);
    else if (!this.resume()) this.connect();
  }

  /** A peer outlives its socket, and ends soon unless the new one claims its session. False when there is none. */
  private resume(): boolean {
    if (this.state !== "live" || !this.peer?.live) return false;
    this.resumeId = this.nextId("resume");
    this.bound = this.socket.send({ type: "resume", id: this.resumeId, session: this.session });
    return true;
  }

  private nextId(prefix: string): string {
    this.asked += 1;
    return `${prefix}-${this.asked}`;
  }

  /** The person trusts the changed key. */
  unblock(): void {
    this.blocked = false;
    this.connect();
  }

  private robotNow(online: boolean): void {
    if (!this.hello) return;
    const came = online && !this.hello.online;
    this.hello = { ...this.hello, online };
    if (came && this.state !== "live") {
      this.attempt = 0;
      this.connect();
    }
  }

  /** A new session, now. */
  connect(): void {
    window.clearTimeout(this.retry);
    if (!this.hello || this.blocked || this.socket.state !== "open") return;
    if (!this.hello.online) {
      this.drop("none", "");
      return;
    }
    this.drop("connecting", "");
    const peer = new Peer(this.hello.ice_servers, {
      onMessage: (message) => this.heard(peer, message),
      onControl: (raw) => this.events.onControl(raw),
      onTrack: (camera, track, receiver) => this.peer === peer && this.events.onTrack(camera, track, receiver),
      onOpen: () => this.opened(peer),
      onDead: (why) => this.peer === peer && this.lost(why),
    });
    this.peer = peer;
    void this.offer(peer);
  }

  private async offer(peer: Peer): Promise<void> {
    const sdp = await peer.offer();
    if (this.peer !== peer) return;
    this.offeredMs = performance.now();
    this.offerId = this.nextId("offer");
    if (this.socket.send({ type: "offer", id: this.offerId, sdp })) this.bound = true;
  }

  private async answered(answer: Extract<TeleopFromServer, { type: "answer" }>): Promise<void> {
    const { peer, hello } = this;
    if (!peer || !hello) return;
    this.session = answer.session;
    const { proof, sentence } = await peer.accept(answer, hello.robot_key);
    if (proof !== "forged") return;
    this.blocked = true;
    this.drop("none", "");
    this.events.onForged(sentence);
  }

  private heard(peer: Peer, message: ChannelFromRobot): void {
    if (this.peer !== peer) return;
    this.wordMs = performance.now();
    this.events.onRobot(message);
  }

  private opened(peer: Peer): void {
    if (this.peer !== peer) return;
    this.attempt = 0;
    this.refusal = "";
    this.wordMs = performance.now();
    this.become("live", "");
  }

  /** To be called about once a second: a peer that is silent is dead, whatever the browser says of it. */
  watch(nowMs: number): void {
    if (this.state === "live" && nowMs - this.wordMs > DEAD_MS) this.lost("LINK");
    if (this.state === "connecting" && this.offeredMs > 0 && nowMs - this.offeredMs > OFFER_MS) this.lost("LINK");
  }

  /** A living peer whose server forgot it cannot get permits: begin a new session. */
  rebind(forgotten = false): void {
    if ((forgotten || !this.bound) && this.socket.state === "open") this.connect();
  }

  private lost(why: string): void {
    this.drop("lost", why);
    this.again();
  }

  private again(): void {
    window.clearTimeout(this.retry);
    this.attempt += 1;
    this.retry = window.setTimeout(() => this.connect(), waitMs(this.attempt, Math.random));
  }

  private drop(state: PeerState, why: string): void {
    this.peer?.close();
    this.peer = null;
    this.session = "";
    this.resumeId = "";
    this.offeredMs = 0;
    this.become(state, why);
  }

  private become(state: PeerState, why: string): void {
    if (state === this.state && !why) return;
    this.state = state;
    this.events.onPeer(state, why);
  }
}
