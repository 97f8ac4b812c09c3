/* Search that answers while someone types: a combobox with a list of contexts. */

import { parsed, text } from "./api.js";

const PAUSE = 140;

export function start() {
  const form = document.getElementById("search");
  const input = document.getElementById("search-words");
  const box = document.getElementById("search-box");
  const list = document.getElementById("search-found");
  const none = document.getElementById("search-none");
  const told = document.getElementById("search-told");
  let timer = null;
  let asking = null;
  let place = -1;

  const choices = () => [...list.querySelectorAll("[role=option]")];

  function open(isOpen) {
    box.hidden = !isOpen;
    input.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) choose(-1);
  }

  function choose(next) {
    const found = choices();
    place = found.length ? Math.max(-1, Math.min(next, found.length - 1)) : -1;
    found.forEach((each, index) => each.setAttribute("aria-selected", String(index === place)));
    if (place >= 0) {
      input.setAttribute("aria-activedescendant", found[place].id);
      found[place].scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  }

  async function ask() {
    const words = input.value.trim();
    asking?.abort();
    if (!words) {
      list.replaceChildren();
      open(false);
      return;
    }
    asking = new AbortController();
    try {
      const html = await text(`/find/?q=${encodeURIComponent(words)}`, { signal: asking.signal });
      list.replaceChildren(parsed(html));
    } catch (error) {
      if (error.name === "AbortError") return;
      list.replaceChildren();
    }
    const count = choices().length;
    none.hidden = count > 0;
    none.textContent = count ? "" : `Nothing with “${words}”.`;
    told.textContent = count ? `${count} found` : "Nothing found";
    open(true);
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener("focus", () => {
    if (input.value.trim() && choices().length) open(true);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (box.hidden && choices().length) open(true);
      choose(place + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Escape") {
      if (!box.hidden) event.preventDefault();
      open(false);
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const found = choices();
    const chosen = found[Math.max(place, 0)];
    if (!box.hidden && chosen) location.assign(chosen.href);
    else ask();
  });
  form.addEventListener("focusout", (event) => {
    if (!form.contains(event.relatedTarget)) setTimeout(() => open(false), 100);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, dialog")) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}
