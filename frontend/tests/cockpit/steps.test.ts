// Step mode from the page's side: one deliberate step per press, and none that goes on after hands are off.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Cockpit } from "../../src/cockpit/cockpit";
import { STEP_M } from "../../src/cockpit/drive";
import type { Peer } from "../../src/cockpit/peer";
import { Steps } from "../../src/cockpit/steps";
import { NO_FRAME } from "../../src/generated/protocol";
import { ARM, telemetry } from "../fakes";

const DONE = [0, 0, 0, 0, 0, 0, 0.3];
type Sent = Record<string, unknown> & { delta: number[] };

let told: Sent[] = [];
let cockpit: Cockpit;
let steps: Steps;
let life: AbortController;

beforeEach(() => {
  vi.useFakeTimers({ now: 5000 });
  told = [];
  life = new AbortController();
  const surface = document.body.appendChild(document.createElement("div"));
  const nothing = (): void => undefined;
  cockpit = new Cockpit(
    "r1",
    surface,
    {
      stop: nothing,
      act: nothing,
      camera: nothing,
      motion: (motion, factor) => steps.motion(motion, factor),
      arrow: nothing,
      lifted: () => steps.cancel(),
      changed: nothing,
    },
    nothing,
  );
  steps = new Steps(cockpit);
  cockpit.inputs.listen(life.signal);
  const { model } = cockpit;
  model.embodiment = { name: "arm", state: [], action: ARM, control_hz: 50, record_hz: 30, policy_hz: 10, cameras: [] };
  model.authority = {
    ...model.authority,
    open: true,
    wordMs: performance.now(),
    lease: { at: "mine", epoch: 3, seq: 8, sinceMs: 0, confirmed: true },
  };
  model.telemetry = telemetry({ permitted: "step", done: DONE });
  vi.spyOn(cockpit.pictures.ledger, "newest", "get").mockReturnValue(40);
  cockpit.driver.grip = 1;
  cockpit.connection.peer = {
    tell: (message: Sent) => told.push(message) > 0,
    datagram: () => true,
  } as unknown as Peer;
});

afterEach(() => {
  life.abort();
  vi.useRealTimers();
});

const press = (code: string): boolean => window.dispatchEvent(new KeyboardEvent("keydown", { code }));
const lift = (code: string): boolean => window.dispatchEvent(new KeyboardEvent("keyup", { code }));
const zero = { type: "goal", epoch: 3, seq: 8, n: 2, seen_frame: 40, delta: [0, 0, 0, 0, 0, 0, expect.closeTo(0.3)] };

describe("a step ends at once", () => {
  test("when the deadman is let go", () => {
    press("Space");
    press("KeyW");
    expect(told).toMatchObject([{ type: "goal", n: 1 }]);
    expect(told[0]?.delta[0]).toBeCloseTo(STEP_M);
    lift("KeyW");
    expect(told).toHaveLength(1);
    lift("Space");
    expect(told.slice(1)).toMatchObject([zero]);
  });

  test("when the window loses the focus, also one that was clicked without a deadman", () => {
    steps.by([0.01, 0, 0]);
    window.dispatchEvent(new Event("blur"));
    expect(told.slice(1)).toMatchObject([zero]);
    window.dispatchEvent(new Event("blur"));
    expect(told).toHaveLength(2);
  });

  test("when the pad is lost or its LB let go", () => {
    const pad = (pressed: boolean): Gamepad =>
      ({
        connected: true,
        mapping: "standard",
        axes: [0, 0, 0, 0],
        buttons: Array.from({ length: 16 }, (_, i) => ({ pressed: pressed && i === 4, value: 0 })),
      }) as unknown as Gamepad;
    for (const after of [[pad(false)], []]) {
      cockpit.inputs.poll([pad(false)]);
      cockpit.inputs.poll([pad(true)]);
      expect(cockpit.inputs.deadman).toBe("pad");
      told.length = 0;
      steps.by([0.01, 0, 0]);
      cockpit.inputs.poll(after);
      expect(told).toHaveLength(2);
      expect(told[1]?.delta.slice(0, 6)).toEqual([0, 0, 0, 0, 0, 0]);
    }
  });

  test("also when the picture is gone meanwhile", () => {
    steps.by([0.01, 0, 0]);
    vi.spyOn(cockpit.pictures.ledger, "newest", "get").mockReturnValue(null);
    steps.cancel();
    expect(told[1]).toMatchObject({ ...zero, seen_frame: NO_FRAME });
  });
});

describe("nothing is sent for hands off", () => {
  test("when no step is under way", () => {
    press("Space");
    lift("Space");
    steps.by([0.01, 0, 0]);
    vi.advanceTimersByTime(1000);
    window.dispatchEvent(new Event("blur"));
    expect(told).toHaveLength(1);
  });

  test("when the lease is gone", () => {
    steps.by([0.01, 0, 0]);
    cockpit.model.authority = { ...cockpit.model.authority, lease: { at: "none" } };
    window.dispatchEvent(new Event("blur"));
    expect(told).toHaveLength(1);
  });
});
