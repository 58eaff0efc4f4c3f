import { describe, expect, it } from "vitest";
import { cleared, stopFace, stopLine } from "../../src/base/stop_words";
import type { LiveStopReport, StopOne } from "../../src/generated/protocol";
import { row, state } from "../fakes";

function report(...states: StopOne["state"][]): LiveStopReport {
  return { type: "stop_report", v: 1, robots: states.map((s, i) => ({ robot: `r${i}`, name: `k-${i}`, state: s })) };
}

describe("the remote stop's face", () => {
  it("names its scope at rest", () => {
    expect(stopFace(null, [row(), row({ id: "r2" })], false)).toEqual({
      phase: "rest",
      label: "Remote stop",
      scope: "2 robots",
    });
  });

  it("claims nothing before a robot answered", () => {
    expect(stopFace(null, [row()], true).label).toBe("Stopping");
    expect(stopFace(report("asked", "asked"), [], false)).toMatchObject({ phase: "sent", scope: "0 of 2 answered" });
    expect(stopFace(report("acknowledged", "asked"), [], false)).toMatchObject({
      phase: "sent",
      scope: "1 of 2 answered",
    });
  });

  it("counts who was not reached", () => {
    expect(stopFace(report("acknowledged", "unreachable"), [], false)).toEqual({
      phase: "short",
      label: "Stopped",
      scope: "1 of 2",
    });
    expect(stopFace(report("unreachable"), [], false)).toMatchObject({ phase: "short", label: "Not reached" });
    expect(stopFace(report("acknowledged"), [], false).phase).toBe("latched");
  });

  it("is latched without a report when every robot says so itself", () => {
    const stopped = row({ state: state({ mode: "ESTOP", reason: "REMOTE_STOP" }) });
    expect(stopFace(null, [stopped], false).phase).toBe("latched");
    expect(stopFace(null, [stopped, row({ id: "r2" })], false).phase).toBe("rest");
    expect(stopFace(null, [{ ...stopped, online: false }], false).phase).toBe("rest");
  });

  it("is over once a robot that had answered says it is no longer latched", () => {
    const stopped = row({ id: "r0", state: state({ mode: "ESTOP", reason: "REMOTE_STOP" }) });
    expect(cleared(report("acknowledged"), new Map([["r0", stopped]]))).toBe(false);
    expect(cleared(report("acknowledged"), new Map([["r0", row({ id: "r0" })]]))).toBe(true);
    expect(cleared(report("acknowledged"), new Map([["r0", row({ id: "r0", online: false })]]))).toBe(false);
    expect(cleared(report("unreachable"), new Map([["r0", row({ id: "r0" })]]))).toBe(false);
    expect(cleared(null, new Map())).toBe(false);
  });

  it("tells what to do about a robot that did not answer", () => {
    const line = stopLine({ robot: "r", name: "otter-2", state: "unreachable", last_seen_s: 7560 });
    expect(line.text).toBe("otter-2 did not answer. Last seen 2 h 06 min ago. Go there and use its wired stop.");
  });
});
