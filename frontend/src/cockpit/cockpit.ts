// The controller of one cockpit: joins connection, authority, stop, driving and pictures, and keeps the model that the views show.
import type { ChannelFromRobot, ChannelTelemetry, RobotState, TeleopFromServer } from "../generated/protocol";
import { alarm, say } from "../live_region";
import type { SocketState } from "../socket";
import { Asks } from "./asks";
import { type Effect, type Happening, inControl, step } from "./authority";
import { RobotClock } from "./clock";
import { Connection, type PeerState } from "./connection";
import { Driver } from "./driver";
import { isStale } from "./frames";
import { pictureFrame, quarterTurn } from "./geometry";
import { pilotOf } from "./history";
import { type InputEvents, Inputs } from "./inputs";
import { emptyModel, latched, type Model, permittedMode } from "./model";
import { NetworkProbe } from "./network_probe";
import { Pictures } from "./pictures";
import { RemoteStop } from "./stop";
import { type Standing, stopWays } from "./stop_ways";
import { Ticker } from "./ticker";
import { stages } from "./waterfall";
import { clampWords } from "./words";

export class Cockpit {
  readonly model: Model;
  readonly clock = new RobotClock();
  readonly pictures = new Pictures(this.clock);
  readonly asks = new Asks();
  readonly stop: RemoteStop;
  readonly inputs: Inputs;
  readonly driver: Driver;
  readonly connection: Connection;
  private readonly ticker = new Ticker(20, (nowMs) => this.turn(nowMs));
  private readonly network = new NetworkProbe((nowMs) => this.driver.probe(nowMs));
  private wasStopped = false;
  private burst = 0;

  constructor(
    robot: string,
    surface: HTMLElement,
    events: Omit<InputEvents, "driving">,
    private readonly changed: () => void,
  ) {
    this.model = emptyModel(robot);
    this.inputs = new Inputs({ ...events, driving: () => this.inControl }, surface);
    this.driver = new Driver(this.inputs, (raw) => this.connection.peer?.datagram(raw) ?? false);
    this.stop = new RemoteStop(stopWays(this.standing(), this.asks), () => this.model.hello?.person ?? "");
    this.connection = new Connection(robot, this.connectionEvents());
  }

  private connectionEvents(): ConstructorParameters<typeof Connection>[1] {
    return {
      onServer: (message) => this.fromServer(message),
      onRobot: (message) => this.fromRobot(message),
      onControl: (raw) => this.network.back(raw, performance.now()),
      onTrack: (camera, track, receiver) => this.pictures.attach(camera, track, receiver),
      onPeer: (state, why) => this.onPeer(state, why),
      onSocket: (state, code) => this.onSocket(state, code),
      onKeyChanged: (key) => {
        this.model.changedKey = key;
        this.changed();
      },
      onForged: (sentence) => {
        this.model.forged = sentence;
        alarm(sentence);
        this.changed();
      },
    };
  }

  start(): void {
    this.connection.open();
    this.ticker.start();
  }

  close(): void {
    this.handBack("page_left");
    this.ticker.stop();
    this.connection.close();
  }

  get inControl(): boolean {
    return inControl(this.model.authority, performance.now());
  }

  // -- the stop ---------------------------------------------------------------------------------

  private standing(): Standing {
    return {
      connection: () => this.connection,
      person: () => this.model.hello?.person ?? "",
      datagram: () => {
        const { lease } = this.model.authority;
        return {
          n: this.driver.nextOther,
          seenFrame: this.pictures.ledger.newest ?? 0xffffffff,
          lease: lease.at === "mine" ? lease : { epoch: 0, seq: 0 },
        };
      },
    };
  }

  pressStop(): void {
    const nowMs = performance.now();
    this.inputs.forget();
    const again = this.stop.wanted;
    this.stop.press(nowMs);
    this.model.stop = this.stop.state;
    if (!again) {
      this.model.stopServer = "";
      this.model.history.mark("stop asked", nowMs, "stop");
      alarm("Remote stop asked. Waiting for the robot.");
    }
    this.changed();
  }

  private heardStops(sources: readonly string[], nowMs: number): void {
    const before = this.stop.state;
    this.stop.latched(sources, nowMs);
    const after = this.stop.state;
    this.model.stop = after;
    if (before.at !== "answered" && after.at === "answered")
      alarm(`Stopped. The robot answered after ${Math.round(after.tookMs)} milliseconds and stands still.`);
    const stopped = sources.length > 0;
    if (stopped !== this.wasStopped) this.model.history.mark(stopped ? "stopped" : "cleared", nowMs, "stop");
    if (stopped && !this.wasStopped && before.at === "rest") alarm("A remote stop is latched. The robot stands still.");
    if (!stopped && this.wasStopped) say("All stops are cleared. Nothing moves until somebody takes control.");
    this.wasStopped = stopped;
  }

  // -- authority --------------------------------------------------------------------------------

  happen(event: Happening): void {
    const { next, effects } = step(this.model.authority, event, performance.now());
    const before = this.model.authority.lease.at;
    this.model.authority = next;
    if (event.what === "refused" && event.code === "no_session") this.connection.rebind(true);
    if (next.lease.at === "mine" && before !== "mine")
      this.driver.begin(next.lease, this.model.telemetry?.done ?? this.model.telemetry?.asked ?? []);
    if (next.lease.at !== "mine" && before === "mine") this.driver.end();
    for (const effect of effects) this.carryOut(effect);
    if (before === "mine" && next.lease.at !== "mine") this.connection.rebind();
  }

  private carryOut(effect: Effect): void {
    const { socket, peer } = this.connection;
    if (effect.do === "ask_permit")
      socket.send({ type: "permit_request", id: effect.id, act: "drive", force: effect.force, reason: effect.reason });
    else if (effect.do === "ask_holder") socket.send({ type: "take_request", id: effect.id });
    else if (effect.do === "acquire") peer?.tell({ type: "acquire", id: effect.id, permit: effect.permit });
    else if (effect.do === "release")
      peer?.tell({ type: "release", id: effect.id, epoch: effect.epoch, seq: effect.seq, reason: effect.reason });
    else if (effect.do === "answer_holder")
      socket.send({ type: "take_answer", request: effect.request, consent: effect.consent });
    else if (effect.do === "forget_input") this.inputs.forget();
    else if (effect.do === "say") say(effect.text);
    else alarm(effect.text);
  }

  take(how: "free" | "ask" | "force", holder: string, reason: string): void {
    this.connection.rebind();
    this.happen({ what: "take", id: this.asks.nextId("take"), how, holder, reason });
  }

  handBack(reason: "released" | "hidden" | "page_left" | "handed_over"): void {
    this.happen({ what: "hand_back", id: this.asks.nextId("release"), reason });
  }

  /** Clears one latched source: a permit first, then the robot. */
  clear(source: string): void {
    this.model.clearing = { source, sinceMs: performance.now() };
    this.model.clearProblem = "";
    this.connection.socket
      .request({ type: "permit_request", act: "clear" })
      .then((message) => this.clearWith(source, message))
      .catch((error: Error) => this.cleared(error.message));
  }

  private clearWith(source: string, message: TeleopFromServer): void {
    if (message.type === "refused") this.cleared(message.sentence);
    if (message.type !== "permitted") return;
    const id = this.asks.nextId("clear");
    this.asks.expect(id, performance.now(), (problem) => this.cleared(problem));
    this.connection.peer?.tell({ type: "clear", id, source, permit: message.permit });
  }

  private cleared(problem: string): void {
    this.model.clearing = null;
    this.model.clearProblem = problem;
    if (problem) say(problem);
    this.changed();
  }

  // -- what comes in ----------------------------------------------------------------------------

  private fromServer(message: TeleopFromServer): void {
    const { model } = this;
    if (message.type === "hello") {
      model.hello = message;
      model.online = message.online;
    } else if (message.type === "robot_now") this.robotNow(message.online, message.last_seen_s, message.state);
    else if (message.type === "permitted")
      this.happen({ what: "permitted", id: message.id ?? "", permit: message.permit });
    else if (message.type === "take_result") this.takeResult(message);
    else if (message.type === "take_asked")
      this.happen({ what: "take_asked", request: message.request, name: message.name, seconds: message.seconds });
    else if (message.type === "stop_state") model.stopServer = message.state;
    else if (message.type === "refused")
      this.happen({ what: "refused", id: message.id ?? "", code: message.code, sentence: message.sentence });
    this.changed();
  }

  private takeResult(message: Extract<TeleopFromServer, { type: "take_result" }>): void {
    const { consent, by, id = "", permit = null } = message;
    this.happen({ what: "take_result", id, consent, by, permit, acquire: this.asks.nextId("take") });
  }

  private robotNow(online: boolean, lastSeenS: number | null, state: RobotState | null): void {
    this.model.online = online;
    this.model.lastSeenS = lastSeenS;
    if (this.model.peer === "live") return;
    this.model.state = state;
    this.model.stateMs = performance.now();
    this.heardStops(state?.stops ?? [], performance.now());
  }

  private fromRobot(message: ChannelFromRobot): void {
    const nowMs = performance.now();
    this.happen({ what: "word" });
    if (this.asks.hear(message)) this.changed();
    if (message.type === "hello") this.greeted(message);
    else if (message.type === "telemetry") this.onTelemetry(message, nowMs);
    else if (message.type === "frames") this.pictures.frames(message);
    else if (message.type === "pong") this.clock.pong(message.sent_us, message.mono_us, nowMs);
    else if (message.type === "stages") this.pictures.robot = message;
    else if (message.type === "state") this.onState(message.robot, nowMs);
    else if (message.type === "granted")
      this.happen({ what: "granted", id: message.id ?? "", epoch: message.epoch, seq: message.seq });
    else if (message.type === "stopped") this.heardStops([message.source, ...latched(this.model)], nowMs);
    else if (message.type === "done") this.happen({ what: "done", id: message.id ?? "" });
    else if (message.type === "refused")
      this.happen({ what: "refused", id: message.id ?? "", code: message.code, sentence: message.sentence });
    if (message.type !== "telemetry" && message.type !== "frames" && message.type !== "pong") this.changed();
  }

  private greeted(message: Extract<ChannelFromRobot, { type: "hello" }>): void {
    this.pictures.hello(message);
    this.model.embodiment = JSON.parse(message.embodiment) as NonNullable<Model["embodiment"]>;
    this.driver.embodiment = this.model.embodiment;
    this.model.cameras = message.cameras;
    this.model.main = this.pictures.main;
    this.turnKeys();
    this.watch();
  }

  /** Which quarter turn makes the keys move as seen: that of the first camera that stands still in the robot's base frame. */
  turnKeys(): void {
    const { embodiment, keysFollow } = this.model;
    const camera = embodiment?.cameras.find((one) => one.mount === "base" || one.mount === "world");
    const frame = embodiment && camera ? pictureFrame(camera, embodiment, []) : null;
    this.inputs.turn = frame && keysFollow === "picture" ? quarterTurn(frame.forward) : 0;
  }

  choose(camera: string): void {
    if (!this.model.cameras.includes(camera) || camera === this.model.main) return;
    this.pictures.choose(camera);
    this.model.main = camera;
    this.inputs.drag.drop();
    this.watch();
    say(`${camera} is the main camera.`);
    this.changed();
  }

  private watch(): void {
    if (this.model.main)
      this.connection.peer?.tell({ type: "watch", main: this.model.main, shown: this.model.cameras });
  }

  private onTelemetry(message: ChannelTelemetry, nowMs: number): void {
    const { model } = this;
    model.telemetry = message;
    model.history.add({
      atMs: nowMs,
      state: message.state,
      asked: message.asked,
      done: message.done,
      latencyMs: message.control_latency_ms ?? model.glass.p50Ms,
    });
    const words = this.inControl ? clampWords(message.clamps) : "";
    model.history.clamp(words, nowMs);
    const refused = message.clamps.includes("neutral_first") && this.inputs.deadman !== null;
    model.letGoFirst = this.inControl && (refused || this.driver.letGoFirst);
    if (model.state) model.history.pilot(...pilotOf(model.state), nowMs);
  }

  private onState(state: RobotState, nowMs: number): void {
    const before = this.model.state;
    this.model.state = state;
    this.model.stateMs = nowMs;
    if (before?.lease?.seq !== state.lease?.seq)
      this.model.history.mark(state.lease ? `${state.lease.name} takes` : "lease ends", nowMs, "acc");
    this.happen({ what: "state", state });
    this.heardStops(state.stops ?? [], nowMs);
  }

  private onPeer(state: PeerState, why: string): void {
    this.model.peer = state;
    const verdict = state === "live" ? this.connection.peer?.verdict : undefined;
    this.model.keyChecked = verdict?.proof === "proven";
    this.model.pageProblem = verdict?.sentence ?? "";
    if (state === "live") {
      this.clock.reset();
      this.burst = 8;
      this.happen({ what: "opened" });
      this.testNetwork();
    } else {
      this.pictures.disconnect();
      this.model.telemetry = null;
      this.happen({ what: "closed", why: why || "LINK" });
      this.network.forget();
    }
    this.changed();
  }

  private onSocket(state: SocketState, code: number): void {
    this.model.socket = state;
    this.model.socketCode = code;
    if (state === "waiting") say("Server lost. Connecting again.");
    this.changed();
  }

  readonly testNetwork = (): void => this.network.begin();

  // -- time -------------------------------------------------------------------------------------

  /** 50 times a second. */
  private turn(nowMs: number): void {
    this.stop.repeat();
    this.model.stop = this.stop.state;
    if (document.visibilityState !== "visible") return;
    const { lease } = this.model.authority;
    const ageMs = this.pictures.ledger.ageMs(nowMs);
    const mode = permittedMode(this.model);
    const stale = isStale(ageMs);
    const footing = {
      lease: lease.at === "mine" ? { epoch: lease.epoch, seq: lease.seq } : null,
      seenFrame: this.pictures.ledger.newest,
      locked: stale || mode === "step" || mode === "supervise",
      stale,
    };
    this.driver.tick(nowMs, footing, navigator.getGamepads());
    this.network.turn(nowMs);
    if (this.burst > 0) this.ping(nowMs);
  }

  private ping(nowMs: number): void {
    if (this.burst > 0) this.burst -= 1;
    this.connection.peer?.tell({ type: "ping", sent_us: Math.round(nowMs * 1000) });
  }

  /** Ten times a second: what is shown. */
  refresh(nowMs: number): void {
    const { model } = this;
    model.nowMs = nowMs;
    model.refusal = this.connection.refusal;
    model.ageMs = this.pictures.ledger.ageMs(nowMs);
    model.glass = this.pictures.measured(nowMs);
    model.stages = stages(this.pictures.robot, this.pictures.stages, model.telemetry);
    model.test = this.network.result;
    model.rttMs = this.clock.rttMs;
    model.stopUnknown = this.stop.unknown(nowMs);
    model.deadman = this.inputs.deadman;
    model.moving = this.driver.moving;
    model.hasPad = this.inputs.hasPad;
    this.happen({ what: "tick" });
    this.asks.tick(nowMs, model.peer === "live");
  }

  /** Once a second: pings, statistics, silence. A page that is hidden still pings, so that the robot keeps the picture for it. */
  async second(nowMs: number): Promise<void> {
    this.connection.watch(nowMs);
    // The lease outlives its server by 5 s only, so this page asks again sooner than others do; chance keeps pages apart.
    if (this.model.socket === "waiting" && Math.random() < 0.6) this.connection.socket.hurry();
    this.network.second();
    if (this.model.peer !== "live") return;
    this.ping(nowMs);
    const seen = await this.pictures.measure(nowMs);
    if (seen) this.connection.peer?.tell(seen);
  }
}
