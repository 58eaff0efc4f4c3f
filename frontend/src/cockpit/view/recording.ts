// The recording's transport: what the robot says of the take, and the buttons that fit its state. "Saved" only on the robot's word.
import type { RecordingState } from "../../generated/protocol";
import { icon } from "../../icons";
import { clockTenths, count, safe } from "../../text";
import { inControl } from "../authority";
import { keyFor } from "../keymap";
import type { Model } from "../model";
import { type Refs, setClass, setDisabled, setHtml, setText, show } from "./dom";

const IDLE: RecordingState = { state: "idle" };

export function recordingOf(m: Model): RecordingState {
  return m.telemetry?.recording ?? m.state?.recording ?? IDLE;
}

export function renderRecording(refs: Refs, m: Model): void {
  const rec = recordingOf(m);
  const on = rec.state === "recording";
  const may = inControl(m.authority, m.nowMs);
  note(refs, rec);
  setHtml(refs.get("rec-dot"), on ? '<span class="recdot"></span>' : rec.state === "saved" ? icon("check", "ok") : "");
  setText(refs.get("rec-time"), clockTenths(rec.seconds ?? 0));
  setText(refs.get("rec-facts"), rec.frames ? `${rec.episode?.slice(0, 8) ?? ""} · ${count(rec.frames, "frame")}` : "");
  const campaign = m.turns.phase.at !== "off";
  show(refs.get("rec-clock"), on || !campaign);
  show(refs.get("rec-instr"), !campaign || (on && !m.turns.prompt));
  show(refs.get("rec-idle"), !on && !campaign);
  show(refs.get("rec-on"), on);
  const key = (action: Parameters<typeof keyFor>[1]): string => `<kbd>${safe(keyFor(m.keymap, action))}</kbd>`;
  setHtml(refs.get("rec-start"), `<span class="recdot" style="animation:none"></span>Record ${key("start")}`);
  setHtml(refs.get("rec-last"), `${icon("back")}Last 30 s ${key("save_last")}`);
  setHtml(refs.get("rec-good"), `${icon("check", "ok")}Success ${key("success")}`);
  setHtml(refs.get("rec-bad"), `${icon("cross", "err")}Failure ${key("failure")}`);
  const again = refs.get("rec-again");
  again.title = `Discard and record again (${keyFor(m.keymap, "rerecord")})`;
  for (const name of ["rec-start", "rec-last", "rec-good", "rec-bad", "rec-again", "scene"])
    setDisabled(refs.get(name), !may);
  setClass(refs.get("rec-start"), `btn grow${m.recordWait ? " wait" : ""}`);
  const away = on
    ? "It ends by itself after 60 s without a driver, or take control to end it."
    : "Recording needs control: take it first.";
  const why = m.recordProblem || (may || (campaign && !on) ? "" : away);
  show(refs.get("rec-problem"), why !== "");
  setClass(refs.get("rec-problem"), `s11 ${m.recordProblem ? "warn" : "muted"}`);
  setText(refs.get("rec-problem"), why);
}

function note(refs: Refs, rec: RecordingState): void {
  const part = refs.get("rec-note");
  const [text, tone] = words(rec);
  setText(part, text);
  setClass(part, `s11 ${tone}`);
}

function words(rec: RecordingState): [string, string] {
  if (rec.state === "failed") return [rec.sentence || "not saved", "err"];
  if (rec.state === "finalising") return ["finishing the files", "muted"];
  if (rec.state === "saved") {
    const sent = rec.uploaded_pct ?? null;
    return [sent === null || sent >= 100 ? "saved, read back" : `saved, ${Math.round(sent)} % sent`, "ok"];
  }
  if (rec.state === "recording") {
    const age = rec.flushed_age_ms ?? null;
    return [
      age === null ? "" : `on disk ${(Math.max(0, age) / 1000).toFixed(1)} s ago`,
      age !== null && age > 500 ? "warn" : "ok",
    ];
  }
  const kept = rec.preroll_s ?? 0;
  return [kept >= 1 ? `${Math.floor(kept)} s kept` : "", "muted"];
}
