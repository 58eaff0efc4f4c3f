// The organisation's kinds of failure: renamed, added, put in order, no longer offered. Saves the whole list at once.
import { Refused } from "../http";
import { icon } from "../icons";
import { safe } from "../text";
import { toast } from "../toast";
import { changeKinds, kinds as load } from "./store";

/** Opens the list; `onSaved` gets the kinds as they are kept. */
export async function editKinds(url: string, onSaved: (kinds: string[]) => void): Promise<void> {
  const { kinds, version } = await load(url);
  const dialog = document.createElement("dialog");
  dialog.className = "panel keys kinds-dialog";
  dialog.setAttribute("aria-label", "Kinds of failure");
  dialog.innerHTML = `<form method="dialog"><div class="ph"><h2>Kinds of failure</h2><button type="button" class="btn quiet ico sp" data-act="close" aria-label="Close">${icon("cross")}</button></div>
  <div class="pb col"><p class="t2">A new name is given to every episode that has the old one. A kind that is taken away is no longer offered; episodes keep it.</p><ol class="col" data-part="kinds"></ol><div class="row"><button type="button" class="btn quiet" data-act="add">${icon("plus")}Add a kind</button><span class="sp"></span><button class="btn pri">Save</button></div></div></form>`;
  const list = dialog.querySelector("ol") as HTMLElement;
  for (const kind of kinds) list.append(line(kind));
  dialog.addEventListener("click", (event) => pressed(event, dialog, list));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.querySelector("form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    void save(url, version, list, dialog, onSaved);
  });
  document.body.append(dialog);
  dialog.showModal();
}

function line(kind: string): HTMLElement {
  const item = document.createElement("li");
  item.className = "row";
  item.dataset.was = kind;
  item.innerHTML = `<label class="field grow"><span class="sr">Name</span><input maxlength="40" value="${safe(kind)}" autocomplete="off"></label><button type="button" class="btn quiet ico" data-act="up" aria-label="Move up">${icon("up")}</button><button type="button" class="btn quiet ico" data-act="away" aria-label="Take away">${icon("cross")}</button>`;
  return item;
}

function pressed(event: Event, dialog: HTMLDialogElement, list: HTMLElement): void {
  const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-act]") : null;
  const item = button?.closest("li");
  const act = button?.dataset.act;
  if (act === "close") dialog.close();
  if (act === "away") item?.remove();
  if (act === "up" && item?.previousElementSibling) {
    item.previousElementSibling.before(item);
    button?.focus();
  }
  if (act === "add") {
    list.append(line(""));
    list.lastElementChild?.querySelector("input")?.focus();
  }
}

async function save(
  url: string,
  version: number,
  list: HTMLElement,
  dialog: HTMLDialogElement,
  onSaved: (kinds: string[]) => void,
): Promise<void> {
  const wanted = [...list.children].map((item) => ({
    name: item.querySelector("input")?.value.trim() ?? "",
    was: (item as HTMLElement).dataset.was ?? "",
  }));
  try {
    const { kinds } = await changeKinds(
      url,
      version,
      wanted.filter((kind) => kind.name !== ""),
    );
    dialog.close();
    onSaved(kinds);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    toast(error.message, { kind: "err", strong: "Not saved." });
  }
}
