import { describe, expect, test } from "vitest";
import { RobotClock } from "../../src/cockpit/clock";
import { FrameLedger, isStale, RtpCount } from "../../src/cockpit/frames";
import { quantile, Recent } from "../../src/cockpit/recent";
import { between, stages, sum, viaNetwork } from "../../src/cockpit/waterfall";

describe("the robot's clock", () => {
  test("is read from the ping that came back fastest", () => {
    const clock = new RobotClock();
    expect(clock.toPage(0)).toBeNull();
    clock.pong(1_000_000, 51_100_000, 1200); // 200 ms there and back, all of it on the way back
    clock.pong(2_000_000, 52_005_000, 2010); // 10 ms
    expect(clock.rttMs).toBe(10);
    expect(clock.toPage(52_005_000)).toBeCloseTo(2005);
  });

  test("a pong from the future is not believed", () => {
    const clock = new RobotClock();
    clock.pong(5_000_000, 1, 4000);
    expect(clock.rttMs).toBeNull();
  });
});

describe("which picture is shown", () => {
  test("is the timestamp less the origin, 3000 ticks each", () => {
    const count = new RtpCount(1000);
    expect(count.index(1000 + 3000 * 7)).toBe(7);
    expect(count.index(1000 + 3000 * 9)).toBe(9);
  });

  test("goes on across the wrap of 32 bits", () => {
    const count = new RtpCount(2 ** 32 - 3000);
    expect(count.index(2 ** 32 - 3000)).toBe(0);
    expect(count.index(0)).toBe(1);
    expect(count.index(3000)).toBe(2);
  });
});

function clockAt(offsetMs: number): RobotClock {
  const clock = new RobotClock();
  clock.pong(0, offsetMs * 1000, 0);
  return clock;
}

describe("glass to glass", () => {
  test("joins a picture with its capture time, whichever comes first", () => {
    const ledger = new FrameLedger(clockAt(5000));
    expect(ledger.shown({ index: 3, shownMs: 140, receivedMs: 120 })).toEqual([]);
    expect(ledger.frames([[3, 5_100_000]])).toMatchObject([{ index: 3, capturedMs: 100, glassMs: 40 }]);
    ledger.frames([[4, 5_133_000]]);
    expect(ledger.shown({ index: 4, shownMs: 170, receivedMs: null })).toMatchObject([{ glassMs: 37 }]);
    expect(ledger.newest).toBe(4);
  });

  test("age counts from the capture, and from the showing where that is unknown", () => {
    const ledger = new FrameLedger(clockAt(0));
    expect(ledger.ageMs(10)).toBeNull();
    ledger.shown({ index: 1, shownMs: 100, receivedMs: null });
    expect(ledger.ageMs(160)).toBe(60);
    ledger.frames([[1, 70_000]]);
    expect(ledger.ageMs(160)).toBe(90);
  });

  test("a picture is old above half a second; no picture is old", () => {
    expect(isStale(500)).toBe(false);
    expect(isStale(501)).toBe(true);
    expect(isStale(null)).toBe(true);
  });
});

describe("numbers of the last seconds", () => {
  test("quantiles are of what is still young enough", () => {
    const recent = new Recent(1000);
    recent.add(0, 500);
    for (let i = 1; i <= 100; i += 1) recent.add(1001 + i, i);
    expect(recent.quantile(0.5, 1102)).toBe(50);
    expect(recent.quantile(0.95, 1102)).toBe(95);
    expect(recent.quantile(0.95, 9000)).toBeNull();
    expect(quantile([], 0.5)).toBeNull();
  });
});

describe("the stages", () => {
  const before = { bufferS: 1, bufferCount: 100, decodeS: 0.5, decodeCount: 100, received: 1000, lost: 10 };

  test("come from what happened between two readings", () => {
    const after = { bufferS: 1.06, bufferCount: 130, decodeS: 0.59, decodeCount: 130, received: 1097, lost: 13 };
    const got = between(before, after);
    expect(got.bufferMs).toBeCloseTo(2);
    expect(got.decodeMs).toBeCloseTo(3);
    expect(got.lostPct).toBeCloseTo(3);
    expect(between(before, before)).toEqual({ bufferMs: 0, decodeMs: 0, lostPct: 0 });
  });

  test("network is what the robot's own work leaves of the way, display what buffer and decoder leave", () => {
    const pictures = [{ capturedMs: 0, receivedMs: 20, shownMs: 40 }];
    const robot = { capture_ms: 2, encode_ms: 5, send_ms: 1 };
    const { networkMs, displayMs } = viaNetwork(pictures, robot, { bufferMs: 1, decodeMs: 4, lostPct: 0 });
    expect(networkMs).toBe(12);
    expect(displayMs).toBe(15);
  });

  test("unknown stages stay unknown and add nothing", () => {
    const all = stages(null, { networkMs: 12, bufferMs: 1, decodeMs: 4, displayMs: 15 }, null);
    expect(all.find((stage) => stage.name === "Encode")?.ms).toBeNull();
    expect(sum(all, "sight")).toBe(32);
    expect(sum(all, "act")).toBe(0);
  });
});
