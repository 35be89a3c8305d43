"use strict";

// What strangers say becomes text here, and nothing else: nodes are made by element and filled by textContent.

const byID = (id) => document.getElementById(id);

// element makes one with a class and a text.
function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

// setText leaves a node alone that says it already: a change costs layout.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// plain escapes what does not show or turns the writing around: control and format characters, line and paragraph separators.
function plain(text) {
  return String(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => {
    const code = c.codePointAt(0);
    return code < 0x80 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

const whole = new Intl.NumberFormat("en-US");
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

// count is a number to read: 12,345, and 1.2M from a million on.
const count = (n) => (n < 1e6 ? whole.format(n) : short.format(n));

// bytes is 512 B, 1.5 KiB, 23 MiB.
function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit > 0 && n < 10 ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
}

// span is a time in seconds in at most two units: 0.4 s, 12 s, 3 min, 2 h 5 min, 4 d.
function span(seconds) {
  if (seconds < 0) seconds = 0;
  if (seconds < 1) return seconds < 0.05 ? "0 s" : `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d`;
}

// clock is a time of day here, with the date where that is another day's. (toLocaleTimeString would take the most of a frame.)
function clock(time) {
  const two = (n) => String(n).padStart(2, "0");
  const date = new Date(time);
  const today = new Date();
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} `;
  const same = date.getDate() === today.getDate() && date.getMonth() === today.getMonth() && date.getFullYear() === today.getFullYear();
  return `${same ? "" : day}${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

// caller is what somebody is called in a sentence: by name, else by number.
const caller = (record) => plain(record.name || `#${record.clientid}`);

// store keeps a choice of the viewer's in this browser, which may not allow that.
const store = {
  get(key) {
    try {
      return localStorage.getItem(`parley.${key}`);
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(`parley.${key}`, value);
    } catch {
      // It holds until the page is left.
    }
  },
};
