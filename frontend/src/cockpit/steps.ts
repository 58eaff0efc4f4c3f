// Steps: one goal per key press, arrow or click, on the reliable channel, alive for a second. Used where the delay permits no more.
// Hands off ends the one under way: a goal of no length takes its place.
import { NO_FRAME } from "../generated/protocol";
import { toast } from "../toast";
import type { Cockpit } from "./cockpit";
import { gripOf, NOTHING, STEP_M, stepOf, stepTo, wishOf } from "./drive";
import { add, pictureFrame, scale, type Vec } from "./geometry";
import type { Motion } from "./keymap";
import { permittedMode } from "./model";

const WAYS: Readonly<Record<string, Vec>> = {
  left: [-1, 0, 0],
  right: [1, 0, 0],
  up: [0, 1, 0],
  down: [0, -1, 0],
  away: [0, 0, 1],
  near: [0, 0, -1],
};

/** So long a goal lives on the robot, by its own age. */
const LIFE_MS = 1000;

export class Steps {
  /** When the step under way is over by itself. */
  private untilMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly cockpit: Cockpit) {}

  /** A motion key with the deadman held; `factor` from the keys for faster and slower. */
  motion(motion: Motion, factor: number): void {
    const { model, inputs, driver } = this.cockpit;
    const action = model.embodiment?.action;
    if (!action || permittedMode(model) !== "step" || inputs.deadman === null) return;
    this.send(stepOf(action, wishOf(motion, inputs.turn), driver.grip, factor));
  }

  /** A button of the arrow pad. */
  arrow(name: string): void {
    const way = WAYS[name];
    if (way) this.inPicture(way[0], way[1], way[2]);
  }

  /** Steps to the right, up and away, as seen in the main picture. */
  inPicture(right: number, up: number, away: number): void {
    const { model } = this.cockpit;
    const camera = model.embodiment?.cameras.find((one) => one.name === model.main);
    if (!model.embodiment || !camera || !model.telemetry || permittedMode(model) !== "step") return;
    const frame = pictureFrame(camera, model.embodiment, model.telemetry.state);
    if (!frame) return;
    const flat = add(scale(frame.right, right * STEP_M), scale(frame.up, up * STEP_M));
    this.by(add(flat, scale(frame.forward, away * STEP_M)));
  }

  /** A displacement of the tool in the base frame, metres. */
  by(shift: Vec): void {
    const action = this.cockpit.model.embodiment?.action;
    if (action) this.send(stepTo(action, shift, this.cockpit.driver.grip));
  }

  /** Hands are off: ends the step under way where the tool is. The gripper stays as the robot has it, whatever was asked meanwhile. */
  cancel(): void {
    const { cockpit } = this;
    const { lease } = cockpit.model.authority;
    const action = cockpit.model.embodiment?.action;
    const nowMs = performance.now();
    if (lease.at !== "mine" || !action || nowMs >= this.untilMs) return;
    this.untilMs = Number.NEGATIVE_INFINITY;
    const done = cockpit.model.telemetry?.done ?? [];
    const grip = done.length === action.length ? gripOf(action, done) : cockpit.driver.grip;
    // It counts whatever picture is shown: the robot ends the step also where it refuses the new one.
    const seen = cockpit.pictures.ledger.newest ?? NO_FRAME;
    this.tell(cockpit.asks.nextId("goal"), lease, nowMs, seen, stepOf(action, NOTHING, grip, 0));
  }

  private send(delta: readonly number[]): void {
    const { cockpit } = this;
    const { lease } = cockpit.model.authority;
    const seen = cockpit.pictures.ledger.newest;
    if (lease.at !== "mine" || seen === null) return;
    const nowMs = performance.now();
    this.untilMs = nowMs + LIFE_MS;
    const id = cockpit.asks.nextId("goal");
    cockpit.asks.expect(id, nowMs, (problem) => problem && toast(problem, { kind: "warn" }));
    this.tell(id, lease, nowMs, seen, delta);
  }

  private tell(
    id: string,
    lease: { epoch: number; seq: number },
    nowMs: number,
    seen_frame: number,
    delta: readonly number[],
  ): void {
    const { epoch, seq } = lease;
    const { connection, driver } = this.cockpit;
    const sent_us = Math.round(nowMs * 1000);
    connection.peer?.tell({ type: "goal", id, epoch, seq, n: driver.nextGoal, sent_us, seen_frame, delta });
  }
}
