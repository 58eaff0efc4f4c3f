// The list of a camera's masked regions with a number for every side or corner, so that no pointer is needed. Markup and reading only.
import { icon } from "../icons";
import { asRect, neatPoint, type Rect, type Region, withCorner, withSide } from "./regions";

const SIDES: readonly (keyof Rect)[] = ["left", "top", "width", "height"];
const percent = (share: number): string => String(Math.round(share * 10_000) / 100);

export function listHtml(regions: readonly Region[], chosen: number): string {
  if (regions.length === 0)
    return `<div class="empty">${icon("shield")}<b>Nothing is masked</b><p>Drag over the picture, or add a rectangle and type its sides.</p></div>`;
  return regions.map((region, i) => regionHtml(region, i, i === chosen)).join("");
}

function regionHtml(region: Region, i: number, chosen: boolean): string {
  const rect = asRect(region);
  const fields = rect
    ? SIDES.map((side) => field(`${i}.${side}`, side, rect[side])).join("")
    : region.map(([x, y], c) => field(`${i}.${c}.0`, `corner ${c + 1} x`, x) + field(`${i}.${c}.1`, "y", y)).join("");
  return `<fieldset class="region${chosen ? " on" : ""}" data-region="${i}"><legend class="sr">Region ${i + 1}</legend>
    <div class="row"><b>${i + 1}</b><span class="muted">${rect ? "rectangle" : `polygon, ${region.length} corners`}</span><span class="sp"></span>
    <button type="button" class="btn quiet ico" data-do="remove" data-index="${i}" aria-label="Remove region ${i + 1}">${icon("bin")}</button></div>
    <div class="sides">${fields}</div></fieldset>`;
}

function field(name: string, label: string, value: number): string {
  return `<label class="side"><span class="muted s11">${label}</span><span class="field"><input type="number" name="${name}" min="0" max="100" step="0.1" value="${percent(value)}"><span class="muted">%</span></span></label>`;
}

/** The regions after the field `name` was set to `value` per cent; null when that is no number. */
export function edited(regions: readonly Region[], name: string, value: number): readonly Region[] | null {
  const [at, part, axis] = name.split(".");
  const index = Number(at);
  const region = regions[index];
  if (!region || part === undefined || !Number.isFinite(value)) return null;
  const share = value / 100;
  const rect = asRect(region);
  let next: Region;
  if (axis === undefined) {
    if (!rect) return null;
    next = withSide(rect, part as keyof Rect, share);
  } else {
    const corner = Number(part);
    const [x, y] = region[corner] ?? [0, 0];
    next = withCorner(region, corner, axis === "0" ? neatPoint(share, y) : neatPoint(x, share));
  }
  return regions.map((old, i) => (i === index ? next : old));
}
