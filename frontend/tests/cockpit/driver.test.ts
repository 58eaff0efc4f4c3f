import { describe, expect, test } from "vitest";
import { Driver, type Footing } from "../../src/cockpit/driver";
import type { Inputs } from "../../src/cockpit/inputs";
import { COMMAND, DEADMAN, type Embodiment } from "../../src/generated/protocol";

const AXIS = { name: "vx", unit: "m/s", low: -1, high: 1, slew: 10 };
const GOOD: Footing = { lease: { epoch: 1, seq: 1 }, seenFrame: 5, locked: false, stale: false };
const STALE: Footing = { ...GOOD, locked: true, stale: true };
const STEPS_ONLY: Footing = { ...GOOD, locked: true };

/** A driver whose one key is held or not; `asked` is the newest command: its deadman bit and its first axis. */
function rig(): { inputs: { deadman: string | null }; turn(footing: Footing): [boolean, number]; driver: Driver } {
  const inputs = {
    deadman: null as string | null,
    grip: null,
    poll: () => {},
    wish: () => ({ move: [1, 0, 0], spin: [0, 0, 0] }),
  };
  const sent: DataView[] = [];
  const driver = new Driver(inputs as unknown as Inputs, (raw) => sent.push(new DataView(raw)) > 0);
  driver.embodiment = { action: [AXIS] } as unknown as Embodiment;
  driver.begin({ epoch: 1, seq: 1 }, [0]);
  return {
    inputs,
    driver,
    turn: (footing) => {
      driver.tick(0, footing, []);
      const command = sent.findLast((view) => view.getUint8(1) === COMMAND);
      if (!command) throw new Error("no command went out");
      return [(command.getUint8(3) & DEADMAN) !== 0, command.getFloat32(28, true)];
    },
  };
}

describe("a lock that met a held key", () => {
  test.each([
    ["an old picture", STALE],
    ["a link for steps only", STEPS_ONLY],
  ])("%s: nothing goes on until the key was let go once", (_, lock) => {
    const { inputs, turn, driver } = rig();
    inputs.deadman = "keys";
    expect(turn(GOOD)[0]).toBe(true);
    expect(turn(lock)).toEqual([false, 0]);
    expect(turn(GOOD)).toEqual([false, 0]);
    expect(driver.letGoFirst).toBe(true);
    inputs.deadman = null;
    turn(GOOD);
    inputs.deadman = "keys";
    const [deadman, speed] = turn(GOOD);
    expect(deadman).toBe(true);
    expect(speed).toBeGreaterThan(0);
  });

  test("a key let go and pressed again between two turns counts as let go, and the robot hears of it", () => {
    const { inputs, turn, driver } = rig();
    inputs.deadman = "keys";
    turn(GOOD);
    turn(STALE);
    driver.letGo();
    for (let heard = 0; heard < 5; heard += 1) expect(turn(GOOD)).toEqual([false, 0]);
    expect(turn(GOOD)[0]).toBe(true);
  });

  test("a key that was pressed while the picture was old starts nothing when it is fresh", () => {
    const { inputs, turn } = rig();
    turn(STALE);
    inputs.deadman = "keys";
    turn(STALE);
    expect(turn(GOOD)).toEqual([false, 0]);
  });

  test("right after the grant, before the robot has said what it permits, an early key is not punished", () => {
    const { inputs, turn } = rig();
    inputs.deadman = "keys";
    turn(STEPS_ONLY);
    expect(turn(GOOD)[0]).toBe(true);
  });
});
