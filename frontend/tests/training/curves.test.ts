// Curves out of reported lines: what was done twice counts once, what nobody labelled is not drawn.
import { describe, expect, it } from "vitest";
import { differences } from "../../src/compare/differences";
import { short } from "../../src/training/charts";
import { chartsOf } from "../../src/training/chosen_charts";
import { beside, Curves } from "../../src/training/curves";
import type { Line } from "../../src/training/reported";
import type { TrainingDetail, TrainingRow } from "../../src/training/shapes";
import { left, logWords, standing } from "../../src/training/words";

const step = (n: number, loss: number, more = {}): Line => ({
  at: n,
  event: "step",
  step: n,
  loss,
  loss_action: loss,
  ...more,
});

describe("curves", () => {
  it("forget the steps that a killed process did after its checkpoint", () => {
    const curves = new Curves();
    curves.add([step(1, 5), step(2, 4), step(3, 3)]);
    curves.add([{ at: 9, event: "began", step: 1 }, step(2, 40)]);
    expect(curves.together(["loss"])).toEqual({ steps: [1, 2], values: [[5, 40]] });
    expect(curves.last).toBe(2);
  });

  it("leave out heads that nobody could label", () => {
    const curves = new Curves();
    curves.add([step(1, 2, { loss_box: 0, loss_waypoint: 3 })]);
    expect(curves.heads()).toEqual(["loss_waypoint", "loss_action"]);
  });

  it("put learnt and set aside over the same steps, with holes", () => {
    const curves = new Curves();
    curves.add([step(1, 5), step(2, 4), { at: 2, event: "checked", step: 2, held_out: 7 }]);
    expect(curves.together(["loss", "held_out"])).toEqual({
      steps: [1, 2],
      values: [
        [5, 4],
        [null, 7],
      ],
    });
    expect(Object.keys(chartsOf(curves))).toEqual(["loss", "heads", "gradient", "pace", "memory"]);
    expect(chartsOf(new Curves())).toEqual({});
  });

  it("of several trainings share one axis", () => {
    const [a, b] = [new Curves(), new Curves()];
    a.add([step(1, 5)]);
    b.add([step(1, 6), step(2, 4)]);
    expect(beside([a, b], "loss")).toEqual({
      steps: [1, 2],
      values: [
        [5, null],
        [6, 4],
      ],
    });
  });
});

const row = { state: "running", step: 10, total: 100, remaining: null, doing: "Learning" } as unknown as TrainingRow;

describe("words", () => {
  it("give remaining time with its basis, or say that there is none", () => {
    expect(left({ ...row, remaining: { seconds: 2280, basis: 2000 } })).toEqual({
      strong: "38 min left",
      basis: "from the last 2 000 steps",
    });
    expect(left(row).basis).toBe("No pace is known yet.");
  });

  it("say why it failed and what to do next", () => {
    const failed = { ...row, state: "failed", problem: "The disk is full.", next_action: "Make room." } as TrainingRow;
    expect(standing(failed)).toBe("The disk is full. Make room.");
  });

  it("name the checkpoint that it went on from", () => {
    expect(logWords({ at: 0, event: "began", step: 12_000 })).toBe("went on from the checkpoint of step 12 000");
  });

  it("keep numbers short", () => {
    expect([0, 0.00012, 0.043, 4.25, 320, 4000, 20_000].map(short)).toEqual([
      "0",
      "1.2e-4",
      "0.043",
      "4.3",
      "320",
      "4.0 k",
      "20 k",
    ]); // prettier-ignore
  });
});

describe("differences", () => {
  it("come before what is the same", () => {
    const one = {
      dataset: "a 1",
      dataset_digest: "",
      episodes: 3,
      base: null,
      recipe: "starter",
      code_version: "x",
      machine: {},
      config: { learn: { rate: 0.1, seed: 0, curriculum: [] } },
    } as unknown as TrainingDetail; // prettier-ignore
    const other = { ...one, config: { learn: { rate: 0.2, seed: 0 } } } as unknown as TrainingDetail;
    const found = differences([one, other]);
    expect(found[0]).toEqual({ name: "rate", values: ["0.1", "0.2"], same: false });
    expect(found.slice(1).every((each) => each.same)).toBe(true);
  });
});
