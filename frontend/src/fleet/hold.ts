// Ending a robot's hold: a question with what to make sure of first, then the request. Only administrators get the button that leads here.
import type { RobotRow } from "../generated/protocol";
import { call, Refused } from "../http";
import { safe } from "../text";
import { toast } from "../toast";

async function release(row: RobotRow): Promise<void> {
  try {
    await call("POST", `/api/robots/${encodeURIComponent(row.id)}/release-hold`);
    toast(`${row.name} may be driven again.`, { kind: "ok", strong: "Hold released." });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    toast(error.message, { kind: "err", strong: "The hold was not released." });
  }
}

/** Asks in a dialog inside `place`; it leaves the page when it is closed, whatever the answer. */
export function askRelease(place: HTMLElement, row: RobotRow): void {
  const dialog = document.createElement("dialog");
  dialog.className = "hold-ask";
  dialog.setAttribute("aria-label", `Release the hold of ${row.name}`);
  dialog.innerHTML = `<form method="dialog" class="col"><h2>Release the hold of ${safe(row.name)}?</h2>
    <p class="t2">${safe(row.alerts?.[0] ?? "")}</p>
    <p class="t2">Make sure that only one program runs with this key: stop the copy first, or both are held again within seconds.
    If you do not know who made the copy, give the robot a new key instead.</p>
    <div class="row"><button class="btn" value="">Keep holding</button><span class="sp"></span><button class="btn pri" value="release">Release hold</button></div></form>`;
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "release") void release(row);
    dialog.remove();
  });
  place.append(dialog);
  dialog.showModal();
}
