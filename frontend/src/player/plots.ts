// The plotted lanes: one small uPlot each, drawn once and again only when size, theme or choice changes. The playhead is not drawn here.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { safe } from "../text";
import { thin } from "./decimate";
import { type Lane, laneRange, laneValue } from "./lanes";

export const LANE_HEIGHT = 40;

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function data(lane: Lane, pixels: number): uPlot.AlignedData {
  const { rows, values } = thin(
    lane.lines.map(({ series }) => series.values),
    pixels,
  );
  const limit = lane.limit === undefined ? [] : [new Array<number>(rows.length).fill(lane.limit)];
  return [rows, ...values, ...limit] as unknown as uPlot.AlignedData;
}

function options(lane: Lane, width: number): uPlot.Options {
  const stroke = colour(lane.colour);
  const rows = lane.lines[0]?.series.values.length ?? 0;
  const range = laneRange(lane);
  const series: uPlot.Series[] = lane.lines.map(({ dashed }) => ({
    stroke,
    width: dashed ? 1.1 : 1.5,
    points: { show: false },
    ...(dashed ? { dash: [3, 3], alpha: 0.75 } : {}),
  }));
  if (lane.limit !== undefined)
    series.push({ stroke: colour("warn"), width: 1, dash: [4, 3], points: { show: false } });
  return {
    width,
    height: LANE_HEIGHT,
    padding: [2, 0, 2, 0],
    cursor: { show: false },
    legend: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: { x: { time: false, range: () => [-0.5, rows - 0.5] }, y: { range: () => range } },
    series: [{}, ...series],
  };
}

export class Plots {
  private plots: uPlot[] = [];
  private values: HTMLElement[] = [];
  private shown: readonly Lane[] = [];

  constructor(private readonly place: HTMLElement) {}

  show(lanes: readonly Lane[]): void {
    this.clear();
    this.shown = lanes;
    this.place.innerHTML = lanes
      .map(
        (l) =>
          `<div class="lane"><div class="l"><b>${safe(l.label)}</b><span class="val"></span></div><div class="v"></div></div>`,
      )
      .join("");
    this.values = [...this.place.querySelectorAll<HTMLElement>(".val")];
    const holes = [...this.place.querySelectorAll<HTMLElement>(".v")];
    this.plots = lanes.map((lane, i) => {
      const hole = holes[i] as HTMLElement;
      const width = Math.max(50, hole.clientWidth);
      return new uPlot(options(lane, width), data(lane, width), hole);
    });
  }

  /** Numbers beside the names, at this row. */
  mark(row: number): void {
    this.shown.forEach((lane, i) => {
      const value = this.values[i];
      const text = laneValue(lane, row);
      if (value && value.textContent !== text) value.textContent = text;
    });
  }

  fit(): void {
    this.plots.forEach((plot, i) => {
      const width = plot.root.parentElement?.clientWidth ?? 0;
      if (width <= 0 || width === plot.width) return;
      plot.setSize({ width, height: LANE_HEIGHT });
      plot.setData(data(this.shown[i] as Lane, width));
    });
  }

  recolour(): void {
    this.show(this.shown);
  }

  clear(): void {
    for (const plot of this.plots) plot.destroy();
    this.plots = [];
  }
}
