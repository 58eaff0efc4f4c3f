import { describe, expect, test } from "vitest";
import { RemoteStop } from "../../src/cockpit/stop";
import { clampWords, lostSentence, type PillFacts, permittedWhy, pillOf } from "../../src/cockpit/words";

function stopOver(...open: string[]): { stop: RemoteStop; sent: string[] } {
  const sent: string[] = [];
  const way = (name: string) => ({
    name,
    send: () => {
      if (open.includes(name)) sent.push(name);
      return open.includes(name);
    },
  });
  return { stop: new RemoteStop([way("datagrams"), way("channel"), way("server")], () => "mina"), sent };
}

describe("the remote stop", () => {
  test("goes out at once on every open way and is repeated until the robot answers", () => {
    const { stop, sent } = stopOver("datagrams", "server");
    stop.press(100);
    expect(sent).toEqual(["datagrams", "server"]);
    stop.repeat();
    expect(sent).toHaveLength(4);
    stop.latched(["mina"], 160);
    stop.repeat();
    expect(sent).toHaveLength(4);
    expect(stop.state).toMatchObject({ at: "answered", tookMs: 60, sent: 4, ways: ["datagrams", "server"] });
  });

  test("another person's stop is no answer to this one", () => {
    const { stop } = stopOver("datagrams");
    stop.press(0);
    stop.latched(["jonas"], 50);
    expect(stop.wanted).toBe(true);
  });

  test("is unknown after a second without the robot's word", () => {
    const { stop } = stopOver();
    stop.press(0);
    expect(stop.unknown(1000)).toBe(false);
    expect(stop.unknown(1001)).toBe(true);
    stop.latched(["mina"], 1500);
    expect(stop.unknown(1501)).toBe(false);
  });

  test("pressing again does not start the clock anew", () => {
    const { stop } = stopOver("datagrams");
    stop.press(0);
    stop.press(900);
    expect(stop.unknown(1001)).toBe(true);
  });

  test("rests again when all stops are cleared", () => {
    const { stop } = stopOver("datagrams");
    stop.press(0);
    stop.latched(["mina"], 50);
    stop.latched(["mina"], 900);
    expect(stop.state.at).toBe("answered");
    stop.latched([], 1000);
    expect(stop.state.at).toBe("rest");
  });
});

describe("words", () => {
  const facts: PillFacts = {
    inControl: true,
    silent: false,
    stopped: false,
    stale: false,
    ageMs: 40,
    permitted: "direct",
    deadman: null,
    holder: "",
    lost: false,
    letGoFirst: false,
  };

  test("the pill says which it is, the gravest first", () => {
    expect(pillOf({ ...facts, silent: true, stopped: true }).word).toBe("UNKNOWN");
    expect(pillOf({ ...facts, stopped: true, deadman: "keys" }).word).toBe("Standing still");
    expect(pillOf({ ...facts, stale: true, ageMs: 900, deadman: "keys" }).rest).toBe(
      "Picture is 0.9 s old. Driving is locked.",
    );
    expect(pillOf({ ...facts, deadman: "keys" })).toMatchObject({ look: "drive", word: "Driving", key: "deadman" });
    expect(pillOf(facts)).toMatchObject({ word: "Holding", key: "deadman" });
    expect(pillOf({ ...facts, inControl: false, holder: "Jonas" }).rest).toBe("Jonas drives");
    expect(pillOf({ ...facts, letGoFirst: true, deadman: "keys" }).rest).toContain("let go");
    expect(pillOf({ ...facts, permitted: "supervise", deadman: "keys" }).look).toBe("lock");
  });

  test("of several clamps the most telling one is said", () => {
    expect(clampWords(["slew", "workspace"])).toBe("held at the edge of the workspace");
    expect(clampWords(["deadman"])).toBe("");
    expect(clampWords([])).toBe("");
  });

  test("a loss has its reason", () => {
    expect(lostSentence("TAKEN", "Jonas")).toBe("Jonas took the lease.");
    expect(lostSentence("DEADMAN", "")).toContain("250 ms");
    expect(lostSentence("SOMETHING_NEW", "")).toBe("The robot holds: something new.");
  });

  test("the permitted mode has its limit", () => {
    expect(permittedWhy("step", 312)).toContain("312 ms");
    expect(permittedWhy("supervise", null)).toContain("No picture");
  });
});
