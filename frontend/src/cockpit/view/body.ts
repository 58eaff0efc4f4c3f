// The body's load: torques against their limits, gripper, force. Only what the Embodiment names is shown.
import type { Quantity } from "../../generated/protocol";
import { fixed, safe } from "../../text";
import type { Model } from "../model";
import { type Refs, setHtml } from "./dom";

interface Load {
  name: string;
  part: number;
  text: string;
}

function load(name: string, quantity: Quantity, value: number): Load {
  const limit = Math.max(Math.abs(quantity.low), Math.abs(quantity.high));
  const unit = quantity.unit === "1" ? "%" : quantity.unit;
  const k = quantity.unit === "1" ? 100 : 1;
  const digits = Math.abs(value * k) < 10 && k === 1 ? 1 : 0;
  const text = `${fixed(Math.abs(value) * k, digits)} of ${fixed(limit * k, 0)} ${unit}`;
  return { name, part: Math.min(1, Math.abs(value) / limit), text };
}

/** Gripper, its force, and the two joints that work hardest for their limit. */
export function loads(state: readonly Quantity[], values: readonly number[]): Load[] {
  const all = state.flatMap((quantity, i) => {
    const value = values[i];
    if (value === undefined) return [];
    if (quantity.name === "gripper") return [{ rank: 0, load: load("Gripper shut", quantity, value) }];
    if (quantity.name === "grip_force") return [{ rank: 1, load: load("Grip", quantity, value) }];
    const joint = /^torque(\d+)$/.exec(quantity.name);
    return joint ? [{ rank: 2, load: load(`Joint ${joint[1]}`, quantity, value) }] : [];
  });
  const fixedRows = all.filter((one) => one.rank < 2).sort((a, b) => a.rank - b.rank);
  const joints = all.filter((one) => one.rank === 2).sort((a, b) => b.load.part - a.load.part);
  return [...fixedRows, ...joints.slice(0, 2)].map((one) => one.load);
}

export function renderBody(refs: Refs, m: Model): void {
  const rows = loads(m.embodiment?.state ?? [], m.telemetry?.state ?? m.state?.state ?? []);
  const html = rows.map(
    (row) =>
      `<span class="t2">${safe(row.name)}</span><span class="meter" role="meter" aria-label="${safe(row.name)}" aria-valuemin="0" aria-valuemax="100" aria-valuenow="${Math.round(row.part * 100)}"><i style="width:${(row.part * 100).toFixed(0)}%"></i></span><span class="r">${safe(row.text)}</span>`,
  );
  setHtml(refs.get("body"), html.join("") || '<span class="muted">Not reported</span>');
}
