/* Build elements from tags, attributes and text. The page never parses text as HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. Null attributes are left out, functions become event listeners, children may be text or null. */
export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

/** An SVG element, likewise. */
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** For screen readers only. */
export const announce = (text) => { byId("live").textContent = text; };

/** A table with its caption; a cell is text, an element, or null. ``kind`` is its class. */
export function table(caption, heads, rows, kind = null) {
  const cell = (value, at) => h(at ? "td" : "th", { role: at ? "cell" : "rowheader", scope: at ? null : "row", "data-head": heads[at], class: value ? null : "empty" },
    h("span", {}, value || "–"));
  return h("table", { role: "table", class: kind },
    h("caption", { class: "unseen" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads.map((head) => h("th", { role: "columnheader", scope: "col" }, head)))),
    h("tbody", { role: "rowgroup" }, rows.map((cells) => h("tr", { role: "row" }, cells.map(cell)))));
}

/** Names and their values, a text or an element each. */
export const pairs = (entries) => h("dl", {}, entries.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value ?? "–"))));

/** A link to another site. Any address but https is shown as text. */
export function outward(address, text) {
  const safe = URL.canParse(address) && new URL(address).protocol === "https:";
  return safe ? h("a", { href: address, rel: "noreferrer noopener", target: "_blank" }, `${text} (new tab)`) : h("span", {}, String(address));
}

const SHAPES = {
  open: "M8 4.5V8l2.5 1.5",
  success: "M4.8 8.3l2.2 2.2 4.2-4.6",
  failure: "M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2",
  unknown: "M6 6.2a2 2 0 1 1 2.6 2c-.4.2-.6.5-.6 1M8 11.3v.1",
};

/** A status as word and shape: colour is never the only sign. */
export const badge = (status, outcome) => h("span", { class: `badge ${outcome}` },
  s("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, s("circle", { cx: 8, cy: 8, r: 6.5 }), s("path", { d: SHAPES[outcome] ?? SHAPES.unknown })),
  cut(status, 20));

/** A message's recipient in words. The record of a forgotten recipient has none. */
export const recipient = (message) => message.to ?? "a forgotten number";

/** A phone number stays on one line; any other text may break. */
export const phone = (text) => (/^\+?\d{3,15}$/.test(text) ? h("span", { class: "whole" }, text) : text);

/** A word of the API, such as invalid_recipient, in plain letters. */
export const words = (name) => String(name).replaceAll("_", " ");

/** A word, shortened to at most this many letters. */
export const cut = (word, letters) => (word.length > letters ? `${word.slice(0, letters - 1)}…` : word);

const PARTS = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short" };
const COARSE = new Intl.DateTimeFormat(undefined, PARTS);
const FINE = new Intl.DateTimeFormat(undefined, { ...PARTS, fractionalSecondDigits: 1 });

/** A moment as text, in the reader's own time zone and with its name. The page writes every time this way. */
export const written = (moment, { fine = false } = {}) => (fine ? FINE : COARSE).format(moment);

/** A moment, the exact one on hovering; what is no time stays as it is. */
export function time(value, style) {
  const moment = new Date(value ?? "");
  if (Number.isNaN(moment.getTime())) return h("span", {}, String(value ?? "–"));
  const iso = moment.toISOString();
  return h("time", { datetime: iso, title: iso }, written(moment, style));
}

/** A frame that scrolls sideways, with a line that says so while it has to. */
export function frame(name, content) {
  const hint = h("p", { class: "hint sideways" }, "Scroll sideways for the rest.");
  const inner = h("div", { class: "picture", role: "region", "aria-label": name, tabindex: 0 }, content);
  const sizes = new ResizeObserver(() => { hint.hidden = inner.scrollWidth <= inner.clientWidth + 1; });
  for (const each of [inner, ...inner.children]) sizes.observe(each);
  return [inner, hint];
}

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

/** A duration in at most two units: 40 ms, 0.3 s, 42 s, 2 h 5 min. */
export function duration(milliseconds) {
  const seconds = Math.abs(milliseconds) / 1000;
  if (seconds < 0.1) return `${Math.round(milliseconds)}\u00a0ms`;
  if (seconds < 10) return `${seconds.toFixed(1)}\u00a0s`;
  let left = Math.round(seconds);
  const first = UNITS.findIndex(([, size]) => left >= size);
  return UNITS.slice(first, first + 2).map(([unit, size]) => {
    const count = Math.floor(left / size);
    left -= count * size;
    return count ? `${count} ${unit}` : "";
  }).filter(Boolean).join(" ").replaceAll(" ", "\u00a0");
}
