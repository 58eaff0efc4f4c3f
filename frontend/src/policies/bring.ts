// Bringing a policy in: a tar file or a folder, sent in pieces that are hashed on their way.
import { call, Refused, sent } from "../http";
import { icon } from "../icons";
import { say } from "../live_region";
import type { PolicyDetail } from "../policy/shapes";
import { bytes } from "../text";
import { packed } from "./tar";

const PIECE = 1024 * 1024;
const FILES = new Set(["policy.safetensors", "config.json", "card.json", "calibration.safetensors"]);
const CHECKPOINT = "checkpoint/"; // of a model of somebody else's kind

interface Coming {
  id: string;
  offset: number;
}

async function digest(piece: ArrayBuffer): Promise<string> {
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", piece));
  return [...found].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends the archive; `told` hears the share that has arrived. Throws Refused. */
export async function bring(archive: Blob, name: string, told: (share: number) => void): Promise<PolicyDetail> {
  const coming = await call<Coming>("POST", "/api/policy-imports", { bytes: archive.size, name });
  for (let at = 0; at < archive.size; ) {
    const piece = await archive.slice(at, at + PIECE).arrayBuffer();
    const headers = { "X-Piece-SHA256": await digest(piece) };
    const kept = await sent<Coming>("PUT", `/api/policy-imports/${coming.id}/pieces?offset=${at}`, piece, headers);
    at = kept.offset;
    told(at / archive.size);
  }
  return call<PolicyDetail>("POST", `/api/policy-imports/${coming.id}/complete`, {});
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
<p class="wide s11" data-part="told" role="status"></p></div>
<div class="foot-row"><button type="button" class="btn" data-do="close">Not now</button><button class="btn pri">Import</button></div></form>`;

export function askForPolicy(): void {
  const dialog = document.createElement("dialog");
  dialog.className = "ask";
  dialog.setAttribute("aria-label", "Import a policy");
  dialog.innerHTML = MARKUP;
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if ((event.target as Element).closest("[data-do=close]")) dialog.close();
  });
  const form = dialog.querySelector("form") as HTMLFormElement;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send(form);
  });
  dialog.showModal();
}

async function send(form: HTMLFormElement): Promise<void> {
  const files = [...form.querySelectorAll<HTMLInputElement>("input[type=file]")].flatMap((input) => [
    ...(input.files ?? []),
  ]);
  const told = form.querySelector("[data-part=told]") as HTMLElement;
  const button = form.querySelector(".btn.pri") as HTMLButtonElement;
  const meter = form.querySelector(".meter") as HTMLElement;
  const archive = archiveOf(files);
  if (!archive) {
    told.textContent = "Choose a tar file, or a folder with policy.safetensors, config.json and card.json.";
    told.classList.add("err");
    return;
  }
  button.disabled = true;
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
      },
    );
    location.assign(made.url);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    told.textContent = error.message;
    told.classList.add("err");
    say(error.message);
    button.disabled = false;
    meter.hidden = true;
  }
}
