import { describe, expect, test } from "vitest";
import { Asks } from "../../src/cockpit/asks";
import { History } from "../../src/cockpit/history";
import { type Clock, Ticker } from "../../src/cockpit/ticker";

/** Time that passes only when told; timers run late by `lateMs`. */
function handClock(lateMs = 0): Clock & { run(ms: number): void } {
  let now = 0;
  let due: { at: number; act(): void } | null = null;
  return {
    now: () => now,
    after: (ms, act) => {
      due = { at: now + ms + lateMs, act };
      return 1;
    },
    cancel: () => {
      due = null;
    },
    run: (ms) => {
      const end = now + ms;
      while (due && due.at <= end) {
        const next = due;
        due = null;
        now = next.at;
        next.act();
      }
      now = end;
    },
  };
}

describe("the 50 Hz of the page", () => {
  test("does not drift when every timer is late", () => {
    const clock = handClock(3);
    let turns = 0;
    const ticker = new Ticker(20, () => (turns += 1), clock);
    ticker.start();
    clock.run(10_000);
    expect(turns).toBeGreaterThanOrEqual(499);
    expect(turns).toBeLessThanOrEqual(501);
  });

  test("skips what it missed instead of making up for it", () => {
    const clock = handClock(65);
    const times: number[] = [];
    const ticker = new Ticker(20, (nowMs) => times.push(nowMs), clock);
    ticker.start();
    clock.run(1000);
    expect(times.length).toBeLessThan(16);
    ticker.stop();
    clock.run(1000);
    expect(times.length).toBeLessThan(16);
  });
});

describe("requests to the robot", () => {
  test("are answered by their own id", () => {
    const asks = new Asks();
    const heard: string[] = [];
    const id = asks.nextId("record");
    asks.expect(id, 0, (problem) => heard.push(problem));
    expect(asks.hear({ v: 1, type: "done", id: "other" })).toBe(false);
    expect(asks.hear({ v: 1, type: "refused", id, code: "disk_full", sentence: "The disk is full." })).toBe(true);
    expect(asks.hear({ v: 1, type: "done", id })).toBe(false);
    expect(heard).toEqual(["The disk is full."]);
  });

  test("do not wait for a broken connection", () => {
    const asks = new Asks();
    const heard: string[] = [];
    asks.expect(asks.nextId("goal"), 0, (problem) => heard.push(problem));
    asks.tick(100, true);
    expect(heard).toEqual([]);
    asks.tick(200, false);
    expect(heard[0]).toContain("broke");
  });
});

describe("the last 60 s", () => {
  test("one pilot is one stretch, clipped to the minute", () => {
    const history = new History();
    for (let t = 0; t <= 70_000; t += 1000)
      history.pilot(t < 65_000 ? "hold" : "operator", t < 65_000 ? "Hold" : "Mina", t);
    const band = history.band(70_000);
    expect(band.map((one) => one.label)).toEqual(["Hold", "Mina"]);
    expect(band[0]?.fromMs).toBe(10_000);
    expect(band[1]?.toMs).toBe(70_000);
  });

  test("a clamp is an event when it begins", () => {
    const history = new History();
    for (const words of [
      "",
      "eased in: changed too fast",
      "eased in: changed too fast",
      "",
      "eased in: changed too fast",
    ])
      history.clamp(words, 0);
    expect(history.marks.map((mark) => mark.text)).toEqual(["eased in", "eased in"]);
  });
});
