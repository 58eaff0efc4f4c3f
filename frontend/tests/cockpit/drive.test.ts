import { describe, expect, test } from "vitest";
import { Drag } from "../../src/cockpit/drag";
import {
  axes,
  deadmanHeld,
  gripOf,
  isNeutral,
  keyWish,
  NOTHING,
  neutral,
  stepOf,
  stepTo,
  velocityWish,
  wishOf,
} from "../../src/cockpit/drive";
import { HeldKeys } from "../../src/cockpit/held";
import { isStopKey, keyFor, LEROBOT, REINS } from "../../src/cockpit/keymap";
import { Pad, stick } from "../../src/cockpit/pad";
import type { Axis } from "../../src/generated/protocol";

const rate = (name: string, unit: string, most: number): Axis => ({ name, unit, low: -most, high: most, slew: 10 });
const ARM: Axis[] = [
  rate("vx", "m/s", 0.35),
  rate("vy", "m/s", 0.35),
  rate("vz", "m/s", 0.35),
  rate("wx", "rad/s", 1.5),
  rate("wy", "rad/s", 1.5),
  rate("wz", "rad/s", 1.5),
  { name: "gripper", unit: "1", low: 0, high: 1, slew: 5 },
];
const held = (...codes: string[]): Set<string> => new Set(codes);
const ask = (...codes: string[]): number[] => axes(ARM, keyWish(held(...codes), REINS, 0), 0);

describe("keys become axes of the Embodiment", () => {
  test("forward is half the limit along x, Shift the whole, Z a quarter", () => {
    expect(ask("KeyW")[0]).toBeCloseTo(0.175);
    expect(ask("KeyW", "ShiftLeft")[0]).toBeCloseTo(0.35);
    expect(ask("KeyW", "KeyZ")[0]).toBeCloseTo(0.0875);
  });

  test("left, up and yaw follow the right-hand rule", () => {
    expect(ask("KeyA")[1]).toBeGreaterThan(0);
    expect(ask("KeyR")[2]).toBeGreaterThan(0);
    expect(ask("KeyQ")[5]).toBeGreaterThan(0);
    expect(ask("KeyL")[3]).toBeGreaterThan(0);
    expect(ask("KeyK")[4]).toBeGreaterThan(0);
  });

  test("opposite keys cancel and a diagonal is no faster", () => {
    expect(isNeutral(ARM, ask("KeyW", "KeyS"))).toBe(true);
    const [x = 0, y = 0] = ask("KeyW", "KeyA");
    expect(Math.hypot(x, y)).toBeCloseTo(0.175);
  });

  test("a body with other axes gets zeros where no key fits", () => {
    const joints = [rate("q1", "rad/s", 1), rate("q2", "rad/s", 1)];
    expect(axes(joints, keyWish(held("KeyW"), REINS, 0), 0)).toEqual([0, 0]);
    expect(axes([], NOTHING, 0)).toEqual([]);
  });

  test("seen from the front, forward goes away from the person", () => {
    expect(axes(ARM, wishOf("forward", 2), 0)[0]).toBeCloseTo(-0.35);
    expect(axes(ARM, wishOf("right", 2), 0)[1]).toBeCloseTo(0.35);
    expect(axes(ARM, wishOf("forward", 1), 0)[1]).toBeCloseTo(0.35);
  });

  test("neutral keeps the gripper where it is", () => {
    expect(neutral(ARM, 0.7)).toEqual([0, 0, 0, 0, 0, 0, 0.7]);
    expect(gripOf(ARM, neutral(ARM, 0.7))).toBeCloseTo(0.7);
    expect(gripOf([rate("vx", "m/s", 1)], [0.3])).toBe(0);
  });

  test("nothing leaves the limits", () => {
    const wild = axes(ARM, { move: [9, -9, 0], spin: [0, 0, -9] }, 4);
    expect(wild).toEqual([0.35, -0.35, 0, 0, 0, -1.5, 1]);
  });
});

describe("the deadman", () => {
  test("is Space, and Shift in the other preset", () => {
    expect(deadmanHeld(held("Space"), REINS)).toBe(true);
    expect(deadmanHeld(held("ShiftLeft"), REINS)).toBe(false);
    expect(deadmanHeld(held("ShiftLeft"), LEROBOT)).toBe(true);
    expect(deadmanHeld(held("Space"), LEROBOT)).toBe(false);
  });

  test("keys held at a blur have to be pressed again; their repeats do not count", () => {
    const keys = new HeldKeys();
    expect(keys.down("KeyW", false)).toBe(true);
    keys.forget();
    expect(keys.down("KeyW", true)).toBe(false);
    expect(keys.has("KeyW")).toBe(false);
    expect(keys.down("KeyW", false)).toBe(true);
  });

  test("the stop keys are in no preset", () => {
    expect(isStopKey({ key: "Escape", code: "Escape" })).toBe(true);
    expect(isStopKey({ key: "^", code: "Backquote" })).toBe(true);
    for (const map of [REINS, LEROBOT]) {
      const codes = [...Object.keys(map.held), ...Object.keys(map.pressed)];
      expect(codes).not.toContain("Escape");
      expect(codes).not.toContain("Backquote");
      expect(codes.filter((code) => code in map.held && code in map.pressed)).toEqual([]);
    }
    expect(keyFor(REINS, "deadman")).toBe("Space");
    expect(keyFor(LEROBOT, "success")).toBe("→");
  });
});

describe("a gamepad", () => {
  const reading = (axesNow: number[], pressed: number[], trigger = 0) => ({
    axes: axesNow,
    buttons: Array.from({ length: 16 }, (_, i) => ({ pressed: pressed.includes(i), value: i === 7 ? trigger : 0 })),
  });

  test("has a dead zone without a jump and reaches the limit", () => {
    expect(stick(0.1, 0.05)).toEqual([0, 0]);
    expect(Math.abs(stick(0.13, 0)[0])).toBeLessThan(0.02);
    expect(stick(1, 0)[0]).toBeCloseTo(1);
  });

  test("moves with the left stick and turns with the right", () => {
    const pad = new Pad();
    const { wish } = pad.read(reading([0, -1, 1, 0], []), 0);
    expect(wish.move[0]).toBeCloseTo(1);
    expect(wish.spin[2]).toBeCloseTo(-1);
  });

  test("LB held when it is plugged in does not drive until it was let go", () => {
    const pad = new Pad();
    expect(pad.read(reading([0, 0, 0, 0], [4]), 0).deadman).toBe(false);
    pad.read(reading([0, 0, 0, 0], []), 0);
    expect(pad.read(reading([0, 0, 0, 0], [4]), 0).deadman).toBe(true);
  });

  test("B stops while LB is held, also when control just changed", () => {
    const pad = new Pad();
    expect(pad.read(reading([0, 0, 0, 0], [4]), 0).stop).toBe(false);
    expect(pad.read(reading([0, 0, 0, 0], [4, 1]), 0)).toMatchObject({ stop: true, deadman: false });
    pad.read(reading([0, 0, 0, 0], [4]), 0);
    pad.forget();
    expect(pad.read(reading([0, 0, 0, 0], [4, 1]), 0)).toMatchObject({ stop: true, deadman: false });
  });

  test("B held when the pad is plugged in stops only when it is pressed anew", () => {
    const pad = new Pad();
    expect(pad.read(reading([0, 0, 0, 0], [1]), 0).stop).toBe(false);
    pad.read(null, 0);
    expect(pad.read(reading([0, 0, 0, 0], [1]), 0).stop).toBe(false);
    pad.read(reading([0, 0, 0, 0], []), 0);
    expect(pad.read(reading([0, 0, 0, 0], [1]), 0).stop).toBe(true);
  });

  test("a lost pad asks for nothing and has to be armed anew", () => {
    const pad = new Pad();
    pad.read(reading([0, 0, 0, 0], []), 0);
    pad.read(reading([0, -1, 0, 0], [4]), 0);
    const lost = pad.read(null, 0);
    expect(lost.deadman).toBe(false);
    expect(lost.wish).toEqual(NOTHING);
    expect(pad.read(reading([0, -1, 0, 0], [4]), 0).deadman).toBe(false);
  });

  test("the trigger grips only once it was touched", () => {
    const pad = new Pad();
    expect(pad.read(reading([0, 0, 0, 0], []), 0).grip).toBeNull();
    expect(pad.read(reading([0, 0, 0, 0], [], 0.8), 0).grip).toBe(0.8);
    expect(pad.read(reading([0, 0, 0, 0], [], 0), 0).grip).toBe(0);
  });
});

describe("a drag on the picture", () => {
  test("moves the tool by what was dragged, no faster than allowed", () => {
    const drag = new Drag();
    drag.grab();
    drag.by([0.05, 0, 0]);
    let moved = 0;
    for (let i = 0; i < 400; i += 1) {
      const [v] = drag.take(0.02, 0.1);
      expect(v).toBeLessThanOrEqual(0.1 + 1e-9);
      moved += v * 0.02;
    }
    expect(moved).toBeCloseTo(0.05, 3);
  });

  test("letting go drops what is left", () => {
    const drag = new Drag();
    drag.grab();
    drag.by([0.1, 0, 0]);
    drag.drop();
    expect(drag.take(0.02, 1)).toEqual([0, 0, 0]);
    expect(drag.held).toBe(false);
  });

  test("without a grab nothing is pending, and the wheel rolls away from the camera", () => {
    const drag = new Drag();
    drag.by([1, 0, 0]);
    expect(drag.take(0.02, 1)).toEqual([0, 0, 0]);
    drag.wheel(-100, [0, 1, 0]);
    expect(drag.take(0.02, 1)[1]).toBeGreaterThan(0);
  });

  test("its velocity becomes shares of the limits", () => {
    expect(axes(ARM, velocityWish(ARM, [0.1, -0.2, 0]), 0).slice(0, 3)).toEqual(
      [0.1, -0.2, 0].map((v) => expect.closeTo(v)),
    );
  });
});

describe("a step", () => {
  test("is 20 mm or 0.1 rad and leaves the gripper", () => {
    expect(stepOf(ARM, wishOf("up", 0), 0.4, 1)[2]).toBeCloseTo(0.02);
    expect(stepOf(ARM, wishOf("yaw_left", 0), 0.4, 2)[5]).toBeCloseTo(0.2);
    expect(stepOf(ARM, wishOf("up", 0), 0.4, 1)[6]).toBeCloseTo(0.4);
  });

  test("towards a point is that displacement", () => {
    const step = stepTo(ARM, [0.01, -0.03, 0], 0);
    expect(step[0]).toBeCloseTo(0.01);
    expect(step[1]).toBeCloseTo(-0.03);
  });
});
