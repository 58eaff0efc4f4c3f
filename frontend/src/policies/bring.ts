// Bringing a policy in: a tar file or a folder, sent in pieces that are hashed on their way, until it is there or given up.
import { when } from "../episodes/words";
import { call, Refused, sent } from "../http";
import { icon } from "../icons";
import { say } from "../live_region";
import type { PolicyDetail } from "../policy/shapes";
import { bytes, safe } from "../text";
import { packed } from "./tar";

const PIECE = 1024 * 1024;
const FILES = new Set(["policy.safetensors", "config.json", "card.json", "calibration.safetensors"]);
const CHECKPOINT = "checkpoint/"; // of a model of somebody else's kind

interface Coming {
  id: string;
  name: string;
  offset: number;
  bytes: number;
  made_at: string;
}

async function digest(piece: ArrayBuffer): Promise<string> {
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", piece));
  return [...found].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends the archive; `told` hears the share that has arrived. An abort gives it up. Throws Refused, AbortError. */
export async function bring(
  archive: Blob,
  name: string,
  told: (share: number) => void,
  signal: AbortSignal,
): Promise<PolicyDetail> {
  const coming = await call<Coming>("POST", "/api/policy-imports", { bytes: archive.size, name });
  for (let at = 0; at < archive.size && !signal.aborted; ) {
    const piece = await archive.slice(at, at + PIECE).arrayBuffer();
    const headers = { "X-Piece-SHA256": await digest(piece) };
    const kept = await sent<Coming>("PUT", `/api/policy-imports/${coming.id}/pieces?offset=${at}`, piece, headers);
    at = kept.offset;
    told(at / archive.size);
  }
  if (signal.aborted) await giveUp(coming.id);
  signal.throwIfAborted();
  return call<PolicyDetail>("POST", `/api/policy-imports/${coming.id}/complete`, {});
}

function giveUp(id: string): Promise<Coming> {
  return call<Coming>("POST", `/api/policy-imports/${id}/cancel`, {});
}

/** What was chosen, as one archive; null when it is no policy. */
export function archiveOf(files: readonly File[]): Blob | null {
  const [first] = files;
  if (files.length === 1 && first?.name.endsWith(".tar")) return first;
  const paths = files.map((file) => ({ path: file.webkitRelativePath || file.name, file }));
  const [card] = paths.filter(({ file }) => file.name === "card.json").sort((a, b) => a.path.length - b.path.length);
  if (!card) return null;
  const root = card.path.slice(0, -"card.json".length);
  const within = paths
    .filter(({ path }) => path.startsWith(root))
    .map(({ path, file }) => ({ name: path.slice(root.length), file }));
  const wanted = within.filter(({ name }) => FILES.has(name) || name.startsWith(CHECKPOINT));
  return packed(wanted.map(({ name, file }) => ({ name: `policy/${name}`, size: file.size, body: file })));
}

const MARKUP = `<form method="dialog"><div class="ph"><h2>Import a policy</h2><button type="button" class="btn quiet ico sp" data-do="close" aria-label="Close">${icon("cross")}</button></div>
<div class="pb"><p class="wide t2">A policy is a folder of weights as safetensors, configuration and card. Every hash is checked; nothing that comes is executed.</p>
<label>A tar file<input name="tar" type="file" accept=".tar"></label><label>Or its folder<input name="folder" type="file" webkitdirectory></label>
<label class="wide">Name, where it is not the one on its card<input name="name" maxlength="80" autocomplete="off"></label>
<span class="wide meter" role="progressbar" aria-label="Sent" aria-valuemin="0" aria-valuemax="100" hidden><i style="width:0%"></i></span>
<p class="wide s11" data-part="told" role="status"></p><div class="wide" data-part="left"></div></div>
<div class="foot-row"><button type="button" class="btn" data-do="close" data-part="away">Not now</button><button class="btn pri">Import</button></div></form>`;

export function askForPolicy(): void {
  const dialog = document.createElement("dialog");
  dialog.className = "ask";
  dialog.setAttribute("aria-label", "Import a policy");
  dialog.innerHTML = MARKUP;
  document.body.append(dialog);
  const leaving = new AbortController();
  dialog.addEventListener("close", () => {
    leaving.abort();
    dialog.remove();
  });
  dialog.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-do]");
    if (button?.dataset.do === "close") dialog.close();
    if (button?.dataset.do === "give-up") void giveUpLeft(dialog, button as HTMLButtonElement);
  });
  const form = dialog.querySelector("form") as HTMLFormElement;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send(form, leaving.signal);
  });
  dialog.showModal();
  void showLeft(dialog);
}

/** Imports of before that never came to their end take room until they are given up, or a day is over. */
async function showLeft(dialog: HTMLElement): Promise<void> {
  try {
    const left = await call<Coming[]>("GET", "/api/policy-imports");
    part(dialog, "left").innerHTML = left
      .map(
        (one) =>
          `<div class="row s11"><span class="t2">Begun ${when(one.made_at)}: ${safe(one.name || "a policy")}, ${one.offset ? bytes(one.offset) : "nothing"} of ${bytes(one.bytes)}</span><button type="button" class="btn quiet sp" data-do="give-up" data-id="${safe(one.id)}">Give it up</button></div>`,
      )
      .join("");
  } catch (error) {
    tell(dialog, error);
  }
}

async function giveUpLeft(dialog: HTMLElement, button: HTMLButtonElement): Promise<void> {
  button.disabled = true;
  try {
    await giveUp(button.dataset.id ?? "");
    say("The import was given up.");
  } catch (error) {
    tell(dialog, error);
  }
  await showLeft(dialog);
}

function part(within: HTMLElement, name: string): HTMLElement {
  return within.querySelector(`[data-part="${name}"]`) as HTMLElement;
}

function tell(within: HTMLElement, error: unknown): void {
  if (!(error instanceof Refused)) throw error;
  const told = part(within, "told");
  told.textContent = error.message;
  told.classList.add("err");
  say(error.message);
}

async function send(form: HTMLFormElement, leaving: AbortSignal): Promise<void> {
  const files = [...form.querySelectorAll<HTMLInputElement>("input[type=file]")].flatMap((input) => [
    ...(input.files ?? []),
  ]);
  const [told, away] = [part(form, "told"), part(form, "away")];
  const button = form.querySelector(".btn.pri") as HTMLButtonElement;
  const meter = form.querySelector(".meter") as HTMLElement;
  const archive = archiveOf(files);
  if (!archive) {
    told.textContent = "Choose a tar file, or a folder with policy.safetensors, config.json and card.json.";
    told.classList.add("err");
    return;
  }
  button.disabled = true;
  away.textContent = "Give it up";
  meter.hidden = false;
  told.classList.remove("err");
  try {
    const made = await bring(
      archive,
      form.querySelector<HTMLInputElement>("input[name=name]")?.value.trim() ?? "",
      (share) => {
        (meter.firstElementChild as HTMLElement).style.width = `${Math.round(100 * share)}%`;
        meter.setAttribute("aria-valuenow", String(Math.round(100 * share)));
        told.textContent =
          share < 1 ? `${bytes(share * archive.size)} of ${bytes(archive.size)}` : "Looking through it.";
        if (share >= 1) away.textContent = "Close";
      },
      leaving,
    );
    if (!leaving.aborted) location.assign(made.url);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return say("The import was given up.");
    tell(form, error);
    void showLeft(form);
    away.textContent = "Not now";
    button.disabled = false;
    meter.hidden = true;
  }
}
