// Steps that were set aside: the picture, what is so, and what the model says of it at a chosen check.
import { safe } from "../text";
import type { Box, Frame, Point, Said } from "./reported";
import type { Samples } from "./shapes";

const SIZE = 100; // of the drawing's field, each way

function rect(box: Box, kind: string): string {
  const [left, top, right, bottom] = box.map((share) => share * SIZE) as Box;
  return `<rect class="${kind}" x="${left}" y="${top}" width="${Math.max(0, right - left)}" height="${Math.max(0, bottom - top)}"/>`;
}

function dot([x, y]: Point, kind: string): string {
  return `<i class="${kind}" style="left:${x * SIZE}%;top:${y * SIZE}%"></i>`;
}

/** One camera's picture with everything that is known and said of it. */
export function picture(url: string, frame: Frame, said: Said | undefined, number: number, camera: string): string {
  const boxes = [
    frame.boxes[camera] ? rect(frame.boxes[camera] as Box, "so") : "",
    said?.boxes[camera] ? rect(said.boxes[camera] as Box, "said") : "",
  ];
  const dots = [
    ...(said?.keypoints[camera] ?? []).map((point) => dot(point, "key")),
    frame.waypoint[camera] ? dot(frame.waypoint[camera] as Point, "way so") : "",
    said?.waypoint[camera] ? dot(said.waypoint[camera] as Point, "way said") : "",
  ];
  return `<div class="cam"><img class="pic" src="${safe(url)}samples/${number}.${safe(camera)}.jpg" alt="" loading="lazy"><svg viewBox="0 0 ${SIZE} ${SIZE}" preserveAspectRatio="none" aria-hidden="true">${boxes.join("")}</svg>${dots.join("")}<span class="hud">${safe(camera)}</span></div>`;
}

function verdict(said: string, so: string): string {
  if (!so) return `<span class="muted">${safe(said || "nothing")}, nobody knows</span>`;
  return said === so
    ? `<span class="ok">${safe(said)}</span>`
    : `<span class="warn">${safe(said || "nothing")}</span> <span class="muted">is ${safe(so)}</span>`;
}

function card(url: string, frame: Frame, said: Said | undefined, number: number): string {
  const pictures = frame.cameras.map((camera) => picture(url, frame, said, number, camera)).join("");
  const words = said
    ? `<dl class="kv"><dt>Names</dt><dd>${verdict(said.target, frame.target)}</dd><dt>Does</dt><dd>${verdict(said.subtask, frame.subtask)}</dd></dl>`
    : '<span class="muted">Nothing was said of it yet.</span>';
  return `<figure class="sample"><div class="pics">${pictures}</div><figcaption><b>“${safe(frame.instruction)}”</b>${words}</figcaption></figure>`;
}

/** `at`: which check, counted from the first. */
export function sampleMarkup(url: string, samples: Samples, at: number): string {
  if (!samples.frames.length) return "";
  const now = samples.said[at];
  const slider =
    samples.said.length > 1
      ? `<label class="row sp s11"><span class="muted">after step <b class="text">${now?.step ?? 0}</b></span><input type="range" data-part="at" min="0" max="${samples.said.length - 1}" value="${at}" aria-label="At which check"></label>`
      : `<span class="sp muted s11">${now ? `after step ${now.step}` : "before the first check"}</span>`;
  const cards = samples.frames.map((frame, i) => card(url, frame, now?.said[i], i)).join("");
  return `<section class="panel"><div class="ph"><h2>What it sees</h2><span class="legend s11"><span class="lg"><i class="bx so"></i>where it is</span><span class="lg"><i class="bx said"></i>where it says</span><span class="lg"><i class="pt key"></i>where it looks</span><span class="lg"><i class="pt way"></i>where it means to go</span></span>${slider}</div><div class="pb samples">${cards}</div></section>`;
}
