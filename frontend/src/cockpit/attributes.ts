// The element's attributes: the cockpit's state in words for tests and assistive tools; and the facts that the checks before driving need.
import { inControl, isSilent, leaseWord } from "./authority";
import { latched, type Model, permittedMode } from "./model";
import { blockers, type Check, type Facts } from "./preflight";
import { setData } from "./view/dom";
import { recordingOf } from "./view/recording";

function modeWord(m: Model): string {
  const silent = m.peer === "lost" || (m.peer === "live" && isSilent(m.authority, m.nowMs));
  if (silent) return "UNKNOWN";
  return m.online || m.peer === "live" ? (m.state?.mode ?? "UNKNOWN") : "OFFLINE";
}

function connectionWord(m: Model): string {
  if (m.forged || m.changedKey) return "refused";
  if (m.hello && !m.online && m.peer !== "live") return "offline";
  return m.peer === "none" ? "connecting" : m.peer;
}

function stopWord(m: Model): string {
  if (m.stop.at === "asked") return m.stopUnknown ? "unknown" : "asked";
  return latched(m).length > 0 ? "stopped" : "rest";
}

/** data-mode, -reason, -connection, -server, -lease, -g2g-ms, -recording, -campaign, -run, -permitted, -frame-age-ms, -stop, -driving, -ready. */
export function writeAttributes(element: HTMLElement, m: Model, checks: readonly Check[]): void {
  setData(element, "mode", modeWord(m));
  setData(element, "reason", m.state?.reason ?? "");
  setData(element, "connection", connectionWord(m));
  setData(element, "server", m.socket);
  setData(element, "lease", leaseWord(m.authority, m.nowMs));
  setData(element, "g2gMs", m.glass.p50Ms === null ? "" : m.glass.p50Ms.toFixed(1));
  setData(element, "recording", recordingOf(m).state);
  setData(element, "campaign", m.turns.phase.at);
  setData(element, "run", m.run?.phase ?? "");
  setData(element, "permitted", permittedMode(m));
  setData(element, "frameAgeMs", m.ageMs === null ? "" : String(Math.round(m.ageMs)));
  setData(element, "stop", stopWord(m));
  setData(element, "driving", inControl(m.authority, m.nowMs) && m.deadman ? m.deadman : "no");
  setData(element, "ready", blockers(checks).length === 0 ? "yes" : "no");
}

export function factsOf(m: Model): Facts {
  return {
    signedIn: m.hello !== null,
    mayDrive: m.hello?.may_drive ?? false,
    whyNot: m.hello?.why_not ?? "",
    pageProblem: m.pageProblem,
    keyChecked: m.keyChecked,
    online: m.online,
    lastSeenS: m.lastSeenS,
    live: m.peer === "live",
    state: m.state,
    me: m.hello?.person ?? "",
    ageMs: m.ageMs,
    test: m.test,
    glassMs: m.glass.p50Ms,
  };
}
