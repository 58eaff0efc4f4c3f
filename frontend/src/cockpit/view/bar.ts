// The top bar: which robot, mode chip, lease, link, recording, and the remote stop with the truth about it.

import { icon } from "../../icons";
import { chipHtml, chipOf } from "../../mode";
import { reasonOf } from "../../tasks/words";
import { clock, safe } from "../../text";
import { isSilent } from "../authority";
import { latched, type Model, permittedMode, robotName } from "../model";
import { permittedWhy, permittedWord } from "../words";
import { type Refs, setClass, setData, setHtml, setText } from "./dom";
import { drawLine } from "./lane";

const TONE: Readonly<Record<string, string>> = { direct: "ok", scaled: "warn", step: "warn", supervise: "err" };

export function renderBar(refs: Refs, m: Model, site: string): void {
  setText(refs.get("site"), site);
  setText(refs.get("name"), m.hello?.robot_name ?? "Robot");
  setHtml(refs.get("chip"), chip(m));
  lease(refs, m);
  link(refs, m);
  setHtml(refs.get("rec"), recording(m));
  stop(refs, m);
}

function chip(m: Model): string {
  const silent = m.peer === "live" && isSilent(m.authority, m.nowMs);
  const lostPeer = m.peer === "lost" && m.authority.lease.at === "lost";
  if (silent || lostPeer)
    return `<span class="mode" data-m="hold">${icon("question")}UNKNOWN <small>no word</small></span>`;
  if (m.run?.phase === "holding" && m.state?.mode === "AUTONOMY")
    return chipHtml({ look: "hold", word: "HOLD", small: reasonOf(m.run.reason), icon: "lock" });
  return chipHtml(chipOf({ online: m.online || m.peer === "live", state: m.state, me: m.hello?.person ?? "" }));
}

function lease(refs: Refs, m: Model): void {
  const held = m.state?.lease;
  setText(refs.get("lease-time"), held ? clock(held.held_s + (m.nowMs - m.stateMs) / 1000).padStart(5, "0") : "none");
  setText(refs.get("lease-epoch"), held ? `epoch ${held.epoch}` : "");
}

function link(refs: Refs, m: Model): void {
  const { p95Ms, lostPct } = m.glass;
  setText(refs.get("g2g"), p95Ms === null ? "– ms" : `${Math.round(p95Ms)} ms`);
  setText(refs.get("loss"), `${lostPct.toFixed(1)} % lost`);
  const mode = permittedMode(m);
  const driven = m.peer === "live" && m.state?.lease != null;
  const idle = m.peer === "live" ? "nobody drives" : "not connected";
  const part = refs.get("permitted");
  setClass(part, `chip ${driven ? (TONE[mode] ?? "") : ""}`);
  setHtml(part, driven ? `${icon(mode === "direct" ? "check" : "clock")}${permittedWord(mode)}` : idle);
  part.title = permittedWhy(mode, m.telemetry?.control_latency_ms ?? null);
  const values = m.history.samples.slice(-200).map((sample) => sample.latencyMs);
  drawLine(refs.get("spark") as HTMLCanvasElement, values, { low: 0, high: 130, limit: 100 });
}

function recording(m: Model): string {
  const rec = m.telemetry?.recording ?? m.state?.recording;
  if (!rec || rec.state === "idle") return '<span class="muted">Not recording</span>';
  const episode = rec.episode ? ` <span class="muted">ep ${safe(rec.episode.slice(0, 8))}</span>` : "";
  if (rec.state === "recording")
    return `<span class="recdot"></span><b>REC ${clock(rec.seconds ?? 0).padStart(5, "0")}</b>${episode}`;
  const words = { finalising: "Saving", saved: "Saved", failed: "Not saved" }[rec.state];
  const tone = rec.state === "failed" ? "err" : rec.state === "saved" ? "ok" : "muted";
  return `<b class="${tone}">${words}</b>${episode}`;
}

function stop(refs: Refs, m: Model): void {
  const button = refs.get("stop");
  const name = robotName(m);
  const since = m.stop.at === "asked" ? (m.nowMs - m.stop.sinceMs) / 1000 : 0;
  const stopped = latched(m).length > 0 || m.state?.mode === "ESTOP";
  const asked = m.stop.at === "asked";
  setClass(button, `stop${asked ? " wait" : stopped ? " latched" : ""}`);
  setData(button, "state", asked ? (m.stopUnknown ? "unknown" : "asked") : stopped ? "stopped" : "rest");
  if (m.stopUnknown) setText(refs.get("stop-word"), "UNKNOWN");
  else setText(refs.get("stop-word"), asked ? "Stopping" : stopped ? "Stopped" : "Remote stop");
  setText(refs.get("stop-scope"), asked ? `${name}, ${since.toFixed(1)} s` : name);
}
