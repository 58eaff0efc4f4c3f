// Under the picture: the last 60 s (who drove, tool, joints, delay, events) and where the delay comes from. Ten times a second at most.
import type { Embodiment } from "../../generated/protocol";
import { icon } from "../../icons";
import { fixed, safe } from "../../text";
import { isRate } from "../drive";
import { type Mark, type Pilot, type Sample, SPAN_MS } from "../history";
import type { Model } from "../model";
import { type Stage, sum } from "../waterfall";
import { type Refs, setHtml, setStyle, setText } from "./dom";
import { drawSeries, type Series } from "./lane";

const BAND: Readonly<Record<Pilot, string>> = {
  operator: "b-op",
  policy: "b-po",
  hold: "b-ho",
  stop: "b-st",
  unknown: "",
};

export function renderLower(refs: Refs, m: Model): void {
  const endMs = m.frozenMs ?? m.nowMs;
  band(refs, m, endMs);
  plots(refs, m, endMs);
  events(refs, m, endMs);
  refs.get("freeze").setAttribute("aria-pressed", String(m.frozenMs !== null));
  const ago = m.frozenMs === null ? 0 : Math.round((m.nowMs - m.frozenMs) / 1000);
  setText(refs.get("now"), m.frozenMs === null ? "now" : `${ago} s ago`);
  waterfall(refs, m);
}

function band(refs: Refs, m: Model, endMs: number): void {
  const stretches = m.history.band(endMs);
  const left = (ms: number): string => (((ms - endMs + SPAN_MS) / SPAN_MS) * 100).toFixed(2);
  const width = (ms: number): string => ((ms / SPAN_MS) * 100).toFixed(2);
  const pieces = stretches.map(
    (one) =>
      `<i class="${BAND[one.pilot]} lbl" style="left:${left(one.fromMs)}%;width:${width(one.toMs - one.fromMs)}%">${safe(one.label)}</i>`,
  );
  setHtml(refs.get("band"), pieces.join(""));
  refs
    .get("band")
    .setAttribute("aria-label", `Who drove: ${stretches.map((one) => one.label).join(", ") || "nothing known yet"}`);
}

const COLOURS = ["d1", "d2", "d3", "d4", "d5", "d6", "d7"];

function within(samples: readonly Sample[], endMs: number): Sample[] {
  return samples.filter((sample) => sample.atMs >= endMs - SPAN_MS && sample.atMs <= endMs);
}

/** Indices of the joints' angles in the state. */
export function jointIndices(embodiment: Embodiment): number[] {
  return embodiment.state.flatMap((quantity, i) => (/^q\d+$/.test(quantity.name) ? [i] : []));
}

function plots(refs: Refs, m: Model, endMs: number): void {
  const { embodiment } = m;
  if (!embodiment) return;
  const samples = within(m.history.samples, endMs);
  const times = samples.map((sample) => sample.atMs);
  const ends = [endMs - SPAN_MS, endMs] as const;
  const tool = toolSeries(embodiment, samples);
  drawSeries(refs.get("tool") as HTMLCanvasElement, times, tool.series, { low: -tool.reach, high: tool.reach }, ends);
  setText(refs.get("tool-now"), toolWords(embodiment, m.telemetry?.state ?? []));
  const joints = jointIndices(embodiment);
  setText(refs.get("joint-label"), joints.length > 0 ? `Joints 1–${joints.length}, rad` : "No joints told");
  drawSeries(
    refs.get("joints") as HTMLCanvasElement,
    times,
    jointSeries(joints, samples),
    { low: -Math.PI, high: Math.PI },
    ends,
  );
  const delay: Series = { values: samples.map((sample) => sample.latencyMs), colour: "d1", dashed: false };
  drawSeries(refs.get("delay") as HTMLCanvasElement, times, [delay], { low: 0, high: 150, limit: 100 }, ends);
}

function toolSeries(embodiment: Embodiment, samples: readonly Sample[]): { series: Series[]; reach: number } {
  const linear = embodiment.action.flatMap((axis, i) =>
    isRate(axis) && axis.name.startsWith("v") ? [{ axis, i }] : [],
  );
  const series = linear.flatMap(({ i }, k): Series[] => {
    const colour = COLOURS[k % COLOURS.length] ?? "d1";
    return [
      { values: samples.map((sample) => sample.asked[i] ?? null), colour, dashed: true },
      { values: samples.map((sample) => sample.done[i] ?? null), colour, dashed: false },
    ];
  });
  return { series, reach: Math.max(0.05, ...linear.map(({ axis }) => axis.high)) };
}

function toolWords(embodiment: Embodiment, state: readonly number[]): string {
  const values = ["tool_x", "tool_y", "tool_z"].map(
    (name) => state[embodiment.state.findIndex((one) => one.name === name)],
  );
  return values.every((value) => value !== undefined) ? `${values.map((value) => fixed(value ?? 0)).join(" ")} m` : "–";
}

function jointSeries(joints: readonly number[], samples: readonly Sample[]): Series[] {
  return joints.map((index, k) => ({
    values: samples.map((sample) => sample.state[index] ?? null),
    colour: COLOURS[k % COLOURS.length] ?? "d1",
    dashed: false,
  }));
}

const MARK_ICON: Readonly<Record<Mark["tone"], string>> = {
  "": icon("flag"),
  warn: icon("shield"),
  acc: icon("hand"),
  stop: icon("stop"),
};

const MARK_TONE: Readonly<Record<Mark["tone"], string>> = { "": "", warn: "warn", acc: "acc", stop: "halted" };

/** Newest last; one that would cover the one after it is left out. */
function events(refs: Refs, m: Model, endMs: number): void {
  const placed: string[] = [];
  let free = 100;
  for (const mark of [...m.history.marks].reverse()) {
    const at = ((mark.atMs - endMs + SPAN_MS) / SPAN_MS) * 100;
    if (at < 0 || at > 100) continue;
    const width = 3 + mark.text.length * 0.95;
    const left = Math.min(at, 100 - width);
    if (left + width > free) continue;
    free = left - 0.5;
    placed.push(
      `<span class="${MARK_TONE[mark.tone]}" style="left:${left.toFixed(1)}%">${MARK_ICON[mark.tone]}${safe(mark.text)}</span>`,
    );
  }
  setHtml(refs.get("events"), placed.join(""));
}

const LIMIT_MS = 100;
const LOOK = { before: "pre", sight: "", act: "c" } as const;

function bars(stages: readonly Stage[]): { html: string; fullMs: number } {
  const total = sum(stages, "sight") + sum(stages, "act");
  const fullMs = Math.max(120, total * 1.05);
  let start = 0;
  const rows = stages.map((stage) => {
    const ms = stage.ms ?? 0;
    const style = `left:${((start / fullMs) * 100).toFixed(1)}%;width:${((ms / fullMs) * 100).toFixed(1)}%`;
    if (stage.side !== "before") start += ms;
    const number = stage.ms === null ? "–" : ms < 10 ? ms.toFixed(1) : String(Math.round(ms));
    const bar = stage.ms === null ? "" : `<i class="${LOOK[stage.side]}" style="${style}"></i>`;
    return `<span class="t">${stage.name}</span><span class="x">${bar}</span><span class="n">${number} <small>ms</small></span>`;
  });
  return { html: rows.join(""), fullMs };
}

function waterfall(refs: Refs, m: Model): void {
  const { html, fullMs } = bars(m.stages);
  setStyle(refs.get("wf"), "--limit", `${((LIMIT_MS / fullMs) * 100).toFixed(1)}%`);
  setHtml(refs.get("wf"), html);
  const { p50Ms, p95Ms } = m.glass;
  setText(
    refs.get("wf-total"),
    p50Ms === null || p95Ms === null ? "–" : `p50 ${Math.round(p50Ms)} · p95 ${Math.round(p95Ms)} ms`,
  );
  setText(
    refs.get("wf-sum"),
    `Sight ${Math.round(sum(m.stages, "sight"))} ms · act ${Math.round(sum(m.stages, "act"))} ms`,
  );
}
