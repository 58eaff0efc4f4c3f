// Discard and record again, and the way back from it.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Cockpit } from "../../src/cockpit/cockpit";
import type { Peer } from "../../src/cockpit/peer";
import { Takes } from "../../src/cockpit/takes";
import { telemetry } from "../fakes";

type Sent = { type: string; id: string };

let told: Sent[] = [];
let cockpit: Cockpit;
let takes: Takes;

const nothing = (): void => undefined;
const kinds = (): string[] => told.map((message) => message.type);
const done = (): boolean => cockpit.asks.hear({ type: "done", v: 1, id: told.at(-1)?.id ?? "" });
const undo = (): HTMLButtonElement | null => document.querySelector<HTMLButtonElement>(".toast .btn:not(.quiet)");
const words = (): string => document.querySelector(".toasts")?.textContent ?? "";

beforeEach(() => {
  vi.useFakeTimers({ now: 5000 });
  document.body.innerHTML = "";
  told = [];
  const events = { stop: nothing, act: nothing, camera: nothing, motion: nothing, arrow: nothing, lifted: nothing };
  cockpit = new Cockpit("r1", document.createElement("div"), { ...events, changed: nothing }, nothing);
  takes = new Takes(cockpit, () => "lift the cube", nothing);
  cockpit.model.telemetry = telemetry({ recording: { state: "recording" } });
  cockpit.model.authority = {
    ...cockpit.model.authority,
    open: true,
    wordMs: performance.now(),
    lease: { at: "mine", epoch: 3, seq: 8, sinceMs: 0, confirmed: true },
  };
  cockpit.connection.peer = { tell: (message: Sent) => told.push(message) > 0 } as unknown as Peer;
});

afterEach(() => vi.useRealTimers());

describe("a take that was discarded to record again", () => {
  test("is brought back by Undo, once, within 20 s", () => {
    takes.again();
    expect(undo()).toBeNull();
    done();
    expect(kinds()).toEqual(["record_stop", "record_start"]);
    vi.advanceTimersByTime(19_999);
    undo()?.click();
    expect(kinds()).toEqual(["record_stop", "record_start", "record_undo"]);
    expect(undo()).toBeNull();
    done();
    expect(words()).toContain("is kept");
  });

  test("is offered for 20 s only", () => {
    takes.again();
    done();
    vi.advanceTimersByTime(20_000);
    expect(undo()).toBeNull();
  });

  test("is not offered when the robot did not discard it", () => {
    takes.again();
    cockpit.asks.hear({ type: "refused", v: 1, id: told[0]?.id ?? "", code: "x", sentence: "No." });
    expect(undo()).toBeNull();
    expect(kinds()).toEqual(["record_stop"]);
  });

  test("gives way to the one discarded after it", () => {
    takes.again();
    done();
    takes.again();
    done();
    expect(document.querySelectorAll(".toast .btn:not(.quiet)")).toHaveLength(1);
  });

  test("says the robot's reason when it cannot be brought back, also after the lease is gone", () => {
    takes.again();
    done();
    cockpit.model.authority = { ...cockpit.model.authority, lease: { at: "none" } };
    undo()?.click();
    const id = told.at(-1)?.id ?? "";
    cockpit.asks.hear({ type: "refused", v: 1, id, code: "no_lease", sentence: "Take control first." });
    expect(kinds().at(-1)).toBe("record_undo");
    expect(words()).toContain("Take control first.");
  });
});
