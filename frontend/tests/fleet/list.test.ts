import { describe, expect, it } from "vitest";
import { byNeed, type Entry, keptOrder, tiles } from "../../src/fleet/order";
import { doing, searchable } from "../../src/fleet/sentence";
import type { RobotRow } from "../../src/generated/protocol";
import { lease, row, state } from "../fakes";

function entry(id: string, change: Partial<RobotRow>): Entry {
  const one = row({ id, name: id, ...change });
  return { row: one, doing: doing(one, "p9") };
}

const HOLD = { state: state({ reason: "DEADMAN" }) };
const DRIVEN = { state: state({ mode: "TELEOP", reason: "GRANTED", lease: lease() }) };
const STOPPED = { state: state({ mode: "ESTOP", reason: "REMOTE_STOP", stops: ["p2"] }) };
const OFF = { online: false, last_seen_s: 7560 };

describe("order of the list", () => {
  it("puts need first, then who works, who rests, who is stopped, who is away", () => {
    const all = [
      entry("a-off", OFF),
      entry("b-stop", STOPPED),
      entry("c-idle", {}),
      entry("d-driven", DRIVEN),
      entry("e-hold", HOLD),
    ];
    expect(byNeed(all)).toEqual(["e-hold", "d-driven", "c-idle", "b-stop", "a-off"]);
  });

  it("counts an alert as need and orders names as people do", () => {
    const all = [entry("k-10", {}), entry("k-9", {}), entry("k-11", { alerts: ["Key used twice."] })];
    expect(byNeed(all)).toEqual(["k-11", "k-9", "k-10"]);
  });

  it("does not move under the pointer: newcomers go last, leavers drop out", () => {
    expect(keptOrder(["b", "a", "x"], ["a", "c", "b"])).toEqual(["b", "a", "c"]);
  });

  it("counts what the strip says", () => {
    const strip = tiles([entry("a", HOLD), entry("b", DRIVEN), entry("c", {}), entry("d", STOPPED), entry("e", OFF)]);
    expect(strip.slice(0, 4).map((t) => `${t.figure} ${t.words}`)).toEqual([
      "1 needs you",
      "1 working, 1 driven by hand",
      "1 ready, nobody drives",
      "2 not working: 1 stopped, 1 offline",
    ]);
  });
});

describe("what a robot is doing", () => {
  it("says who drives and how well the link is", () => {
    const one = row({
      state: state({
        mode: "TELEOP",
        reason: "GRANTED",
        lease: lease(),
        permitted: "scaled",
        control_latency_ms: 148.2,
      }),
    });
    expect(doing(one, "p9")).toMatchObject({
      title: "Mina Okafor drives",
      held: "Mina Okafor",
      detail: "Slowed, 148 ms, limit 100 ms.",
    });
    expect(doing(one, "p1")).toMatchObject({ title: "You drive", held: "you" });
  });

  it("lets ages go on between messages", () => {
    expect(doing(row(HOLD), "p9", 60).detail).toContain("Stands still for 1 min");
    expect(doing(row(OFF), "p9", 60).detail).toContain("Last seen 2 h 07 min ago");
  });

  it("offers to drive only who may, and only what is free", () => {
    expect(doing(row(), "p9").action).toBe("Drive");
    expect(doing(row({ may_drive: false }), "p9").action).toBe("Watch");
    expect(doing(row(DRIVEN), "p9").action).toBe("Watch");
    expect(doing(row({ state: state({ remote_motion: false }) }), "p9").action).toBe("Look");
  });

  it("does not claim to know an offline robot's holder", () => {
    expect(doing(row({ ...OFF, ...DRIVEN, online: false }), "p9").held).toBe("unknown");
  });

  it("finds a robot by name, person and state", () => {
    const text = searchable(row(DRIVEN), doing(row(DRIVEN), "p9"));
    for (const word of ["kestrel", "mina", "human", "lab"]) expect(text).toContain(word);
  });
});
