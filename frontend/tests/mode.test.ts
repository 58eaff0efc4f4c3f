import { describe, expect, it } from "vitest";
import type { RobotState } from "../src/generated/protocol";
import { chipHtml, chipOf, reasonWords } from "../src/mode";
import { lease, state } from "./fakes";

function words(change: Partial<RobotState>, me = "p9"): string {
  const chip = chipOf({ online: true, state: state(change), me });
  return `${chip.look}: ${chip.word} ${chip.small}`.trim();
}

describe("mode chip", () => {
  it("says offline and unknown before anything else", () => {
    expect(chipOf({ online: false, state: state({ mode: "ESTOP" }) }).word).toBe("OFFLINE");
    expect(chipOf({ online: true, state: null }).word).toBe("UNKNOWN");
  });

  it("is red only for a latched remote stop", () => {
    expect(words({ mode: "ESTOP", reason: "REMOTE_STOP", stops: ["p2"] })).toBe("stop: REMOTE STOP latched");
    for (const mode of ["SAFE_HOLD", "AUTONOMY", "TELEOP"] as const) {
      expect(chipOf({ online: true, state: state({ mode }) }).look).not.toBe("stop");
    }
  });

  it("names who drives, and says you to oneself", () => {
    expect(words({ mode: "TELEOP", reason: "GRANTED", lease: lease() })).toBe("human: HUMAN Mina Okafor");
    expect(words({ mode: "TELEOP", reason: "TAKEN", lease: lease() }, "p1")).toBe("human: HUMAN you");
  });

  it("shows a kept lease that may not move as a hold", () => {
    expect(words({ mode: "TELEOP", reason: "VIDEO_STALE", lease: lease() })).toBe("hold: HOLD old picture");
    expect(words({ mode: "AUTONOMY", reason: "STARVATION" })).toBe("hold: HOLD no actions");
  });

  it.each(["BOOT", "RELEASED", "PAGE_LEFT", "CLEARED", "REMOTE_MOTION_ON", "KEY_SETTLED"])(
    "rests after %s",
    (reason) => {
      expect(words({ reason })).toBe("idle: IDLE");
    },
  );

  it.each([
    ["DEADMAN", "page silent"],
    ["LEASE_LOST", "lease lost"],
    ["SERVER_LOST", "server lost"],
    ["HIDDEN", "page hidden"],
    ["BODY_LOST", "body lost"],
  ])("holds after %s and says why", (reason, why) => {
    expect(words({ reason })).toBe(`hold: HOLD ${why}`);
  });

  it("says that the switch at the robot is off, whatever came before", () => {
    expect(words({ reason: "BOOT", remote_motion: false })).toBe("hold: HOLD switched off at the robot");
  });

  it("reads an unknown reason as plain words", () => {
    expect(reasonWords("GRIPPER_TOO_HOT")).toBe("gripper too hot");
  });

  it("never lets a name into the markup", () => {
    const html = chipHtml(
      chipOf({ online: true, state: state({ mode: "TELEOP", lease: lease({ name: "<img src=x>" }) }) }),
    );
    expect(html).not.toContain("<img");
  });
});
