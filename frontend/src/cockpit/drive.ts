// From what a person holds to what the robot is asked for: pure functions over the Embodiment's axes. Nothing is sent here.
import type { Axis } from "../generated/protocol";
import { add, limited, scale, type Turn, turned, type Vec } from "./geometry";
import type { Keymap, Motion } from "./keymap";

/** Share of an axis' limit that a held key asks for; Shift doubles it, Z halves it. */
export const KEY_SPEED = 0.5;
/** One step in step mode, metres and radians. */
export const STEP_M = 0.02;
export const STEP_RAD = 0.1;

/** What a person wants, in shares -1..1 of the limits: `move` x forward, y left, z up; `spin` about the same axes. */
export interface Wish {
  move: Vec;
  spin: Vec;
}

export const NOTHING: Wish = { move: [0, 0, 0], spin: [0, 0, 0] };

const WISHES: Readonly<Record<Motion, Wish>> = {
  forward: { move: [1, 0, 0], spin: [0, 0, 0] },
  backward: { move: [-1, 0, 0], spin: [0, 0, 0] },
  left: { move: [0, 1, 0], spin: [0, 0, 0] },
  right: { move: [0, -1, 0], spin: [0, 0, 0] },
  up: { move: [0, 0, 1], spin: [0, 0, 0] },
  down: { move: [0, 0, -1], spin: [0, 0, 0] },
  yaw_left: { move: [0, 0, 0], spin: [0, 0, 1] },
  yaw_right: { move: [0, 0, 0], spin: [0, 0, -1] },
  pitch_up: { move: [0, 0, 0], spin: [0, -1, 0] },
  pitch_down: { move: [0, 0, 0], spin: [0, 1, 0] },
  roll_left: { move: [0, 0, 0], spin: [-1, 0, 0] },
  roll_right: { move: [0, 0, 0], spin: [1, 0, 0] },
};

export const plus = (a: Wish, b: Wish): Wish => ({ move: add(a.move, b.move), spin: add(a.spin, b.spin) });
export const times = (a: Wish, k: number): Wish => ({ move: scale(a.move, k), spin: scale(a.spin, k) });

/** One motion, in the robot's own directions or turned to the picture's. */
export function wishOf(motion: Motion, turn: Turn): Wish {
  const wish = WISHES[motion];
  return { move: turned(wish.move, turn), spin: turned(wish.spin, turn) };
}

/** What the held keys ask for. Opposite keys cancel; two directions together are no faster than one. */
export function keyWish(held: ReadonlySet<string>, map: Keymap, turn: Turn): Wish {
  let total = NOTHING;
  let speed = KEY_SPEED;
  for (const code of held) {
    const meaning = map.held[code];
    if (!meaning || meaning === "deadman") continue;
    if (meaning === "fast") speed *= 2;
    else if (meaning === "slow") speed *= 0.5;
    else total = plus(total, wishOf(meaning, turn));
  }
  return times({ move: limited(total.move, 1), spin: limited(total.spin, 1) }, Math.min(1, speed));
}

/** True while a key that means "drive" is held. */
export function deadmanHeld(held: ReadonlySet<string>, map: Keymap): boolean {
  return [...held].some((code) => map.held[code] === "deadman");
}

const AXIS: Readonly<Record<string, (wish: Wish) => number>> = {
  vx: (wish) => wish.move[0],
  vy: (wish) => wish.move[1],
  vz: (wish) => wish.move[2],
  wx: (wish) => wish.spin[0],
  wy: (wish) => wish.spin[1],
  wz: (wish) => wish.spin[2],
};

export const isRate = (axis: Axis): boolean => axis.unit.endsWith("/s");

const within = (axis: Axis, value: number): number => Math.min(axis.high, Math.max(axis.low, value));

/** A share of the limit on the side it points to. */
function share(axis: Axis, part: number): number {
  return within(axis, part >= 0 ? part * axis.high : -part * axis.low);
}

/** One number per action axis, in its unit. Rates that no key names stay zero; a gripper-like axis is `grip` of 0 open to 1 closed. */
export function axes(action: readonly Axis[], wish: Wish, grip: number): number[] {
  return action.map((axis) => {
    if (!isRate(axis)) return axis.low + (axis.high - axis.low) * Math.min(1, Math.max(0, grip));
    const part = AXIS[axis.name]?.(wish);
    return part === undefined ? 0 : share(axis, Math.min(1, Math.max(-1, part)));
  });
}

/** The same with every rate at zero. */
export function neutral(action: readonly Axis[], grip: number): number[] {
  return axes(action, NOTHING, grip);
}

/** True when every rate is zero. */
export function isNeutral(action: readonly Axis[], values: readonly number[]): boolean {
  return action.every((axis, i) => !isRate(axis) || values[i] === 0);
}

/** The gripper's number of 0 to 1 in a row of axis values; 0 when the body has none. */
export function gripOf(action: readonly Axis[], values: readonly number[]): number {
  const i = action.findIndex((axis) => !isRate(axis));
  const axis = action[i];
  const value = values[i];
  return axis && value !== undefined ? (value - axis.low) / (axis.high - axis.low) : 0;
}

/** A step of one motion: metres or radians per rate axis, the held value for the others. `size` 1 is the usual step. */
export function stepOf(action: readonly Axis[], wish: Wish, grip: number, size: number): number[] {
  return action.map((axis) => {
    if (!isRate(axis)) return axis.low + (axis.high - axis.low) * grip;
    const part = AXIS[axis.name]?.(wish) ?? 0;
    return part * size * (axis.name.startsWith("w") ? STEP_RAD : STEP_M);
  });
}

/** A displacement of the tool (metres, base frame) as a step. */
export function stepTo(action: readonly Axis[], by: Vec, grip: number): number[] {
  const wish: Wish = { move: scale(by, 1 / STEP_M), spin: [0, 0, 0] };
  return stepOf(action, wish, grip, 1);
}

/** A velocity of the tool (m/s, base frame) as shares of the limits of vx, vy, vz. */
export function velocityWish(action: readonly Axis[], v: Vec): Wish {
  const limit = (name: string): number => action.find((axis) => axis.name === name)?.high ?? 0;
  const part = (value: number, most: number): number => (most > 0 ? value / most : 0);
  return { move: [part(v[0], limit("vx")), part(v[1], limit("vy")), part(v[2], limit("vz"))], spin: [0, 0, 0] };
}
