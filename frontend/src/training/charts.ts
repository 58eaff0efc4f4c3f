// Plots of curves over steps: one uPlot each with axes, redrawn when there is more, when the size or the theme changes.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { safe } from "../text";

export interface Drawn {
  label: string;
  colour: string; // a token, such as "accent"
  dashed?: boolean;
}

export interface Chart {
  title: string;
  about?: string;
  unit?: string;
  height: number;
  log?: boolean;
  lines: Drawn[];
  data: { steps: number[]; values: (number | null)[][] };
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** 1 200 -> 1.2 k; small numbers with as many digits as they need. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 10_000) return `${(value / 1000).toFixed(0)} k`;
  if (size >= 1000) return `${(value / 1000).toFixed(1)} k`;
  if (size >= 100 || value === 0) return value.toFixed(0);
  if (size >= 1) return value.toFixed(1);
  return size >= 0.01 ? value.toFixed(3) : value.toExponential(1);
}

function newest(values: readonly (number | null)[]): number | null {
  for (let i = values.length - 1; i >= 0; i--) if (values[i] !== null) return values[i] as number;
  return null;
}

/** The panel of one chart, with the newest value of each line in words, so that nothing hangs on colour alone. */
export function chartMarkup(chart: Chart, name: string): string {
  const legend = chart.lines
    .map((line, i) => {
      const value = newest(chart.data.values[i] ?? []);
      const told = value === null ? "" : ` <b>${short(value)}</b>`;
      return `<span class="lg"><i class="${line.dashed ? "d" : ""}" style="color:var(--${line.colour})"></i>${safe(line.label)}${told}</span>`;
    })
    .join("");
  const about = chart.about ? `<span class="muted s11">${safe(chart.about)}</span>` : "";
  return `<section class="panel chart" data-chart="${name}"><div class="ph"><h2>${safe(chart.title)}</h2>${about}<span class="sp legend">${legend}</span></div><div class="plot" style="height:${chart.height}px" role="img" aria-label="${safe(chart.title)} over steps"></div></section>`;
}

function options(chart: Chart, width: number): uPlot.Options {
  const grid = { stroke: colour("line"), width: 1 };
  const axis = {
    stroke: colour("muted"),
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
    grid,
    ticks: { show: false },
  };
  return {
    width,
    height: chart.height,
    padding: [10, 14, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: {
      x: { time: false },
      y: chart.log
        ? { distr: 3, range: (_, low, high) => [low * 0.85, high * 1.15] }
        : { range: (_, low, high) => bounds(low, high) },
    },
    axes: [
      { ...axis, size: 26, values: (_, at) => at.map((v) => (v % 1 ? "" : v < 1000 ? String(v) : short(v))) },
      { ...axis, size: 50, values: (_, at) => at.map((v) => (v === null ? "" : short(v))) },
    ],
    series: [
      {},
      ...chart.lines.map((line) => ({
        label: line.label,
        stroke: colour(line.colour),
        width: 1.5,
        spanGaps: true,
        points: { show: line.dashed === true, size: 4 },
        ...(line.dashed ? { dash: [4, 3] } : {}),
      })),
    ],
  };
}

/** From 0, as errors are read; room above. */
function bounds(low: number, high: number): [number, number] {
  const top = high > 0 ? high * 1.08 : 1;
  return [Math.min(0, low), top];
}

export class Charts {
  private readonly plots = new Map<string, uPlot>();
  private readonly shown = new Map<string, Chart>();

  constructor(private readonly place: HTMLElement) {}

  /** Draws these charts by name; those that are there get their new data. */
  show(charts: Record<string, Chart>): void {
    const names = Object.keys(charts);
    const layout = (all: Record<string, Chart>): string =>
      JSON.stringify(Object.entries(all).map(([name, chart]) => [name, chart.lines]));
    const same = layout(charts) === layout(Object.fromEntries(this.shown));
    if (!same) {
      this.clear();
      this.place.innerHTML = names.map((name) => chartMarkup(charts[name] as Chart, name)).join("");
    }
    for (const name of names) {
      const chart = charts[name] as Chart;
      this.shown.set(name, chart);
      if (same) this.tell(name, chart);
      this.plot(name, chart);
    }
  }

  private tell(name: string, chart: Chart): void {
    const values = this.place.querySelectorAll(`[data-chart="${name}"] .lg`);
    values.forEach((value, i) => {
      const now = newest(chart.data.values[i] ?? []);
      const bold = value.querySelector("b");
      if (bold && now !== null) bold.textContent = short(now);
    });
  }

  private plot(name: string, chart: Chart): void {
    const hole = this.place.querySelector<HTMLElement>(`[data-chart="${name}"] .plot`);
    if (!hole) return;
    const data = [chart.data.steps, ...chart.data.values] as unknown as uPlot.AlignedData;
    const there = this.plots.get(name);
    if (there) there.setData(data);
    else this.plots.set(name, new uPlot(options(chart, Math.max(80, hole.clientWidth)), data, hole));
  }

  fit(): void {
    for (const [name, plot] of this.plots) {
      const width = this.place.querySelector<HTMLElement>(`[data-chart="${name}"] .plot`)?.clientWidth ?? 0;
      if (width > 0 && width !== plot.width) plot.setSize({ width, height: plot.height });
    }
  }

  recolour(): void {
    const all = Object.fromEntries(this.shown);
    this.clear();
    this.show(all);
  }

  clear(): void {
    for (const plot of this.plots.values()) plot.destroy();
    this.plots.clear();
    this.shown.clear();
  }
}
