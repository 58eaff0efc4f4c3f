// The lanes under the pictures: who moved the robot, what it was at, what happened, doubt and delay over time. Markup only.

import { reasonOf } from "../tasks/words";
import { clock, safe } from "../text";
import type { Pilot, Trace } from "./trace";

const LOOK: Readonly<Record<Pilot, string>> = { policy: "b-po", operator: "b-op", hold: "b-ho" };
const NAME: Readonly<Record<Pilot, string>> = { policy: "Policy", operator: "Operator", hold: "Hold" };

/** Whole time shown; at least ten seconds, so that the beginning is not stretched. */
export function shownS(trace: Trace, recordedS: number): number {
  return Math.max(10, trace.length, recordedS);
}

export function lanes(trace: Trace, lengthS: number): string {
  const at = (s: number): string => `${Math.max(0, Math.min(100, (s / lengthS) * 100)).toFixed(2)}%`;
  return [
    lane("", ticks(lengthS, at), "tick"),
    lane("Pilot", pilots(trace, lengthS)),
    lane("Subtask", subtasks(trace, lengthS, at), "rn-gl"),
    lane("Events", events(trace, at), "ev"),
    lane(
      limitName(trace),
      plot(
        trace.series((line) => line.doubt),
        lengthS,
        trace.series((line) => line.limit),
      ),
      "rn-plot",
    ),
    lane(
      "Delay, ms",
      plot(
        trace.series((line) => line.delay_ms),
        lengthS,
        [],
      ),
      "rn-plot",
    ),
  ].join("");
}

function lane(name: string, inner: string, extra = ""): string {
  return `<div class="lane"><span class="l">${name}</span><div class="v ${extra}">${inner}</div></div>`;
}

function limitName(trace: Trace): string {
  const limit = [...trace.lines].reverse().find((line) => line.limit !== undefined)?.limit;
  return limit === undefined ? "Doubt" : `Doubt <span class="warn">– – ${limit.toFixed(2)}</span>`;
}

function ticks(lengthS: number, at: (s: number) => string): string {
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300].find((one) => lengthS / one <= 8) ?? 600;
  const marks: string[] = [];
  for (let s = 0; s <= lengthS; s += step) marks.push(`<span style="left:${at(s)}">${clock(s)}</span>`);
  return marks.join("");
}

function pilots(trace: Trace, lengthS: number): string {
  const spans = trace.pilots();
  const words = spans.map((one) => NAME[one.what]).join(", then ") || "nothing yet";
  const before = spans[0] ? `<span style="width:${((spans[0].from / lengthS) * 100).toFixed(2)}%"></span>` : "";
  const parts = spans.map((one) => {
    const width = ((one.to - one.from) / lengthS) * 100;
    return `<i class="${LOOK[one.what]} lbl" style="width:${width.toFixed(2)}%" title="${NAME[one.what]}">${width > 7 ? NAME[one.what] : ""}</i>`;
  });
  return `<div class="band" role="img" aria-label="Who moved it: ${words}">${before}${parts.join("")}</div>`;
}

function subtasks(trace: Trace, lengthS: number, at: (s: number) => string): string {
  return trace
    .subtasks()
    .filter((one) => one.what !== "")
    .map((one) => {
      const width = (((one.to - one.from) / lengthS) * 100).toFixed(2);
      const hand = one.what === "by hand" ? "o" : "p";
      return `<button type="button" class="${hand}" data-seek="${one.from.toFixed(3)}" style="left:${at(one.from)};width:${width}%" title="${safe(one.what)}">${safe(one.what)}</button>`;
    })
    .join("");
}

function events(trace: Trace, at: (s: number) => string): string {
  return trace
    .events()
    .filter((one) => one.kind !== "moving" && one.kind !== "starting")
    .map((one, place, all) => {
      const next = all[place + 1];
      const room = next ? `;max-width:calc(${at(next.at)} - ${at(one.at)})` : "";
      const look = one.kind === "holding" ? "warn" : one.kind === "clamp" ? "muted" : "";
      return `<button type="button" class="${look}" data-seek="${one.at.toFixed(3)}" style="left:${at(one.at)}${room}" title="${safe(reasonOf(one.what))}">${safe(reasonOf(one.what))}</button>`;
    })
    .join("");
}

function plot(series: readonly [number, number][], lengthS: number, limits: readonly [number, number][]): string {
  if (series.length === 0) return '<span class="s11 muted">not measured</span>';
  const limit = limits[limits.length - 1]?.[1];
  const top = Math.max(limit ? limit * 1.5 : 0, ...series.map((one) => one[1])) || 1;
  const point = ([t, value]: readonly [number, number]): string =>
    `${((t / lengthS) * 1000).toFixed(1)},${(40 - (Math.min(value, top) / top) * 38).toFixed(1)}`;
  const pin = limit ? `<path class="th" d="M0 ${(40 - (limit / top) * 38).toFixed(1)}H1000"/>` : "";
  return `<svg class="plot" viewBox="0 0 1000 42" preserveAspectRatio="none" aria-hidden="true">${pin}<polyline stroke="var(--d1)" points="${series.map(point).join(" ")}"/></svg>`;
}
