// What a policy says, drawn over the picture that it was given: the box around what it takes the sentence to be about, where it looks, where
// it means to go. Sizes are those of the policy's picture; the canvas may be larger.
import { pictureFrame, project } from "../cockpit/geometry";
import type { Embodiment } from "../generated/protocol";
import type { Box, Reasoning } from "../tasks/shapes";

export interface Over {
  camera: string;
  /** Width and height of the picture that the policy was given. */
  given: readonly [number, number];
  embodiment: Embodiment;
}

type Pen = CanvasRenderingContext2D;

/** Fits the canvas to its place on the screen and draws; null clears it. */
export function drawOver(canvas: HTMLCanvasElement, over: Over, reasoning: Reasoning | null | undefined): void {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  if (!reasoning) return;
  const [kx, ky] = [width / over.given[0], height / over.given[1]];
  for (const [u, v] of reasoning.keypoints?.[over.camera] ?? []) dot(pen, u * kx, v * ky);
  const box = reasoning.target?.boxes?.[over.camera];
  if (box && reasoning.target) frame(pen, scaled(box, kx, ky), label(reasoning.target), width);
  const place = waypointIn(over, reasoning.waypoint_m);
  if (place) goal(pen, place[0] * kx, place[1] * ky);
}

/** Pixel of the waypoint in the policy's picture; null when the camera's pose is not known or it lies behind it. */
export function waypointIn(over: Over, waypoint: Reasoning["waypoint_m"]): readonly [number, number] | null {
  const camera = over.embodiment.cameras.find((one) => one.name === over.camera);
  const pose = camera && waypoint ? pictureFrame(camera, over.embodiment, []) : null;
  const pixel = camera && pose && waypoint ? project(camera, pose, waypoint) : null;
  if (!camera || !pixel) return null;
  return [(pixel[0] * over.given[0]) / camera.width, (pixel[1] * over.given[1]) / camera.height];
}

function scaled(box: Box, kx: number, ky: number): Box {
  return [box[0] * kx, box[1] * ky, box[2] * kx, box[3] * ky];
}

function label(target: NonNullable<Reasoning["target"]>): string {
  return `${target.name} ${target.confidence.toFixed(2).replace(/^0/, "")}`;
}

/** Corners only, so that what is inside stays visible. */
function frame(pen: Pen, [left, top, right, bottom]: Box, words: string, width: number): void {
  const arm = Math.max(6, Math.min(right - left, bottom - top) / 4);
  for (const [colour, thick] of [
    ["#000a", 5],
    ["#fff", 2],
  ] as const) {
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.beginPath();
    for (const [x, y, dx, dy] of [
      [left, top, 1, 1],
      [right, top, -1, 1],
      [right, bottom, -1, -1],
      [left, bottom, 1, -1],
    ] as const) {
      pen.moveTo(x + dx * arm, y);
      pen.lineTo(x, y);
      pen.lineTo(x, y + dy * arm);
    }
    pen.stroke();
  }
  pen.font = "500 12px Inter, sans-serif";
  const long = pen.measureText(words).width + 10;
  const x = Math.max(2, Math.min(left, width - long - 2));
  const y = top > 24 ? top - 22 : bottom + 4;
  pen.fillStyle = "#0b0d11d0";
  pen.fillRect(x, y, long, 18);
  pen.fillStyle = "#fff";
  pen.fillText(words, x + 5, y + 13);
}

function dot(pen: Pen, x: number, y: number): void {
  pen.beginPath();
  pen.arc(x, y, 3, 0, 2 * Math.PI);
  pen.fillStyle = "#0b0d11";
  pen.fill();
  pen.lineWidth = 1.5;
  pen.strokeStyle = "#fffc";
  pen.stroke();
}

function goal(pen: Pen, x: number, y: number): void {
  for (const [colour, thick] of [
    ["#000a", 6],
    ["#a99bf5", 3],
  ] as const) {
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.beginPath();
    pen.arc(x, y, 10, 0, 2 * Math.PI);
    pen.moveTo(x + 3, y);
    pen.arc(x, y, 3, 0, 2 * Math.PI);
    pen.stroke();
  }
}
