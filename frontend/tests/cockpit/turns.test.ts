// A campaign's takes: scene put back, countdown, recording, kept or again, the next prompt; and what interrupts them.
import { describe, expect, test } from "vitest";
import type { CampaignPromptRow, CampaignTurn } from "../../src/campaigns/shapes";
import { type Effect, type Event, OFF, secondsLeft, step, type Turns } from "../../src/cockpit/turns";
import type { RecordingState } from "../../src/generated/protocol";

const LIFT: CampaignPromptRow = { id: "lift", instruction: "Lift it", reset: "Back", goal: 2, have: 0, coming: 0 };
const PUSH: CampaignPromptRow = { ...LIFT, id: "push", instruction: "Push it" };

function turn(prompt: string | null, more: Partial<CampaignTurn> = {}): CampaignTurn {
  return {
    id: "c1",
    name: "By Friday",
    state: "open",
    due: null,
    countdown_s: 3,
    reset_s: 0,
    prompt,
    prompts: [LIFT, PUSH],
    goal: 4,
    have: 0,
    coming: 0,
    arrived: [],
    ...more,
  };
}

const told = (state: RecordingState["state"], episode = "e1", may = true): Event => ({
  what: "robot",
  recording: { state, episode },
  may,
});

/** Lets things happen one after another; gives the last state, all effects, and the last phase's name. */
function run(from: Turns, ...events: [number, Event][]): { t: Turns; effects: Effect[]; at: string } {
  let t = from;
  const effects: Effect[] = [];
  for (const [nowMs, event] of events) {
    const result = step(t, event, nowMs);
    t = result.next;
    effects.push(...result.effects.filter((one) => one.do !== "say"));
  }
  return { t, effects, at: t.phase.at };
}

const ENTER: Event = { what: "enter" };
const AGAIN: Event = { what: "again" };
const KEEP: Event = { what: "keep", outcome: "success" };
const armed = run(OFF, [0, { what: "choose", campaign: "c1" }], [10, { what: "turn", turn: turn("lift") }]).t;
const counting = run(armed, [1000, ENTER]).t;
const recording = run(counting, [4000, told("idle")], [4050, told("recording")]).t;

describe("a take", () => {
  test("is armed with the prompt that the server names", () => {
    expect(run(OFF, [0, { what: "choose", campaign: "c1" }]).effects).toEqual([{ do: "ask", stay: "" }]);
    expect([armed.phase.at, armed.prompt?.id]).toEqual(["armed", "lift"]);
  });

  test("begins to be recorded when the countdown has ended, and not before", () => {
    expect([secondsLeft(counting, 1000), secondsLeft(counting, 3001), secondsLeft(counting, 9000)]).toEqual([3, 1, 0]);
    expect(run(counting, [3999, told("idle")]).effects).toEqual([]);
    const started = run(counting, [4000, told("idle")], [4010, told("idle")]);
    expect(started.effects).toEqual([{ do: "start", campaign: "c1", prompt: LIFT }]);
    expect(started.at).toBe("starting");
    expect(recording.phase).toEqual({ at: "recording", episode: "e1" });
  });

  test("that is kept leads to the next prompt without another key", () => {
    const kept = run(recording, [5000, KEEP], [5050, told("recording")], [5100, told("finalising")]);
    expect(kept.effects).toEqual([
      { do: "stop", outcome: "success" },
      { do: "ask", stay: "" },
    ]);
    expect(kept.t.kept).toEqual({ e1: "lift" });
    const next = run(kept.t, [5200, { what: "turn", turn: turn("push") }]);
    expect([next.at, next.t.prompt?.id]).toEqual(["armed", "push"]);
  });

  test("that is done again leads to the same prompt, and nothing of it is kept", () => {
    const discarded = run(recording, [5000, AGAIN], [5100, told("idle", "")]);
    expect(discarded.effects).toEqual([{ do: "discard" }, { do: "ask", stay: "lift" }]);
    expect(discarded.t.kept).toEqual({});
  });

  test("is forgotten as on its way once the server has it", () => {
    const kept = run(recording, [5000, KEEP], [5100, told("finalising")]).t;
    const waits = run(kept, [5200, { what: "turn", turn: turn("push") }]).t;
    expect(waits.kept).toEqual({ e1: "lift" });
    expect(run(waits, [8000, { what: "turn", turn: turn("push", { arrived: ["e1"] }) }]).t.kept).toEqual({});
  });

  test("waits at the end of the countdown while the one before is still being saved", () => {
    const waits = run(counting, [4500, told("finalising")]);
    expect([waits.at, waits.effects]).toEqual(["counting", []]);
    expect(run(waits.t, [5000, told("saved")]).at).toBe("starting");
  });
});

describe("the countdown", () => {
  test("is stopped by Backspace", () => {
    const stopped = run(counting, [2000, AGAIN], [9000, told("idle")]);
    expect([stopped.at, stopped.effects]).toEqual(["armed", []]);
  });

  test("is stopped when control is lost, and starts nothing later", () => {
    const lost = run(counting, [2000, told("idle", "", false)], [9000, told("idle")]);
    expect([lost.at, lost.effects, lost.t.problem]).toEqual(["armed", [], "Take control first."]);
  });

  test("is stopped when something else is recorded", () => {
    expect(run(counting, [2000, told("recording", "other")]).at).toBe("armed");
  });

  test("of no seconds starts at once", () => {
    const quick = run(armed, [20, { what: "turn", turn: turn("lift", { countdown_s: 0 }) }], [30, ENTER]).t;
    expect(run(quick, [30, told("idle")]).at).toBe("starting");
  });

  test("comes by itself after the time for putting the scene back, which runs only under control", () => {
    const timed = run(armed, [20, { what: "turn", turn: turn("lift", { reset_s: 10 }) }]).t;
    expect(run(timed, [9_000, told("idle", "", false)], [18_900, told("idle")]).at).toBe("armed");
    expect(run(timed, [9_000, told("idle", "", false)], [19_000, told("idle")]).at).toBe("counting");
  });

  test("never comes by itself where Enter is to be waited for", () => {
    expect(run(armed, [3_600_000, told("idle")]).at).toBe("armed");
  });
});

describe("what goes otherwise", () => {
  test("a start that the robot refuses can be tried again", () => {
    const starting = run(counting, [4000, told("idle")]).t;
    const refused = run(starting, [4100, { what: "refused", by: "robot", sentence: "The disk is full." }]);
    expect([refused.at, refused.t.problem]).toEqual(["armed", "The disk is full."]);
    expect(run(refused.t, [5000, ENTER]).at).toBe("counting");
  });

  test("an end that the robot refuses leaves the take running", () => {
    const refused = run(recording, [5000, KEEP], [5010, { what: "refused", by: "robot", sentence: "No." }]);
    expect(refused.t.phase).toEqual({ at: "recording", episode: "e1" });
  });

  test("a recording that ends by itself is kept, and the next prompt comes", () => {
    const ended = run(recording, [70_000, told("finalising")]);
    expect([ended.at, ended.t.kept, ended.effects]).toEqual(["asking", { e1: "lift" }, [{ do: "ask", stay: "" }]]);
  });

  test("a recording that failed is not on its way", () => {
    expect(run(recording, [5000, told("failed")]).t.kept).toEqual({});
  });

  test("counts change under a running take, its prompt does not", () => {
    const newer = turn("push", { prompts: [{ ...LIFT, have: 1 }, PUSH] });
    const now = run(recording, [5000, { what: "turn", turn: newer }]).t;
    expect([now.phase.at, now.prompt?.id, now.prompt?.have]).toEqual(["recording", "lift", 1]);
  });

  test("a campaign that is paused stops the countdown and comes back by itself", () => {
    const paused = run(counting, [2000, { what: "turn", turn: turn(null, { state: "paused" }) }]);
    expect(paused.at).toBe("resting");
    expect(run(paused.t, [9000, { what: "turn", turn: turn("push") }]).at).toBe("armed");
    expect(run(paused.t, [9000, ENTER]).effects).toEqual([{ do: "ask", stay: "" }]);
  });

  test("an answer about a campaign that was left is not heard", () => {
    const left = run(armed, [100, { what: "choose", campaign: "" }], [200, { what: "turn", turn: turn("push") }]);
    expect(left.at).toBe("off");
  });

  test("a server that is away can be asked again, for the same prompt where it was kept", () => {
    const waits = run(recording, [5000, AGAIN], [5100, told("idle", "")]).t;
    const away = run(waits, [5200, { what: "refused", by: "server", sentence: "Away." }]);
    expect([away.at, away.t.problem]).toEqual(["asking", "Away."]);
    expect(run(away.t, [6000, ENTER]).effects).toEqual([{ do: "ask", stay: "lift" }]);
  });

  test("keys that mean nothing now change nothing", () => {
    for (const event of [KEEP, AGAIN]) expect(run(armed, [100, event]).t).toBe(armed);
    expect(run(counting, [1100, ENTER]).t).toBe(counting);
    expect(run(OFF, [0, ENTER]).t).toBe(OFF);
  });
});
