// Over the picture: which camera and how old, what the link permits, the gate, the drive pill, the lock of an old picture, the other cameras.
import { icon } from "../../icons";
import { fixed, safe } from "../../text";
import { inControl, isSilent } from "../authority";
import { isStale } from "../frames";
import { keyFor } from "../keymap";
import { latched, type Model, permittedMode } from "../model";
import type { Pictures } from "../pictures";
import { type Pill, pillOf, staleSentence } from "../words";
import { type Refs, setClass, setData, setHtml, setText, show } from "./dom";

export function renderPicture(refs: Refs, m: Model, pictures: Pictures): void {
  main(refs, m, pictures);
  ladder(refs, m);
  gate(refs, m);
  pill(refs, m);
  stale(refs, m);
  pips(refs, m, pictures);
  show(refs.get("arrows"), inControl(m.authority, m.nowMs) && permittedMode(m) === "step");
}

const title = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

function main(refs: Refs, m: Model, pictures: Pictures): void {
  const holder = refs.get("main-video");
  const i = m.cameras.indexOf(m.main);
  const video = i >= 0 ? pictures.video(i) : null;
  if (video && holder.firstElementChild !== video) holder.replaceChildren(video);
  setText(refs.get("main-name"), i >= 0 ? `${i + 1} ${title(m.main)}` : "No camera");
  const size = video?.videoWidth ? `${video.videoWidth}×${video.videoHeight} · ` : "";
  const age = m.ageMs === null ? "no picture" : `picture ${String(Math.round(m.ageMs)).padStart(3, "\u2007")} ms old`;
  const masked = m.state?.cameras?.find((camera) => camera.name === m.main)?.masked ? " · partly masked" : "";
  setText(refs.get("main-facts"), `${size}${Math.round(m.glass.fps)} fps · ${age}${masked}`);
  const waiting = m.peer === "live" ? "" : waitWords(m);
  setText(refs.get("wait"), m.ageMs === null || m.peer === "none" ? waiting : "");
}

function waitWords(m: Model): string {
  if (m.forged) return m.forged;
  if (m.socket === "refused")
    return "The server refused this page. Sign in again, or ask for the right to see this robot.";
  if (m.socket !== "open") return "Connecting to the server";
  if (m.hello && !m.online) return "The robot is offline. It appears here when it is back.";
  return "Connecting to the robot";
}

function ladder(refs: Refs, m: Model): void {
  const mode = permittedMode(m);
  const part = refs.get("ladder");
  const driven = m.peer === "live" && m.state?.lease != null;
  part.setAttribute("aria-label", driven ? `Control: ${mode}` : "Control: nobody drives");
  for (const step of part.children) step.classList.toggle("on", driven && (step as HTMLElement).dataset.mode === mode);
}

function gate(refs: Refs, m: Model): void {
  const stopped = latched(m).length > 0;
  const shut = stopped || m.state?.remote_motion === false;
  setText(refs.get("gate"), shut ? "Gate shut" : "Gate ok");
  const vx = m.embodiment?.action.find((axis) => axis.name === "vx");
  const speed = vx ? `${fixed(vx.high)} m/s max` : "";
  const works = m.embodiment?.workspace ? " · inside its workspace" : "";
  setText(
    refs.get("gate-facts"),
    shut ? "refuses every command" : m.embodiment?.action.length === 0 ? "nothing to move" : speed + works,
  );
}

/** What the pill says now. */
export function currentPill(m: Model): Pill {
  const mine = m.authority.lease.at === "mine";
  const holder = m.state?.lease && !mine ? m.state.lease.name : "";
  return pillOf({
    inControl: inControl(m.authority, m.nowMs),
    silent: m.authority.wordMs !== null && isSilent(m.authority, m.nowMs),
    stopped: latched(m).length > 0,
    stale: isStale(m.ageMs),
    ageMs: m.ageMs,
    permitted: permittedMode(m),
    deadman: m.deadman,
    holder,
    lost: m.authority.lease.at === "lost",
    letGoFirst: m.letGoFirst,
  });
}

const ICON = { drive: "hand", ready: "lock", hold: "lock", lock: "lock", unknown: "question" } as const;

function pill(refs: Refs, m: Model): void {
  const now = currentPill(m);
  const part = refs.get("pill");
  setData(part, "look", now.look);
  const meaning = now.key === "lease" ? "lease" : "deadman";
  const [before, after] = now.rest.split("|");
  const key =
    after === undefined ? "" : `<kbd>${safe(keyFor(m.keymap, meaning))}</kbd><small>${safe(after.trim())}</small>`;
  setHtml(
    part,
    `${icon(ICON[now.look])}<span>${safe(now.word)}</span><small>${safe((before ?? "").trim())}</small>${key}`,
  );
}

function stale(refs: Refs, m: Model): void {
  const old = m.ageMs !== null && isStale(m.ageMs);
  setClass(refs.get("surface"), `cam ck-main${old ? " stale" : ""}`);
  show(refs.get("stale"), old);
  if (old) setHtml(refs.get("stale"), `${icon("warning")}<span>${safe(staleSentence(m.ageMs))}</span>`);
}

function pips(refs: Refs, m: Model, pictures: Pictures): void {
  const part = refs.get("pips");
  const others = m.cameras.filter((camera) => camera !== m.main);
  const shown = [...part.children].map((child) => (child as HTMLElement).dataset.camera);
  if (shown.join() !== others.join())
    part.replaceChildren(...others.map((camera) => pip(camera, m.cameras.indexOf(camera), pictures)));
  for (const child of part.querySelectorAll<HTMLElement>("[data-age]")) {
    const since = pictures.sinceShown(Number(child.dataset.age), m.nowMs);
    setText(child, since === null ? "no picture" : since > 500 ? `${(since / 1000).toFixed(1)} s old` : "live");
  }
}

function pip(camera: string, i: number, pictures: Pictures): HTMLElement {
  const box = document.createElement("button");
  box.type = "button";
  box.className = "ck-pip cam";
  box.dataset.camera = camera;
  box.dataset.act = "camera";
  box.setAttribute("aria-label", `Make ${camera} the main camera`);
  const plate = document.createElement("div");
  plate.className = "hud";
  plate.innerHTML = `<kbd>${i + 1}</kbd><b>${safe(title(camera))}</b><span class="muted" data-age="${i}"></span>`;
  box.append(pictures.video(i), plate);
  return box;
}
