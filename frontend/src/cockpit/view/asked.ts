// "Asked and done": per axis what was asked (upper bar) and what the gate let through (lower bar), and the reason where they differ.
import type { Axis } from "../../generated/protocol";
import { icon } from "../../icons";
import { fixed, safe } from "../../text";
import { isRate } from "../drive";
import type { Model } from "../model";
import { clampWords } from "../words";
import { type Refs, setHtml, show } from "./dom";

const NAMES: Readonly<Record<string, string>> = {
  vx: "x",
  vy: "y",
  vz: "z",
  wx: "roll",
  wy: "pitch",
  wz: "yaw",
  gripper: "grip",
};

function bar(axis: Axis, value: number, done: boolean): string {
  const kind = done ? ' class="dn"' : "";
  if (!isRate(axis)) {
    const part = Math.min(1, Math.max(0, (value - axis.low) / (axis.high - axis.low)));
    return `<i${kind} style="left:0;width:${(part * 100).toFixed(0)}%"></i>`;
  }
  const part = Math.min(1, Math.abs(value) / (value < 0 ? -axis.low : axis.high)) * 50;
  return `<i${kind} style="${value < 0 ? "right" : "left"}:50%;width:${part.toFixed(0)}%"></i>`;
}

function row(axis: Axis, asked: number, done: number): string {
  const name = NAMES[axis.name] ?? axis.name;
  const cut = Math.abs(asked - done) > 0.02 * (axis.high - axis.low);
  const numbers = `${fixed(asked)} / ${fixed(done)}`;
  return `<span>${safe(name)}</span><span class="tr${isRate(axis) ? " mid" : ""}">${bar(axis, asked, false)}${bar(axis, done, true)}</span><span class="n${cut ? " cut" : ""}">${numbers}</span>`;
}

export function renderAsked(refs: Refs, m: Model): void {
  const part = refs.get("asked");
  const { embodiment, telemetry } = m;
  const action = embodiment?.action ?? [];
  show(part, telemetry !== null && action.length > 0);
  if (!telemetry || action.length === 0) return;
  const rows = action.map((axis, i) => row(axis, telemetry.asked[i] ?? 0, telemetry.done[i] ?? 0)).join("");
  const units = [...new Set(action.filter(isRate).map((axis) => axis.unit))].join(", ");
  const words = clampWords(telemetry.clamps);
  const why = words ? `${icon("warning")}<span>${safe(words)}</span>` : '<span class="same">done as asked</span>';
  const head = `<div class="row"><b>Asked and done</b><span class="muted">${safe(units)}</span></div>`;
  setHtml(part, `${head}<div class="ad">${rows}</div><div class="row why">${why}</div>`);
}
