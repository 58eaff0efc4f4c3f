// Which charts a training has, out of its curves.
import type { Chart } from "./charts";
import type { Curves } from "./curves";

const SERIES = ["d1", "d2", "d3", "d4", "d5", "d6", "d7"];

function words(name: string): string {
  return name.replace(/^loss_|^held_out_/, "").replaceAll("_", " ");
}

function one(curves: Curves, title: string, name: string, about: string, colour = "d1"): Chart {
  return { title, about, height: 132, lines: [{ label: "", colour }], data: curves.together([name]) };
}

export function chartsOf(curves: Curves): Record<string, Chart> {
  const charts: Record<string, Chart> = {};
  if (!curves.has("loss")) return charts;
  const main = ["loss", ...(curves.has("held_out") ? ["held_out"] : [])];
  charts.loss = {
    title: "Loss",
    about: "all heads, weighted",
    height: 224,
    log: true,
    lines: [
      { label: "learnt from", colour: "accent" },
      ...(main.length > 1 ? [{ label: "set aside", colour: "d2", dashed: true }] : []),
    ],
    data: curves.together(main),
  };
  const heads = curves.heads().slice(0, SERIES.length);
  charts.heads = {
    title: "Loss by head",
    height: 168,
    log: true,
    lines: heads.map((name, i) => ({ label: words(name), colour: SERIES[i] ?? "d1" })),
    data: curves.together(heads),
  };
  const aside = heads.map((name) => name.replace("loss_", "held_out_")).filter((name) => curves.has(name));
  if (aside.length)
    charts.aside = {
      title: "Error on what was set aside",
      height: 168,
      log: true,
      lines: aside.map((name, i) => ({ label: words(name), colour: SERIES[i] ?? "d1", dashed: true })),
      data: curves.together(aside),
    };
  charts.gradient = one(curves, "Gradient norm", "gradient", "before it is clipped", "d3");
  charts.pace = one(curves, "Samples per second", "samples_per_s", "by the clock on the wall", "d4");
  charts.memory = one(curves, "Memory, MB", "memory_mb", "the most so far", "d5");
  return charts;
}
