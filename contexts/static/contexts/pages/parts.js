/* The parts of a page that are read anew when something changed. */

import { text } from "./api.js";

/* Replaces each part that is another by now; gives the fresh page. */
export async function refresh() {
  const page = new DOMParser().parseFromString(await text(location.href), "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = page.getElementById(part.id);
    if (!fresh || fresh.innerHTML === part.dataset.was) continue;
    const first = part.dataset.was === undefined;
    part.dataset.was = fresh.innerHTML;
    if (first && withoutTimes(part) === withoutTimes(fresh)) continue;
    const open = [...part.querySelectorAll("details[open][data-keep]")].map((each) => each.dataset.keep);
    Object.assign(part.dataset, { ...fresh.dataset, was: part.dataset.was });
    part.replaceChildren(...fresh.childNodes);
    for (const each of part.querySelectorAll("details[data-keep]")) {
      if (open.includes(each.dataset.keep)) each.open = true;
    }
    part.classList.remove("glow");
    void part.offsetWidth;
    part.classList.add("glow");
  }
  return page;
}

function withoutTimes(part) {
  const copy = part.cloneNode(true);
  for (const time of copy.querySelectorAll("time")) time.textContent = "";
  for (const each of copy.querySelectorAll("details")) each.removeAttribute("open");
  return copy.innerHTML;
}
