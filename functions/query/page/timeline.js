/* The timeline as a picture: time runs to the right, each status has its height, the line is the message's status. */

import { cut, duration, h, s, written } from "./elements.js";
import { outcome, rank } from "./statuses.js";

const LANE = 34, TOP = 26, FOOT = 62, RIGHT = 22, NARROWEST = 46, WIDE = 84, APART = 330;

/** The points: the record's creation, then its reports. ``level`` is the order of statuses, -1 for none. */
function points(message) {
  const begin = { at: message.created_at, status: "pending", attempt: 1, applied: true, number: "" };
  const reports = message.reports.map((report, at) => ({ ...report, at: report.received_at, number: at + 1 }));
  return [begin, ...reports].map((point) => ({ ...point, at: Date.parse(point.at), level: level(point) }));
}

/** The service's order: delivery beats any attempt, then the later attempt wins, then the higher status. */
function level({ status, attempt }) {
  if (!status) return -1;
  return (outcome(status) === "success" ? 1000 : 0) + 20 * attempt + rank(status);
}

/** A gap's share of the width: it grows with the logarithm, so that seconds stay readable beside days. */
const share = (gap) => 1 + Math.log10(1 + Math.max(0, gap || 0) / 100);

function across(all, left, width) {
  const shares = all.slice(1).map((point, at) => share(point.at - all[at].at));
  const total = shares.reduce((sum, each) => sum + each, 0) || 1;
  const spare = width - left - RIGHT - NARROWEST * shares.length;
  let x = left;
  return [left, ...shares.map((each) => (x += NARROWEST + spare * (each / total)))];
}

/** The picture for ``room`` pixels; wider, and scrolled, if the reports need more. */
export function timeline(message, room) {
  const all = points(message);
  const lanes = [...new Map(all.map((point) => [point.level, laneName(point)])).entries()].sort(([a], [b]) => b - a);
  const left = 30 + 7 * Math.max(...lanes.map(([, name]) => name.length));
  const width = Math.max(room, left + RIGHT + NARROWEST * (all.length - 1));
  const xs = across(all, left, width);
  const floor = TOP + lanes.length * LANE;
  const y = (level) => TOP + LANE * (lanes.findIndex(([each]) => each === level) + 0.5);
  return s("svg", { class: "timeline", role: "img", "aria-label": inWords(message, all), viewBox: `0 0 ${width} ${floor + FOOT}`, width, height: floor + FOOT },
    lanes.map(([each, name]) => [
      s("line", { class: "lane", x1: left - 12, x2: width, y1: y(each), y2: y(each) }),
      s("text", { class: "name", x: left - 22, y: y(each) + 4, "text-anchor": "end" }, name),
    ]),
    s("path", { class: "climb", d: course(all, xs, y, width) }),
    all.map((point, at) => mark(point, xs[at], y(point.level))),
    gaps(all, xs, floor),
    ends(all, xs, floor));
}

const laneName = ({ status, attempt }) => (status ? (attempt > 1 ? `${attempt}: ${cut(status, 14)}` : cut(status, 14)) : "no status");

/** The message's status after each report; it never falls. */
function course(all, xs, y, width) {
  let height = all[0].level;
  const steps = all.slice(1).map((point, at) => {
    height = point.other_recipient ? height : Math.max(height, point.level);
    return `H${xs[at + 1]}V${y(height)}`;
  });
  return `M${xs[0]} ${y(all[0].level)}${steps.join("")}H${width}`;
}

/** Circle: under way or delivered; square: failure; diamond: neither. Hollow: not applied. Ring: gives the status. */
export function mark(point, x, y) {
  const kind = point.status ? outcome(point.status) : "unknown";
  const shape = {
    failure: () => s("rect", { x: x - 6, y: y - 6, width: 12, height: 12, rx: 1 }),
    unknown: () => s("path", { d: `M${x} ${y - 8}l8 8-8 8-8-8z` }),
  }[kind] ?? (() => s("circle", { cx: x, cy: y, r: 6.5 }));
  return s("g", { class: `mark ${kind}${point.applied === false ? " idle" : ""}` },
    point.decides ? s("circle", { class: "ring", cx: x, cy: y, r: 11.5 }) : null,
    shape(),
    s("text", { x, y: y - 15, "text-anchor": "middle" }, String(point.number ?? "")));
}

function gaps(all, xs, floor) {
  return all.slice(1).map((point, at) => {
    const gap = point.at - all[at].at;
    const text = Number.isNaN(gap) ? "?" : duration(gap);
    const room = xs[at + 1] - xs[at];
    return [
      s("path", { class: "axis", d: `M${xs[at]} ${floor - 3}v6M${xs[at]} ${floor}H${xs[at + 1]}M${xs[at + 1]} ${floor - 3}v6` }),
      s("text", { class: "gap", x: xs[at] + room / 2, y: floor + 17, "text-anchor": "middle" }, room < WIDE ? text.split("\u00a0").slice(0, 2).join("\u00a0") : text),
    ];
  });
}

function ends(all, xs, floor) {
  const [first, last] = [new Date(all[0].at), new Date(all.at(-1).at)];
  const below = xs.at(-1) - xs[0] < APART ? 16 : 0; // the second line, where both do not fit in one
  const write = (moment, x, y, anchor) => Number.isNaN(moment.getTime()) ? null
    : s("text", { class: "end", x, y, "text-anchor": anchor }, written(moment));
  return [write(first, xs[0] - 12, floor + 36, "start"), all.length > 1 ? write(last, xs.at(-1) + 12, floor + 36 + below, "end") : null];
}

function inWords(message, all) {
  const told = all.slice(1).map((point) =>
    `${point.number}: ${point.status ?? "no status"} after ${duration(point.at - all[0].at)}${point.applied === false ? ", which changed nothing" : ""}${point.decides ? ", which gives the status" : ""}`);
  return `Timeline, ${told.length} reports. ${told.join("; ")}. The status is ${message.status}. The table below says the same.`;
}

/** The legend of the shapes. */
export function legend() {
  const sample = (point, text) => h("li", {}, s("svg", { class: "timeline", viewBox: "0 0 28 28", "aria-hidden": "true" }, mark(point, 14, 14)), text);
  return h("ul", { class: "legend" },
    sample({ status: "sent" }, "applied: changed status or failure"),
    sample({ status: "sent", applied: false }, "changed nothing: late, or already known"),
    sample({ status: "undelivered" }, "failure"),
    sample({ status: null }, "no status, or unknown"),
    sample({ status: "delivered", decides: true }, "gives the status"));
}
