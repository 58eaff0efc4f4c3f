import { describe, expect, test } from "vitest";
import {
  type Authority,
  type Effect,
  type Happening,
  inControl,
  isSilent,
  leaseWord,
  START,
  step,
  waitingMs,
} from "../../src/cockpit/authority";
import type { LeaseState, RobotState } from "../../src/generated/protocol";

const permit = { payload: "cA==", signature: "cw==" };
const lease = (seq: number, name = "Mina"): LeaseState => ({
  epoch: 3,
  seq,
  kind: "human",
  person: name.toLowerCase(),
  name,
  fingerprint: "AA",
  held_s: 1,
});
const state = (more: Partial<RobotState> = {}): RobotState => ({ mode: "SAFE_HOLD", reason: "BOOT", ...more });
const driving = (seq: number): RobotState => state({ mode: "TELEOP", reason: "GRANTED", lease: lease(seq) });

/** Lets things happen one after another; gives the last state and all effects. */
function run(from: Authority, ...happenings: [number, Happening][]): { a: Authority; effects: Effect[] } {
  let a = from;
  const effects: Effect[] = [];
  for (const [nowMs, event] of happenings) {
    const result = step(a, event, nowMs);
    a = result.next;
    effects.push(...result.effects);
  }
  return { a, effects };
}

const TAKE: Happening = { what: "take", id: "t1", how: "free", holder: "", reason: "" };
const open = run(START, [0, { what: "opened" }], [0, { what: "state", state: state() }]).a;
const taking = run(open, [10, TAKE], [20, { what: "permitted", id: "t1", permit }]).a;
const mine = run(
  taking,
  [30, { what: "granted", id: "t1", epoch: 3, seq: 8 }],
  [40, { what: "state", state: driving(8) }],
).a;

describe("control is claimed only on the robot's word", () => {
  test("asking and a permit are not yet control", () => {
    expect(leaseWord(run(open, [10, TAKE]).a, 20)).toBe("asked");
    expect(leaseWord(taking, 25)).toBe("asked");
    expect(inControl(taking, 25)).toBe(false);
  });

  test("the grant is", () => {
    expect(inControl(mine, 50)).toBe(true);
    expect(leaseWord(mine, 50)).toBe("mine");
  });

  test("and no longer than the robot speaks", () => {
    expect(inControl(mine, 1041)).toBe(false);
    expect(isSilent(mine, 1041)).toBe(true);
    expect(leaseWord(mine, 1041)).toBe("none");
  });

  test("a grant that nobody waits for any more is handed back", () => {
    const { a, effects } = run(open, [10, { what: "granted", id: "old", epoch: 3, seq: 9 }]);
    expect(a.lease.at).toBe("none");
    expect(effects).toContainEqual({ do: "release", id: "late", epoch: 3, seq: 9, reason: "released" });
  });

  test("a grant said twice changes nothing", () => {
    expect(run(mine, [50, { what: "granted", id: "t1", epoch: 3, seq: 8 }])).toEqual({ a: mine, effects: [] });
  });

  test("at the grant all hands are off", () => {
    expect(run(taking, [30, { what: "granted", id: "t1", epoch: 3, seq: 8 }]).effects).toContainEqual({
      do: "forget_input",
    });
  });
});

describe("losing control", () => {
  test("a state older than the grant does not end it", () => {
    const granted = run(taking, [30, { what: "granted", id: "t1", epoch: 3, seq: 8 }]).a;
    expect(run(granted, [40, { what: "state", state: state() }]).a.lease.at).toBe("mine");
    expect(run(granted, [600, { what: "state", state: state({ reason: "DEADMAN" }) }]).a.lease.at).toBe("lost");
  });

  test("says why, at once and aloud, and is not taken again by itself", () => {
    const { a, effects } = run(mine, [100, { what: "state", state: state({ reason: "DEADMAN" }) }]);
    expect(a.lease).toMatchObject({ at: "lost", reason: "DEADMAN" });
    expect(effects.map((effect) => effect.do)).toEqual(["forget_input", "alarm"]);
    const later = run(
      a,
      [200, { what: "closed", why: "LINK" }],
      [300, { what: "opened" }],
      [400, { what: "state", state: state() }],
    );
    expect(later.a.lease.at).toBe("lost");
    expect(later.effects).toEqual([]);
  });

  test("to somebody else, by name", () => {
    const { a } = run(mine, [
      100,
      { what: "state", state: state({ mode: "TELEOP", reason: "TAKEN", lease: lease(9, "Jonas") }) },
    ]);
    expect(a.lease).toMatchObject({ at: "lost", sentence: "Jonas took the lease." });
    expect(leaseWord(a, 110)).toBe("other");
  });

  test("to a latched stop", () => {
    const { a } = run(mine, [
      100,
      { what: "state", state: state({ mode: "ESTOP", reason: "REMOTE_STOP", stops: ["x"] }) },
    ]);
    expect(a.lease).toMatchObject({ at: "lost", reason: "REMOTE_STOP" });
  });

  test("by a broken connection", () => {
    expect(run(mine, [100, { what: "closed", why: "LINK" }]).a.lease).toMatchObject({ at: "lost", reason: "LINK" });
  });

  test("an old picture keeps the lease", () => {
    const stale = state({ mode: "SAFE_HOLD", reason: "VIDEO_STALE", lease: lease(8) });
    expect(run(mine, [100, { what: "state", state: stale }]).a.lease.at).toBe("mine");
  });

  test("only the person takes it again", () => {
    const lost = run(mine, [100, { what: "state", state: state({ reason: "DEADMAN" }) }]).a;
    expect(run(lost, [200, { ...TAKE, id: "t2" }]).effects).toEqual([
      { do: "ask_permit", id: "t2", force: false, reason: "" },
    ]);
  });
});

describe("handing back", () => {
  test("waits for the robot", () => {
    const { a, effects } = run(mine, [100, { what: "hand_back", id: "r1", reason: "released" }]);
    expect(a.lease.at).toBe("releasing");
    expect(effects).toContainEqual({ do: "release", id: "r1", epoch: 3, seq: 8, reason: "released" });
    expect(inControl(a, 110)).toBe(false);
    expect(run(a, [150, { what: "done", id: "r1" }]).a.lease.at).toBe("none");
    expect(run(a, [150, { what: "state", state: state({ reason: "RELEASED" }) }]).a.lease.at).toBe("none");
  });

  test("a hidden page ends the lease and says so when it is back", () => {
    const { a, effects } = run(mine, [100, { what: "hand_back", id: "r1", reason: "hidden" }]);
    expect(a.lease).toMatchObject({ at: "lost", reason: "HIDDEN" });
    expect(effects[0]).toEqual({ do: "release", id: "r1", epoch: 3, seq: 8, reason: "hidden" });
  });

  test.each(["hidden", "page_left"] as const)(
    "a page that is %s stops asking, and takes nothing afterwards",
    (reason) => {
      const left: [number, Happening] = [100, { what: "hand_back", id: "r1", reason }];
      const waiting = { what: "take", id: "t1", how: "ask", holder: "Jonas", reason: "" } as const;
      const late: [number, Happening][] = [
        [200, { what: "permitted", id: "t1", permit }],
        [210, { what: "take_result", id: "t1", consent: true, by: "timeout", permit, acquire: "t2" }],
      ];
      for (const asked of [run(open, [10, waiting]).a, run(open, [10, TAKE]).a, taking]) {
        const { a, effects } = run(asked, left, ...late);
        expect(a.lease.at).toBe("none");
        expect(a.refusal).toContain("left this page");
        expect(effects.map((effect) => effect.do)).toEqual(["say"]);
      }
      const { effects } = run(taking, left, [200, { what: "granted", id: "t1", epoch: 3, seq: 8 }]);
      expect(effects).toContainEqual({ do: "release", id: "late", epoch: 3, seq: 8, reason: "released" });
    },
  );

  test("handing back by hand while asking is no reason to stop asking", () => {
    expect(run(taking, [100, { what: "hand_back", id: "r1", reason: "released" }])).toEqual({ a: taking, effects: [] });
  });

  test("without the lease there is nothing to hand back", () => {
    expect(run(open, [10, { what: "hand_back", id: "r1", reason: "hidden" }]).effects).toEqual([]);
  });
});

describe("refusals and silence", () => {
  test("a refused permit shows its sentence", () => {
    const { a } = run(
      open,
      [10, TAKE],
      [20, { what: "refused", id: "t1", code: "held", sentence: "Jonas holds the lease." }],
    );
    expect(a).toMatchObject({ lease: { at: "none" }, refusal: "Jonas holds the lease." });
  });

  test("a refusal of something else is not about the lease", () => {
    expect(run(taking, [30, { what: "refused", id: "goal-1", code: "x", sentence: "No." }]).a.lease.at).toBe("taking");
  });

  test("unanswered for 300 ms it waits, for 5 s it gives up", () => {
    expect(waitingMs(taking, 320)).toBeNull();
    expect(waitingMs(taking, 321)).toBe(301);
    const { a } = run(taking, [5020, { what: "tick" }]);
    expect(a.lease.at).toBe("none");
    expect(a.refusal).toContain("did not answer");
  });

  test("a broken connection while taking is a refusal, not a loss", () => {
    expect(run(taking, [30, { what: "closed", why: "LINK" }]).a).toMatchObject({ lease: { at: "none" } });
  });
});

describe("asking the holder", () => {
  const held = run(open, [
    5,
    { what: "state", state: state({ mode: "TELEOP", reason: "GRANTED", lease: lease(7, "Jonas") }) },
  ]).a;
  const ask: Happening = { what: "take", id: "t1", how: "ask", holder: "Jonas", reason: "" };

  test("asks, and takes with the permit that comes of it", () => {
    const { a, effects } = run(
      held,
      [10, ask],
      [20, { what: "take_result", id: "t1", consent: true, by: "holder", permit, acquire: "t2" }],
    );
    expect(effects).toContainEqual({ do: "ask_holder", id: "t1" });
    expect(effects).toContainEqual({ do: "acquire", id: "t2", permit });
    expect(a.lease.at).toBe("taking");
  });

  test("a no is told and changes nothing", () => {
    const { a } = run(
      held,
      [10, ask],
      [20, { what: "take_result", id: "t1", consent: false, by: "holder", permit: null, acquire: "t2" }],
    );
    expect(a).toMatchObject({ lease: { at: "none" }, refusal: "Jonas keeps the lease." });
  });

  test("an administrator forces with a reason", () => {
    const { effects } = run(held, [10, { what: "take", id: "t1", how: "force", holder: "Jonas", reason: "smoke" }]);
    expect(effects).toEqual([{ do: "ask_permit", id: "t1", force: true, reason: "smoke" }]);
  });

  test("a second press while waiting asks nothing more", () => {
    expect(
      run(held, [10, ask], [11, { ...ask, id: "t9" }]).effects.filter((effect) => effect.do === "ask_holder"),
    ).toHaveLength(1);
  });

  test("the holder sees the question, answers once, and lets go", () => {
    const asked = run(mine, [100, { what: "take_asked", request: "q", name: "Jonas", seconds: 10 }]);
    expect(asked.a.consent).toMatchObject({ request: "q", untilMs: 10_100 });
    const { a, effects } = run(asked.a, [200, { what: "answer", request: "q", consent: true }]);
    expect(effects).toContainEqual({ do: "answer_holder", request: "q", consent: true });
    expect(effects).toContainEqual({ do: "forget_input" });
    expect(a.consent).toBeNull();
    expect(run(a, [210, { what: "answer", request: "q", consent: true }]).effects).toEqual([]);
  });

  test("the question runs out", () => {
    const asked = run(mine, [100, { what: "take_asked", request: "q", name: "Jonas", seconds: 10 }]).a;
    expect(run(asked, [10_101, { what: "tick" }]).a.consent).toBeNull();
  });
});
