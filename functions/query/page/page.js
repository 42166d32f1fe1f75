/* Entry point: the key, the address after the #, and its view. */

import { announce, byId, h } from "./elements.js";
import { fold, list, offerChoices, prepareSearch, showSearch } from "./search.js";
import { key } from "./service.js";

const VIEWS = {
  message: async (view, { id }, signal) => (await import("./message.js")).show(view, id, signal),
  statistics: async (view, given, signal) => (await import("./statistics.js")).show(view, given, signal),
  search: (view, given, signal) => list(view, given, signal),
};

let leaving = new AbortController();

/** The address after the #: #/message/<id>, #/search?<parameters>, #/statistics?<parameters>; otherwise the latest messages. */
function addressed() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [name, id = ""] = path.split("/").map(decoded);
  return [Object.hasOwn(VIEWS, name) ? name : "search", { ...Object.fromEntries(new URLSearchParams(query)), id }];
}

/** Show the view of the address, and until it is there that it is loading. */
async function show({ arriving = false } = {}) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const before = document.activeElement;
  const [name, given] = addressed();
  const view = byId("view");
  open(Boolean(key.get()), name);
  view.replaceChildren();
  if (!key.get()) return byId("key").focus();
  view.replaceChildren(h("p", { class: "loading" }, "Loading …"));
  view.setAttribute("aria-busy", "true");
  showSearch(name === "search" ? given : {});
  document.title = "sms-tracker";
  try {
    await VIEWS[name](view, given, signal);
    // Keep the focus of a visitor who has moved on, for example into the search field.
    const free = [before, document.body].includes(document.activeElement);
    if (!arriving && !signal.aborted && free) view.querySelector("h1")?.focus();
  } catch (error) {
    if (!signal.aborted) refused(view, error);
  } finally {
    if (!signal.aborted) view.removeAttribute("aria-busy");
  }
}

const decoded = (word) => { try { return decodeURIComponent(word); } catch { return word; } };

/** Show the views, or without a key the form for it. */
function open(known, name) {
  byId("key-form").hidden = known;
  byId("views").hidden = byId("key-kept").hidden = !known;
  byId("finder").hidden = !known || name === "statistics";
  fold(name === "message");
  for (const link of byId("views").children) {
    const current = (link.hash === "#/statistics") === (name === "statistics");
    current ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
}

/** Ask again for a refused key; show any other error in place of the view. */
function refused(view, error) {
  if (error.kind === "key") return forget(`${error.title} ${error.advice}`);
  if (!error.kind) console.error(error);
  const title = error.kind ? error.title : "The page itself has a fault.";
  view.replaceChildren(h("div", { class: "note failure", role: "alert" },
    h("h1", { tabindex: -1 }, title), h("p", {}, error.advice ?? "Load it again; if it stays, tell the operator."),
    h("p", {}, h("button", { type: "button", click: () => show() }, "Try again"))));
}

function forget(why) {
  key.forget();
  byId("key-error").textContent = why;
  byId("key-error").hidden = !why;
  byId("key").setAttribute("aria-invalid", String(Boolean(why)));
  show();
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key.keep(byId("key").value.trim());
  byId("key").value = "";
  byId("key-error").hidden = true;
  offerChoices();
  show();
});
byId("forget").addEventListener("click", () => { forget(""); announce("The key is forgotten."); });
byId("skip").addEventListener("click", () => (byId("view").querySelector("h1") ?? byId("main")).focus());
addEventListener("hashchange", () => show());
prepareSearch();
if (key.get()) offerChoices();
show({ arriving: true });
