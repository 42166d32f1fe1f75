/* The trend by hour or day: volume, delivery rate and time to delivery, one below the other over the same time. */

import { h, s, table } from "./elements.js";

const HOUR = 3600e3;
const UNITS = { hour: HOUR, day: 24 * HOUR };
const BAND = 84, LEFT = 52, TOP = 36, FOOT = 24;
const HOURS = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const HOURS_OF_DAYS = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" });
const DATES = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });

export const number = (value) => Number(value).toLocaleString();
export const percent = (part) => `${(100 * part).toFixed(1)}\u00a0%`;

const STEPS = [[86400, "d"], [3600, "h"], [60, "min"]];

/** Seconds in the largest unit that they fill. */
export function seconds(value) {
  if (value === null || value === undefined) return "–";
  const [size, unit] = STEPS.find(([each]) => value >= each) ?? [1, "s"];
  return `${Number((value / size).toFixed(1))}\u00a0${unit}`;
}

/** The picture for ``room`` pixels, and the same as a table whose figures lead to their messages. */
export function trend(stats, room, found) {
  const slots = slotsOf(stats);
  const own = (slot, more) => found({ since: new Date(slot.from).toISOString(), until: new Date(slot.to).toISOString(), ...more });
  const zone = stats.by === "day" ? "Days are those of UTC." : "";
  return [h("h3", {}, `By ${stats.by}`), picture(slots, Math.max(300, Math.min(room - 48, 1080)), own),
    h("details", {}, h("summary", {}, `By ${stats.by}, as a table`), rows(slots, stats.by, own)), zone ? h("p", { class: "hint" }, zone) : null];
}

/** Every hour or day of the period, also those without messages. */
function slotsOf({ by, since, until, groups }) {
  const size = UNITS[by], known = new Map(groups.map((group) => [Date.parse(group[by]), group])), begin = Date.parse(since);
  const slots = [];
  for (let at = Math.floor(begin / size) * size; at < Date.parse(until); at += size) {
    const group = known.get(at);
    slots.push({ label: (by === "day" ? DATES : HOURS).format(at), name: (by === "day" ? DATES : HOURS_OF_DAYS).format(at),
      from: Math.max(at, begin), to: at + size - 1, messages: group?.messages ?? 0, failed: group?.outcomes.failure ?? 0,
      rate: group?.delivery_rate ?? null, p50: group?.seconds_to_delivery.p50 ?? null, p90: group?.seconds_to_delivery.p90 ?? null });
  }
  return slots;
}

const rows = (slots, by, own) => table(`Trend by ${by}`, [by === "day" ? "Day" : "Hour", "Messages", "Delivery rate", "Failed", "Half within", "90 % within"],
  slots.map((slot) => [slot.name, slot.messages ? h("a", { href: own(slot) }, number(slot.messages)) : "0", slot.rate === null ? null : percent(slot.rate),
    slot.failed ? h("a", { href: own(slot, { outcome: "failure" }) }, number(slot.failed)) : "0", seconds(slot.p50), seconds(slot.p90)]).toReversed(), "across");

function picture(slots, width, own) {
  const most = Math.max(1, ...slots.map((slot) => slot.messages)), slowest = Math.max(1, ...slots.map((slot) => slot.p90 ?? 0));
  const bands = [
    { name: "Messages, and failed ones", top: number(most), parts: (slot) => [["open", slot.messages / most], ["failure", slot.failed / most]] },
    { name: "Delivery rate", top: "100\u00a0%", parts: (slot) => [["success", slot.rate ?? 0]] },
    { name: "Time to delivery: half, and 90 %", top: seconds(slowest), parts: (slot) => [["faint", (slot.p90 ?? 0) / slowest], ["open", (slot.p50 ?? 0) / slowest]] },
  ];
  const step = (width - LEFT) / slots.length, every = Math.ceil(64 / step), height = bands.length * (BAND + TOP) + FOOT;
  const columns = slots.map((slot, at) => s("g", { class: "slot", click: () => { location.hash = own(slot, slot.failed ? { outcome: "failure" } : {}); } },
    s("title", {}, told(slot)), s("rect", { class: "all", x: LEFT + at * step, y: 0, width: step, height: height - FOOT }),
    bands.map(({ parts }, band) => parts(slot).map(([kind, part]) => s("rect", { class: kind, x: LEFT + at * step + step * 0.14, width: step * 0.72,
      y: (band + 1) * (BAND + TOP) - part * BAND, height: part * BAND }))),
    at % every ? null : s("text", { class: "under", x: LEFT + (at + 0.5) * step, y: height - 6, "text-anchor": "middle" }, slot.label)));
  return s("svg", { class: "trend", role: "img", "aria-label": `Volume, delivery rate and time to delivery, from ${slots[0].name} to ${slots.at(-1).name}. The table below says the same.`, viewBox: `0 0 ${width} ${height}` },
    bands.map(({ name, top }, band) => [
      s("text", { class: "name", x: 0, y: band * (BAND + TOP) + 26 }, name),
      s("text", { class: "under", x: LEFT - 6, y: band * (BAND + TOP) + TOP + 10, "text-anchor": "end" }, top),
      s("path", { d: `M${LEFT} ${band * (BAND + TOP) + TOP}H${width}`, class: "lane" }), s("path", { d: `M${LEFT} ${(band + 1) * (BAND + TOP)}H${width}` })]),
    columns);
}

const told = (slot) => `${slot.name}: ${number(slot.messages)} messages, ${number(slot.failed)} failed` + (slot.rate === null ? "" : `, ${percent(slot.rate)} delivered, half within ${seconds(slot.p50)}, 90 % within ${seconds(slot.p90)}`);
