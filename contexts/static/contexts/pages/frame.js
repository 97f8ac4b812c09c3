/* What every page has: the state bar, search, colours, times that go on. */

import * as search from "./search.js";
import * as status from "./status.js";

const THEMES = ["auto", "light", "dark"];

function themes() {
  const button = document.getElementById("theme");
  const name = document.getElementById("theme-name");
  const root = document.documentElement;
  name.textContent = root.dataset.theme;
  button.title = `Colours: ${root.dataset.theme}`;
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
    root.dataset.theme = next;
    name.textContent = next;
    button.title = `Colours: ${next}`;
    try {
      localStorage.setItem("theme", next);
    } catch {
      // Then it holds for this page only.
    }
  });
}

const UNITS = [
  ["year", 31536000],
  ["month", 2592000],
  ["week", 604800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

function ago(at) {
  const seconds = (Date.now() - at) / 1000;
  for (const [unit, length] of UNITS) {
    const count = Math.floor(seconds / length);
    if (count >= 1) return `${count}\u00a0${unit}${count === 1 ? "" : "s"} ago`;
  }
  return "just now";
}

function times() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const words = ago(Date.parse(time.dateTime));
    if (time.textContent !== words) time.textContent = words;
  }
}

/* How many decisions wait, beside the link to them: a number, or what a fresh page says. */
export function showWaiting(told) {
  const said = (page) => Number(page.querySelector("#waiting .number").textContent);
  const count = typeof told === "number" ? told : said(told);
  const shown = document.getElementById("waiting");
  shown.hidden = count === 0;
  shown.querySelector(".number").textContent = count;
}

export function start() {
  themes();
  search.start();
  status.start();
  setInterval(times, 10000);
  const choice = document.querySelector("#organizations select");
  if (choice) {
    choice.form.querySelector("button").hidden = true;
    choice.addEventListener("change", () => choice.form.requestSubmit());
  }
}
