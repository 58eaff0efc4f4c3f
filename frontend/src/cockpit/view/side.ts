// The right panel's upper and lower parts: who is in control, what must be true before, what a stop reached and how it is cleared, and the one button.
import { icon } from "../../icons";
import { clock, safe } from "../../text";
import { inControl, isSilent, waitingMs } from "../authority";
import { keyFor } from "../keymap";
import { latched, type Model, permittedMode, robotName } from "../model";
import { blockers, type Check, type Verdict } from "../preflight";
import { permittedWhy } from "../words";
import { type Refs, setClass, setDisabled, setHtml, setText, show } from "./dom";

const MARK: Readonly<Record<Verdict, string>> = {
  ok: icon("check", "ok"),
  no: icon("cross", "err"),
  wait: icon("clock", "warn"),
};
const SAID: Readonly<Record<Verdict, string>> = { ok: "met", no: "not met", wait: "waiting" };

function line(check: Check): string {
  return `<li class="check" data-check="${check.name}" data-verdict="${check.verdict}">${MARK[check.verdict]}<span><span class="sr">${SAID[check.verdict]}: </span>${safe(check.text)}</span></li>`;
}

export function renderSide(refs: Refs, m: Model, checks: readonly Check[]): void {
  setHtml(refs.get("control"), headline(m));
  setHtml(refs.get("checks"), middle(m, checks));
  setHtml(refs.get("checks-do"), below(m));
  consent(refs, m);
  takeButton(refs, m, checks);
}

function headline(m: Model): string {
  const { lease } = m.authority;
  const name = safe(robotName(m));
  const lead = (text: string, more = ""): string =>
    `<h2>Control</h2><p class="lead">${text}</p><p class="s11 t2">${more}</p>`;
  if (m.authority.wordMs !== null && isSilent(m.authority, m.nowMs))
    return lead(
      `${name}: UNKNOWN`,
      "It has said nothing for a second. It holds by itself when it hears nothing from here.",
    );
  if (latched(m).length > 0)
    return lead(`${name} is stopped`, "It stays stopped, whoever asks, until every stop is cleared.");
  if (inControl(m.authority, m.nowMs))
    return lead(`You drive ${name}`, safe(permittedWhy(permittedMode(m), m.telemetry?.control_latency_ms ?? null)));
  if (lease.at === "lost") return lead("Control lost", safe(lease.sentence));
  if (lease.at === "asking") {
    const left = Math.max(0, Math.ceil((lease.untilMs - m.nowMs) / 1000));
    return lead(`Asked ${safe(lease.holder)}`, `Without an answer in ${left} s you may take the lease.`);
  }
  const held = m.state?.lease;
  if (held)
    return lead(
      `${safe(held.name)} ${held.kind === "policy" ? "is the policy that drives" : "drives"} ${name}`,
      "You are watching.",
    );
  return lead(`Nobody drives ${name}`, m.authority.refusal ? safe(m.authority.refusal) : "The arm holds its position.");
}

function middle(m: Model, checks: readonly Check[]): string {
  if (latched(m).length > 0 || m.stop.at !== "rest") return reached(m);
  if (inControl(m.authority, m.nowMs)) return driving(m);
  return `<h2 class="strong">Before you can start</h2><ul>${checks.map(line).join("")}</ul>`;
}

/** What is pressed stands apart from what is counted, so that no button is rewritten under the pointer. */
function below(m: Model): string {
  if (latched(m).length > 0) return clearing(m);
  const tested = m.test?.done && m.stop.at === "rest" && !inControl(m.authority, m.nowMs);
  return tested ? '<button class="btn quiet s11" type="button" data-act="test">Test the network again</button>' : "";
}

function driving(m: Model): string {
  const refused = Object.entries(m.telemetry?.refused ?? {}).reduce((sum, [, n]) => sum + n, 0);
  const facts: [string, string][] = [
    ["Keys move", m.keysFollow === "picture" ? "as seen in the picture" : "along the robot's axes"],
    ["Gamepad", m.hasPad ? "LB drives, B stops" : "none found"],
    ["Pointer", permittedMode(m) === "step" ? "click: one step there" : "drag the picture, wheel for depth"],
    ["Round trip", m.rttMs === null ? "–" : `${Math.round(m.rttMs)} ms`],
    ["Refused in the last second", String(refused)],
  ];
  const rows = facts.map(([name, value]) => `<dt>${safe(name)}</dt><dd>${safe(value)}</dd>`).join("");
  const last =
    refused > 0 && m.telemetry?.last_refusal ? `<p class="s11 warn">${safe(m.telemetry.last_refusal)}</p>` : "";
  return `<h2>Driving</h2><dl class="kv">${rows}</dl>${last}`;
}

function reached(m: Model): string {
  const { stop } = m;
  if (stop.at === "rest") return "";
  const name = safe(robotName(m));
  const waited =
    stop.at === "asked" ? `${((m.nowMs - stop.sinceMs) / 1000).toFixed(1)} s` : `${Math.round(stop.tookMs)} ms`;
  const robot =
    stop.at === "answered"
      ? line({ name: "robot", verdict: "ok", text: `${robotName(m)} says it stands: ${waited}` })
      : line({
          name: "robot",
          verdict: m.stopUnknown ? "no" : "wait",
          text: m.stopUnknown
            ? `UNKNOWN: ${robotName(m)} has not answered for ${waited}`
            : `Waiting for ${robotName(m)}: ${waited}`,
        });
  const server = {
    "": "",
    asked: "Server passed it on",
    acknowledged: "Server wrote down the robot's answer",
    unreachable: "Server does not reach the robot",
  }[m.stopServer];
  const told = server
    ? line({ name: "server", verdict: m.stopServer === "unreachable" ? "no" : "ok", text: server })
    : "";
  const ways =
    stop.ways.length > 0
      ? `Sent ${stop.sent} times over ${stop.ways.join(", ")}.`
      : "No way to it is open. It is sent as soon as one is.";
  const wired = m.stopUnknown
    ? `<p class="s11 warn">Near the robot? Use its wired stop. ${name} holds by itself when it hears nothing.</p>`
    : "";
  return `<h2 class="strong">What was reached</h2><ul>${robot}${told}</ul><p class="s11 muted">${safe(ways)}</p>${wired}`;
}

function clearing(m: Model): string {
  const sources = latched(m);
  if (sources.length === 0) return "";
  const me = m.hello?.person ?? "";
  const rows = sources.map((source, i) => {
    const waits = m.clearing?.source === source;
    const late = waits && m.nowMs - (m.clearing?.sinceMs ?? 0) > 300;
    const label = late ? "Waiting for the robot" : waits ? "Clearing" : "Clear";
    const who = source === me ? "your stop" : `stop ${i + 1} of ${sources.length}`;
    return `<li class="row"><span class="grow el" title="${safe(source)}">${who}</span><button class="btn${late ? " wait" : ""}" type="button" data-act="clear" data-source="${safe(source)}">${label}</button></li>`;
  });
  const problem = m.clearProblem ? `<p class="s11 warn">${safe(m.clearProblem)}</p>` : "";
  return `<h2 class="strong ck-before">Before it can move again</h2><label class="check"><input type="checkbox" data-looked> <span>I have looked at the robot: nobody is within reach.</span></label><ul class="col">${rows.join("")}</ul>${problem}<p class="s11 muted">Clearing starts nothing.</p>`;
}

function consent(refs: Refs, m: Model): void {
  const part = refs.get("consent");
  const asked = m.authority.consent;
  show(part, asked !== null);
  if (!asked) return;
  setHtml(
    part,
    `<div class="note">${icon("question")}<span class="grow"><b>${safe(asked.name)} asks for the lease.</b><br><span data-left></span><span class="row ck-answer"><button class="btn" type="button" data-act="consent" data-request="${safe(asked.request)}">Hand over</button><button class="btn" type="button" data-act="keep" data-request="${safe(asked.request)}">Keep it</button></span></span></div>`,
  );
  const left = Math.max(0, Math.ceil((asked.untilMs - m.nowMs) / 1000));
  const words = part.querySelector("[data-left]");
  if (words) setText(words, `Without an answer in ${left} s they may take it.`);
}

interface Offer {
  text: string;
  why: string;
  off: boolean;
}

function offer(m: Model, checks: readonly Check[]): Offer {
  const { lease } = m.authority;
  const blocked = blockers(checks);
  const held = m.state?.lease;
  if (lease.at === "mine" && m.run)
    return { text: "Hand back to the policy", why: "It goes on from where you leave it.", off: false };
  if (lease.at === "mine") return { text: "Hand back", why: "The arm holds. Nothing goes on by itself.", off: false };
  if (lease.at === "releasing") return { text: "Handing back", why: "Waiting for the robot's answer.", off: true };
  if (lease.at === "permit") return { text: "Asking for a permit", why: "Waiting for the server.", off: true };
  if (lease.at === "taking") return { text: "Taking", why: "Waiting for the robot's answer.", off: true };
  if (lease.at === "asking") return { text: "Stop asking", why: `${lease.holder} sees your question.`, off: false };
  const first = blocked[0];
  if (first) return { text: "Take control", why: first.text, off: true };
  if (held?.kind === "human") {
    const text = held.person === m.hello?.person ? "Ask your other window for it" : `Ask ${held.name} for the lease`;
    return { text, why: `${held.name} has held it for ${clock(held.held_s)}.`, off: false };
  }
  return { text: "Take control", why: "The grant itself moves nothing.", off: false };
}

function takeButton(refs: Refs, m: Model, checks: readonly Check[]): void {
  const part = refs.get("take");
  const now = offer(m, checks);
  const waited = waitingMs(m.authority, m.nowMs);
  const key = now.off ? "" : ` <kbd>${safe(keyFor(m.keymap, "lease"))}</kbd>`;
  setHtml(part, `${safe(now.text)}${waited === null ? "" : `, ${(waited / 1000).toFixed(1)} s`}${key}`);
  setDisabled(part, now.off);
  setClass(part, `btn lg ck-big ${waited === null ? "pri" : "wait"}`);
  setText(refs.get("take-why"), now.why);
  const held = m.state?.lease;
  const theirs = held?.kind === "human" && held.person !== m.hello?.person && m.authority.lease.at !== "mine";
  show(refs.get("force"), theirs === true && m.hello?.may_force === true && blockers(checks).length === 0);
}
