// The 50 Hz loop of the page: commands and heartbeats while this page holds the lease, stops while one is wanted, nothing else.
// It runs on the main thread, so a page that hangs or is hidden falls silent and the robot holds.
import { COMMAND, type Embodiment, HEARTBEAT, NO_FRAME, PROBE } from "../generated/protocol";
import { type Datagram, pack } from "./command";
import { axes, gripOf, isNeutral, neutral } from "./drive";
import type { Inputs } from "./inputs";

export interface Footing {
  /** The lease in force, or null. */
  lease: { epoch: number; seq: number } | null;
  seenFrame: number | null;
  /** The picture is too old, or no motion of this kind is permitted: only zeros go out. */
  locked: boolean;
  /** Locked because the picture is too old. */
  stale: boolean;
}

const PERIOD_S = 0.02;

/** 100 ms of turns. */
const OFF_TURNS = 5;

export class Driver {
  embodiment: Embodiment | null = null;
  /** 0 open to 1 closed. */
  grip = 0;
  /** Whether what went out last asked for motion. */
  moving = false;
  /** A lock met a held control: it must be let go once, or the arm would start by itself when the lock is over. */
  letGoFirst = false;
  /** Turns that still ask for nothing: the robot must hear that hands were off, though packets get lost or come late. */
  private offTurns = 0;
  private lease: { epoch: number; seq: number } | null = null;
  private commands = 0;
  private heartbeats = 0;
  private goals = 0;
  private others = 0;

  constructor(
    private readonly inputs: Inputs,
    private readonly send: (raw: ArrayBuffer) => boolean,
  ) {}

  /** A lease was granted: counters begin anew, the gripper stays as it is. */
  begin(lease: { epoch: number; seq: number }, done: readonly number[]): void {
    this.lease = lease;
    this.commands = 0;
    this.heartbeats = 0;
    this.goals = 0;
    if (this.embodiment) this.grip = gripOf(this.embodiment.action, done);
  }

  end(): void {
    this.lease = null;
    this.moving = false;
    this.letGoFirst = false;
  }

  /** Hands are off, if only for a moment between two turns: what they hold next is a new wish. */
  letGo(): void {
    this.letGoFirst = false;
    this.offTurns = OFF_TURNS;
  }

  toggleGrip(): void {
    this.grip = this.grip > 0.5 ? 0 : 1;
  }

  get nextGoal(): number {
    this.goals += 1;
    return this.goals;
  }

  get nextOther(): number {
    this.others += 1;
    return this.others;
  }

  /** One turn. Visible is checked by the caller: a hidden page has no lease any more. */
  tick(nowMs: number, footing: Footing, pads: readonly (Gamepad | null)[]): void {
    this.inputs.poll(pads);
    const { lease, embodiment } = this;
    if (!lease || !footing.lease || !embodiment) {
      this.moving = false;
      return;
    }
    if (this.inputs.grip !== null) this.grip = this.inputs.grip;
    const held = this.inputs.deadman !== null;
    if (footing.locked && (this.moving || footing.stale)) this.letGoFirst = true;
    if (!held) this.letGoFirst = false;
    const off = this.offTurns > 0;
    if (off) this.offTurns -= 1;
    const deadman = held && !off && !footing.locked && !this.letGoFirst;
    const values = this.values(embodiment, deadman);
    this.moving = deadman && !isNeutral(embodiment.action, values);
    const seenFrame = footing.seenFrame ?? NO_FRAME;
    const common = { ...lease, deadman, sentUs: nowMs * 1000, seenFrame };
    this.commands += 1;
    this.send(pack({ ...common, kind: COMMAND, n: this.commands, values }));
    this.heartbeats += 1;
    this.send(pack({ ...common, kind: HEARTBEAT, n: this.heartbeats, values: [] }));
  }

  private values(embodiment: Embodiment, deadman: boolean): number[] {
    const wish = this.inputs.wish(embodiment.action, PERIOD_S);
    return deadman ? axes(embodiment.action, wish, this.grip) : neutral(embodiment.action, this.grip);
  }

  /** A probe of the network test; gives its number. */
  probe(nowMs: number): number {
    const n = this.nextOther;
    const datagram: Datagram = {
      kind: PROBE,
      deadman: false,
      epoch: 0,
      seq: 0,
      n,
      sentUs: nowMs * 1000,
      seenFrame: NO_FRAME,
      values: [],
    };
    this.send(pack(datagram));
    return n;
  }
}
