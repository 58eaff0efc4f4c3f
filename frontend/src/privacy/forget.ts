// Deleting a person's episodes: what would go, said before anything does; and the records of what went. Markup only.
import { when } from "../episodes/words";
import { icon } from "../icons";
import { bytes, count, safe, span } from "../text";
import type { Erasure, ErasurePreview, Holding } from "./shapes";

export function forgetHtml(holding: Holding): string {
  const people = holding.people.map(
    (one) =>
      `<option value="${safe(one.uid)}">${safe(one.name || one.uid)}, ${count(one.episodes, "episode")}</option>`,
  );
  const none = people.length === 0 ? '<p class="muted">Nobody drove in an episode that is kept.</p>' : "";
  return `<section class="panel" data-forget="${holding.id}"><div class="ph"><h2>Delete a person's episodes</h2></div><div class="pb col">${none}
    <label class="labelled">Person<select name="person"${none ? " disabled" : ""}><option value="">Choose</option>${people.join("")}</select></label>
    <div data-part="preview" role="status"></div></div></section>`;
}

/** What deleting `person` (uid) would take; the button names whom it deletes, whatever is chosen meanwhile. */
export function previewHtml(person: string, found: ErasurePreview): string {
  const versions = found.versions.map((one) => `<li>${safe(one.dataset)} version ${one.number}</li>`);
  const users = found.users.map((one) => `<li>${safe(one.kind)} ${safe(one.name)}</li>`);
  const list = (title: string, items: string[], none: string): string =>
    items.length > 0 ? `<p>${title}</p><ul>${items.join("")}</ul>` : `<p class="muted">${none}</p>`;
  return `<div class="banner warn">${icon("warning")}<span><b>${count(found.episodes, "episode")}</b> of ${safe(found.name)} would go for good: ${bytes(found.size_bytes)}, ${span(found.seconds)} of recording.</span></div>
    ${list("These dataset versions held some of them and would be withdrawn:", versions, "No dataset version holds any of them.")}
    ${list("These had used one of those versions; what they learned stays in them:", users, "Nothing was trained on any of them.")}
    <label class="labelled">Why, for the signed record<input name="reason" maxlength="300" placeholder="Asked for by the person; do not name them" autocomplete="off"></label>
    <label class="row"><input type="checkbox" name="account"> Delete the account and what is known of the person besides</label>
    <label class="labelled">Type ${found.episodes} to confirm<input name="confirm" inputmode="numeric" autocomplete="off"></label>
    <div class="row"><button type="button" class="btn danger" data-do="forget" data-person="${safe(person)}" data-count="${found.episodes}">${icon("bin")}Delete for good</button></div>`;
}

export function recordsHtml(holding: Holding): string {
  if (holding.erasures.length === 0) return "";
  const lines = holding.erasures.map(
    (one) => `<tr><td class="nw t2">${when(one.asked_at)}</td><td>${safe(one.asked_by)}</td><td>${safe(one.reason)}</td>
    <td class="nw">${progress(one)}</td><td>${record(one)}</td></tr>`,
  );
  return `<section class="panel"><div class="ph"><h2>Deleted</h2></div><div class="tblwrap"><table class="tbl"><thead><tr><th>When</th><th>Asked by</th><th>Why</th><th>Episodes</th><th>Record</th></tr></thead><tbody>${lines.join("")}</tbody></table></div></section>`;
}

function progress(one: Erasure): string {
  if (one.state === "done") return `${icon("check", "ok")} ${one.episodes}`;
  return `${icon("clock")} ${one.done} of ${one.episodes}`;
}

function record(one: Erasure): string {
  if (one.state !== "done") return '<span class="muted">when it is done</span>';
  return `<button type="button" class="btn" data-do="record" data-erasure="${one.id}">${icon("download")}Signed record</button>`;
}
