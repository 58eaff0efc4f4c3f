// What a run thinks at one moment, in words and figures. Markup only.
import { icon } from "../icons";
import type { Line } from "../tasks/shapes";
import { gauge, reasonOf } from "../tasks/words";
import { fixed, safe } from "../text";

export function thinking(line: Line | undefined, thought: Line | undefined): string {
  if (!line || !thought) return `<h2>What it thinks</h2><p class="muted">Nothing was said yet.</p>`;
  const { reasoning } = thought;
  const target = reasoning?.target;
  const lead = reasoning
    ? `<p class="s13 rn-lead" data-subtask="${safe(reasoning.subtask)}">${safe(sentence(reasoning.subtask))}${target ? ` <b>${safe(target.name)}</b>` : ""}</p>`
    : '<p class="muted">It says nothing of what it does.</p>';
  const sure = target
    ? row("Sure of the object", `${Math.round(target.confidence * 100)} %`)
    : row("Object", "none named");
  const seen = target?.position_m ? row("It stands at", metres(target.position_m)) : "";
  const goes = reasoning?.waypoint_m ? row("Means to go to", metres(reasoning.waypoint_m)) : "";
  const doubt = thought.doubt;
  const over = doubt !== undefined && thought.limit !== undefined && doubt > thought.limit;
  const measured =
    doubt === undefined
      ? row("Doubt", "not measured")
      : row(
          "Doubt",
          `<b class="${over ? "warn" : ""}">${fixed(doubt)}</b> ${thought.limit === undefined ? "no limit" : `asks at ${fixed(thought.limit)}`}`,
        );
  const clamps = line.clamps?.length ? line.clamps.map((one) => safe(one.replaceAll("_", " "))).join(", ") : "none";
  const facts = [
    row("Delay", thought.delay_ms === undefined ? "–" : `${Math.round(thought.delay_ms)} ms`),
    row("Chunks", String(line.step ?? 0)),
    row("Largest jump", thought.seam === undefined ? "–" : `${(thought.seam * 100).toFixed(1)} % of the range`),
    row("Clamped", clamps),
  ];
  const why = line.reason
    ? `<div class="note ${line.phase === "holding" ? "warn" : ""}">${icon(line.phase === "holding" ? "lock" : "clock")}<span>${safe(line.sentence || reasonOf(line.reason))}</span></div>`
    : "";
  return `<h2>What it thinks</h2>${lead}<dl class="kv">${sure}${seen}${goes}${measured}</dl>${gauge(doubt, thought.limit)}<dl class="kv">${facts.join("")}</dl>${why}`;
}

function row(name: string, value: string): string {
  return `<dt>${name}</dt><dd>${value}</dd>`;
}

function metres(place: readonly number[]): string {
  return `${place.map((one) => fixed(one)).join(", ")} m`;
}

function sentence(subtask: string): string {
  const words = subtask.replaceAll("_", " ");
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}:`;
}
