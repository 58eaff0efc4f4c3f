// What the views show: one plain object that the controller fills and the views only read; and what a person can do about it.
import type { ChannelTelemetry, Embodiment, RobotState, TeleopHello } from "../generated/protocol";
import type { SocketState } from "../socket";
import type { HelpDetail, RunDetail } from "../tasks/shapes";
import { type Authority, START } from "./authority";
import type { PeerState } from "./connection";
import { History } from "./history";
import type { Keymap } from "./keymap";
import { REINS } from "./keymap";
import type { Glass } from "./pictures";
import type { NetworkTest } from "./preflight";
import type { Stop } from "./stop";
import { OFF, type Turns } from "./turns";
import type { Stage } from "./waterfall";

export interface CampaignChoice {
  id: string;
  name: string;
  due: string | null;
}

export interface Model {
  robot: string;
  hello: TeleopHello | null;
  socket: SocketState;
  socketCode: number;
  peer: PeerState;
  /** Why this page may not drive: no secure context, key not checked; "" when it may. */
  pageProblem: string;
  keyChecked: boolean;
  /** A key that differs from the one this browser knows, awaiting a decision; and the answer that was not the robot's. */
  changedKey: string;
  forged: string;
  /** Why the server or the robot refused the last offer of a connection. */
  refusal: string;
  online: boolean;
  lastSeenS: number | null;
  /** The newest state, the robot's own while connected, else as the server last knew it. */
  state: RobotState | null;
  stateMs: number;
  authority: Authority;
  stop: Stop;
  stopUnknown: boolean;
  /** What the server says of a stop sent through it. */
  stopServer: "" | "asked" | "acknowledged" | "unreachable";
  clearing: { source: string; sinceMs: number } | null;
  clearProblem: string;
  telemetry: ChannelTelemetry | null;
  embodiment: Embodiment | null;
  cameras: readonly string[];
  main: string;
  glass: Glass;
  ageMs: number | null;
  stages: readonly Stage[];
  test: NetworkTest | null;
  rttMs: number | null;
  deadman: "keys" | "pad" | "picture" | null;
  moving: boolean;
  letGoFirst: boolean;
  hasPad: boolean;
  keymap: Keymap;
  /** Keys move as seen in the picture, or along the robot's own axes. */
  keysFollow: "picture" | "robot";
  recordProblem: string;
  recordWait: boolean;
  /** Open campaigns of this robot, null until the server has told; and the takes of the chosen one. */
  campaigns: readonly CampaignChoice[] | null;
  turns: Turns;
  /** The run that the robot is at, and its request for help; null for none. */
  run: RunDetail | null;
  help: HelpDetail | null;
  history: History;
  frozenMs: number | null;
  nowMs: number;
}

export function emptyModel(robot: string): Model {
  return {
    robot,
    hello: null,
    socket: "connecting",
    socketCode: 0,
    peer: "none",
    pageProblem: "",
    keyChecked: false,
    changedKey: "",
    forged: "",
    refusal: "",
    online: false,
    lastSeenS: null,
    state: null,
    stateMs: 0,
    authority: START,
    stop: { at: "rest" },
    stopUnknown: false,
    stopServer: "",
    clearing: null,
    clearProblem: "",
    telemetry: null,
    embodiment: null,
    cameras: [],
    main: "",
    glass: { p50Ms: null, p95Ms: null, fps: 0, lostPct: 0 },
    ageMs: null,
    stages: [],
    test: null,
    rttMs: null,
    deadman: null,
    moving: false,
    letGoFirst: false,
    hasPad: false,
    keymap: REINS,
    keysFollow: "picture",
    recordProblem: "",
    recordWait: false,
    campaigns: null,
    turns: OFF,
    run: null,
    help: null,
    history: new History(),
    frozenMs: null,
    nowMs: 0,
  };
}

/** Name of the robot for sentences. */
export function robotName(m: Model): string {
  return m.hello?.robot_name ?? "the robot";
}

export function permittedMode(m: Model): "direct" | "scaled" | "step" | "supervise" {
  return m.telemetry?.permitted ?? m.state?.permitted ?? "supervise";
}

/** Latched sources as the robot last said. */
export function latched(m: Model): readonly string[] {
  return m.state?.stops ?? [];
}
