import { describe, expect, it, vi } from "vitest";
import type { Embodiment } from "../../src/generated/protocol";
import { stills } from "../../src/help/clip";
import { whyOf } from "../../src/player/why";
import { waypointIn } from "../../src/run/overlay";
import { Trace, upToDate } from "../../src/run/trace";
import type { RunDetail } from "../../src/tasks/shapes";
import { gauge, understood, wilson } from "../../src/tasks/words";

function line(n: number, phase: string, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ heard_ns: 1, n, time_ns: 1e9 * (10 + n), phase, ...more });
}

function trace(...lines: string[]): Trace {
  const made = new Trace();
  made.take(`${lines.join("\n")}\n`);
  return made;
}

describe("a run's trace", () => {
  const run = trace(
    line(0, "starting"),
    line(1, "moving", { doubt: 0.1, limit: 0.6, reasoning: { subtask: "approach" } }),
    line(2, "moving", { doubt: 0.2, limit: 0.6, reasoning: { subtask: "close" }, clamps: ["workspace"] }),
    line(3, "holding", { reason: "doubt", doubt: 0.9, limit: 0.6 }),
    line(4, "taken"),
    line(5, "holding", { reason: "released" }),
    line(6, "moving", { doubt: 0.3, limit: 0.6, reasoning: { subtask: "lift" } }),
    line(7, "ended", { result: "success" }),
  );

  it("says who moved the robot when", () => {
    expect(run.pilots().map((one) => [one.what, one.from, one.to])).toEqual([
      ["hold", 0, 1],
      ["policy", 1, 3],
      ["hold", 3, 4],
      ["operator", 4, 5],
      ["hold", 5, 6],
      ["policy", 6, 7],
    ]);
  });

  it("says what it was at, and that a person's part is by hand", () => {
    expect(run.subtasks().map((one) => one.what)).toEqual(["approach", "close", "by hand", "", "lift"]);
  });

  it("names what happened, once each", () => {
    expect(run.events().map((one) => one.what)).toEqual([
      "starting",
      "moving",
      "workspace",
      "doubt",
      "taken",
      "released",
      "moving",
      "ended",
    ]);
  });

  it("finds the moment and the thought before it", () => {
    expect(run.at(2.5)?.n).toBe(2);
    expect(run.at(-1)).toBeUndefined();
    expect(run.thought(4.5)?.n).toBe(3);
    expect(run.series((one) => one.doubt)).toEqual([
      [1, 0.1],
      [2, 0.2],
      [3, 0.9],
      [6, 0.3],
    ]);
    expect(run.series((one) => one.doubt, 2)).toEqual([
      [2, 0.2],
      [3, 0.9],
    ]);
  });

  it("passes over lines that were cut or come twice", () => {
    const cut = trace(line(0, "moving"), '{"n": 1, "ti', line(0, "moving"), line(1, "holding"));
    expect(cut.lines.map((one) => one.n)).toEqual([0, 1]);
  });

  it("counts from where the recording began, once that is known", () => {
    const recorded = trace(line(0, "moving"), line(1, "moving"));
    recorded.startAt(8e9);
    expect(recorded.length).toBe(3);
  });
});

describe("following a run", () => {
  const moving = { phase: "moving", newest: { n: 4 }, reason: "", explanation: "" } as unknown as RunDetail;

  it("asks once for what there is now, and again only after a whole piece", async () => {
    const asked: string[] = [];
    const pieces = [line(0, "moving"), line(1, "holding")];
    const ends = [200_000, 200_100];
    vi.stubGlobal("fetch", async (url: string) => {
      asked.push(url);
      const at = asked.length - 1;
      return new Response(`${pieces[at]}\n`, { headers: { "X-Next": String(ends[at]) } });
    });
    const followed = new Trace();
    expect(await followed.read("/r")).toBe(2);
    expect(asked).toEqual(["/r/trace?at=0", "/r/trace?at=200000"]);
    vi.unstubAllGlobals();
  });

  it("lets no answer that was under way put back what the robot has said since", () => {
    const heard = trace(line(5, "holding", { reason: "doubt", sentence: "Unlike." })).newest;
    expect(upToDate(moving, heard)).toMatchObject({ phase: "holding", reason: "doubt", explanation: "Unlike." });
    expect(upToDate(moving, trace(line(4, "starting")).newest).phase).toBe("moving");
    expect(upToDate({ ...moving, phase: "ended" }, heard).phase).toBe("ended");
    expect(upToDate(moving, undefined)).toBe(moving);
  });
});

describe("what stands over the picture", () => {
  const camera = {
    name: "scene",
    width: 640,
    height: 480,
    fps: 30,
    K: [
      [500, 0, 320],
      [0, 500, 240],
      [0, 0, 1],
    ],
    mount: "base",
    T_mount: [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ],
  };
  const embodiment = { cameras: [camera] } as unknown as Embodiment;

  it("puts a place in space at its pixel of the policy's picture", () => {
    const over = { camera: "scene", given: [96, 72] as const, embodiment };
    expect(waypointIn(over, [0, 0, 1])).toEqual([48, 36]);
    expect(waypointIn(over, [0, 0, -1])).toBeNull();
    expect(waypointIn({ ...over, camera: "wrist" }, [0, 0, 1])).toBeNull();
  });
});

describe("words", () => {
  it("underlines what was understood and escapes the rest", () => {
    const parts = [{ first: 0, last: 4, kind: "skill" as const, name: "lift" }];
    expect(understood("Lift <b>", parts)).toBe('<u data-kind="skill" title="lift">Lift</u> &lt;b&gt;');
  });

  it("never says a rate without its interval", () => {
    const [low, high] = wilson(9, 10);
    expect(low).toBeCloseTo(0.596, 2);
    expect(high).toBeCloseTo(0.982, 2);
    expect(wilson(0, 0)).toEqual([0, 1]);
  });

  it("marks a doubt over its limit", () => {
    expect(gauge(0.9, 0.6)).toContain("gauge over");
    expect(gauge(0.9, 0.6)).toContain('aria-valuetext="0.90, asks at 0.60"');
    expect(gauge(0.3, 0.6)).not.toContain("over");
    expect(gauge(null, 0.6)).toContain("not measured");
  });
});

describe("a clip", () => {
  it("is stills by camera, counted back from the newest", () => {
    const header = new TextEncoder().encode(
      JSON.stringify([
        { t_ns: 1e9, camera: "scene", first: 0, bytes: 2 },
        { t_ns: 3e9, camera: "scene", first: 2, bytes: 1 },
      ]),
    );
    const raw = new Uint8Array(4 + header.length + 3);
    new DataView(raw.buffer).setUint32(0, header.length, true);
    raw.set(header, 4);
    const sizes: number[] = [];
    const found = stills(raw.buffer, (jpeg) => {
      sizes.push(jpeg.size);
      return "blob:";
    });
    expect(found.map((one) => one.at)).toEqual([-2, 0]);
    expect(sizes).toEqual([2, 1]);
    expect(stills(new ArrayBuffer(2), () => "")).toEqual([]);
  });
});

describe("why, in the player", () => {
  it("marks what it was at and why it held, at their rows", () => {
    const run = trace(
      line(0, "moving", { reasoning: { subtask: "approach" }, limit: 0.6 }),
      line(1, "holding", { reason: "doubt", sentence: "Unlike anything." }),
      line(2, "taken"),
    );
    const why = whyOf(run, 30, 50);
    expect(why.limit).toBe(0.6);
    expect(why.marks.map((one) => [one.row, one.words, one.title])).toEqual([
      [0, "approach", undefined],
      [30, "doubt", "Unlike anything."],
    ]);
  });
});
