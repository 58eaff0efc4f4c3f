// One take of a campaign after the other, as a state machine: next prompt, scene put back, countdown, recording, kept or again, next.
// Pure: what happened and when comes in, what is to be done comes out. Only the recording is started here, never a motion.
import type { CampaignPromptRow, CampaignTurn } from "../campaigns/shapes";
import type { RecordingState } from "../generated/protocol";

export type Phase =
  | { at: "off" }
  /** The server is asked which prompt comes next; `stay` names the one to keep. */
  | { at: "asking"; stay: string }
  /** The scene is to be put back; Enter, or the end of the time for it, starts the countdown. */
  | { at: "armed"; sinceMs: number }
  | { at: "counting"; untilMs: number }
  | { at: "starting" }
  | { at: "recording"; episode: string }
  | { at: "ending"; episode: string; keep: boolean }
  /** There is nothing to show now: every goal reached, or the campaign rests. */
  | { at: "resting" };

export interface Turns {
  phase: Phase;
  /** Id of the campaign, "" for none. */
  campaign: string;
  turn: CampaignTurn | null;
  prompt: CampaignPromptRow | null;
  /** Takes that were kept and have not arrived at the server: episode to prompt. */
  kept: Readonly<Record<string, string>>;
  problem: string;
}

export const OFF: Turns = { phase: { at: "off" }, campaign: "", turn: null, prompt: null, kept: {}, problem: "" };

export type Outcome = "success" | "failure";

export type Event =
  | { what: "choose"; campaign: string }
  | { what: "turn"; turn: CampaignTurn }
  /** The server, or the robot, said no. */
  | { what: "refused"; by: "server" | "robot"; sentence: string }
  | { what: "enter" }
  | { what: "again" }
  | { what: "keep"; outcome: Outcome }
  /** Several times a second: what the robot says of the recording, and whether this page holds the lease. */
  | { what: "robot"; recording: RecordingState; may: boolean };

export type Effect =
  | { do: "ask"; stay: string }
  | { do: "start"; campaign: string; prompt: CampaignPromptRow }
  | { do: "stop"; outcome: Outcome }
  | { do: "discard" }
  | { do: "say"; text: string };

export interface Step {
  next: Turns;
  effects: readonly Effect[];
}

const TAKE_CONTROL = "Take control first.";

function stay(t: Turns, ...effects: Effect[]): Step {
  return { next: t, effects };
}

function ask(t: Turns, stayAt: string): Step {
  return stay({ ...t, phase: { at: "asking", stay: stayAt }, problem: "" }, { do: "ask", stay: stayAt });
}

function choose(t: Turns, campaign: string): Step {
  if (campaign === t.campaign) return stay(t);
  return campaign ? ask({ ...OFF, campaign, kept: t.kept }, "") : stay({ ...OFF, kept: t.kept });
}

/** An answer of the server: the next prompt where one was waited for, else only newer counts. */
function turned(t: Turns, turn: CampaignTurn, nowMs: number): Step {
  if (turn.id !== t.campaign) return stay(t);
  const kept = Object.fromEntries(Object.entries(t.kept).filter(([episode]) => !turn.arrived.includes(episode)));
  const next: Turns = { ...t, turn, kept, problem: t.phase.at === "asking" ? "" : t.problem };
  const prompt = turn.prompts.find((one) => one.id === turn.prompt) ?? null;
  const { at } = t.phase;
  if (at === "starting" || at === "recording" || at === "ending") {
    const same = turn.prompts.find((one) => one.id === t.prompt?.id);
    return stay({ ...next, prompt: same ?? t.prompt });
  }
  if (!prompt) return stay({ ...next, prompt: null, phase: { at: "resting" } }, ...rested(t, turn));
  if ((at === "armed" || at === "counting") && t.prompt?.id === prompt.id) return stay({ ...next, prompt });
  const say: Effect = { do: "say", text: `Next: ${prompt.instruction}` };
  return stay({ ...next, prompt, phase: { at: "armed", sinceMs: nowMs } }, say);
}

function rested(t: Turns, turn: CampaignTurn): Effect[] {
  return t.phase.at === "resting" ? [] : [{ do: "say", text: restWords(turn) }];
}

/** Why there is nothing to show. */
export function restWords(turn: CampaignTurn): string {
  if (turn.state === "open") return "Every goal is reached with the takes on their way.";
  if (turn.state === "done") return "Every goal is reached.";
  return `The campaign is ${turn.state}.`;
}

function count(t: Turns, nowMs: number): Step {
  const seconds = t.turn?.countdown_s ?? 0;
  const next: Turns = { ...t, phase: { at: "counting", untilMs: nowMs + seconds * 1000 }, problem: "" };
  return seconds > 0 ? stay(next, { do: "say", text: `Recording in ${seconds} seconds.` }) : stay(next);
}

function enter(t: Turns, nowMs: number): Step {
  if (t.phase.at === "armed") return count(t, nowMs);
  if (t.phase.at === "resting" || (t.phase.at === "asking" && t.problem))
    return ask(t, t.phase.at === "asking" ? t.phase.stay : "");
  return stay(t);
}

function again(t: Turns, nowMs: number): Step {
  const { phase } = t;
  if (phase.at === "counting")
    return stay({ ...t, phase: { at: "armed", sinceMs: nowMs } }, { do: "say", text: "The countdown was stopped." });
  if (phase.at === "recording")
    return stay({ ...t, phase: { at: "ending", episode: phase.episode, keep: false }, problem: "" }, { do: "discard" });
  return stay(t);
}

function keep(t: Turns, outcome: Outcome): Step {
  const { phase } = t;
  if (phase.at !== "recording") return stay(t);
  const next: Turns = { ...t, phase: { at: "ending", episode: phase.episode, keep: true }, problem: "" };
  return stay(next, { do: "stop", outcome });
}

/** The robot refused: back to where the person can try again. */
function refused(t: Turns, by: "server" | "robot", sentence: string, nowMs: number): Step {
  const { phase } = t;
  const next: Turns = { ...t, problem: sentence };
  if (by === "server") return stay(next);
  if (phase.at === "starting") return stay({ ...next, phase: { at: "armed", sinceMs: nowMs } });
  if (phase.at === "ending") return stay({ ...next, phase: { at: "recording", episode: phase.episode } });
  return stay(next);
}

function robot(t: Turns, recording: RecordingState, may: boolean, nowMs: number): Step {
  const { phase } = t;
  const on = recording.state === "recording";
  switch (phase.at) {
    case "armed":
      return armed(t, phase.sinceMs, on, may, nowMs);
    case "counting":
      return counting(t, phase.untilMs, recording, may, nowMs);
    case "starting":
      return on ? stay({ ...t, phase: { at: "recording", episode: recording.episode ?? "" } }) : stay(t);
    case "recording":
      return on && recording.episode === phase.episode ? stay(t) : ended(t, phase.episode, recording);
    case "ending":
      if (on && recording.episode === phase.episode) return stay(t);
      return phase.keep ? kept(t, phase.episode) : ask(t, t.prompt?.id ?? "");
    default:
      return stay(t);
  }
}

/** With a time for putting the scene back the countdown comes by itself; the time runs only while somebody is in control. */
function armed(t: Turns, sinceMs: number, on: boolean, may: boolean, nowMs: number): Step {
  const seconds = t.turn?.reset_s ?? 0;
  if (!may || on) return stay({ ...t, phase: { at: "armed", sinceMs: nowMs } });
  return seconds > 0 && nowMs - sinceMs >= seconds * 1000 ? count(t, nowMs) : stay(t);
}

function counting(t: Turns, untilMs: number, recording: RecordingState, may: boolean, nowMs: number): Step {
  const off = (problem: string): Step => stay({ ...t, phase: { at: "armed", sinceMs: nowMs }, problem });
  if (!may) return off(TAKE_CONTROL);
  if (recording.state === "recording") return off("An episode is being recorded. End it first.");
  if (nowMs < untilMs || recording.state === "finalising" || !t.prompt) return stay(t);
  const start: Effect = { do: "start", campaign: t.campaign, prompt: t.prompt };
  return stay({ ...t, phase: { at: "starting" } }, start, { do: "say", text: "Recording." });
}

function kept(t: Turns, episode: string): Step {
  const prompt = t.prompt?.id ?? "";
  return ask({ ...t, kept: episode && prompt ? { ...t.kept, [episode]: prompt } : t.kept }, "");
}

/** Not by this page: after a minute without a driver, by a full disk, or by another page. What was kept counts all the same. */
function ended(t: Turns, episode: string, recording: RecordingState): Step {
  const saved = recording.state === "finalising" || recording.state === "saved";
  const step = saved ? kept(t, episode) : ask(t, t.prompt?.id ?? "");
  const text = recording.sentence || "The recording ended by itself.";
  return stay(step.next, ...step.effects, { do: "say", text });
}

/** The next state after something happened, and what has to be done about it. */
export function step(t: Turns, event: Event, nowMs: number): Step {
  switch (event.what) {
    case "choose":
      return choose(t, event.campaign);
    case "turn":
      return turned(t, event.turn, nowMs);
    case "refused":
      return refused(t, event.by, event.sentence, nowMs);
    case "enter":
      return enter(t, nowMs);
    case "again":
      return again(t, nowMs);
    case "keep":
      return keep(t, event.outcome);
    case "robot":
      return robot(t, event.recording, event.may, nowMs);
  }
}

/** Whole seconds left of the countdown, null while none runs. */
export function secondsLeft(t: Turns, nowMs: number): number | null {
  return t.phase.at === "counting" ? Math.max(0, Math.ceil((t.phase.untilMs - nowMs) / 1000)) : null;
}
