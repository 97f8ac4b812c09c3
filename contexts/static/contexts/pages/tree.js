/* The tree: opened page by page, walked by arrow keys, kept up to date. */

import { parsed, text } from "./api.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");
const tree = document.getElementById("tree");

export const nodeOf = (key) => tree.querySelector(`.node[data-key="${CSS.escape(key)}"]`);
const listOf = (node) => node.querySelector(":scope > .nodes");
const twistOf = (node) => node.querySelector(":scope > .node-row > button.twist");
const linkOf = (node) => node.querySelector(":scope > .node-row > .node-link");

function addressOf(key) {
  const [level, ...id] = key.split("/");
  return `/contexts/${level}/${encodeURIComponent(id.join("/"))}/children/`;
}

export const openKeys = () =>
  [...tree.querySelectorAll('.twist[aria-expanded="true"]')].map(
    (twist) => twist.closest(".node").dataset.key,
  );

export async function open(node) {
  const twist = twistOf(node);
  if (!twist || twist.hidden) return;
  twist.setAttribute("aria-expanded", "true");
  const list = listOf(node);
  if (list) {
    list.hidden = false;
    return;
  }
  try {
    const html = await text(addressOf(node.dataset.key));
    if (!listOf(node)) node.append(parsed(html).querySelector(".nodes"));
  } catch {
    twist.setAttribute("aria-expanded", "false");
  }
}

function close(node) {
  twistOf(node).setAttribute("aria-expanded", "false");
  const list = listOf(node);
  if (list) list.hidden = true;
}

const isOpen = (node) => twistOf(node)?.getAttribute("aria-expanded") === "true";

async function more(button) {
  const place = button.closest(".more-nodes");
  const list = place.closest(".nodes");
  const address = addressOf(list.dataset.of);
  button.disabled = true;
  try {
    let { after } = button.dataset;
    let fresh = [];
    // What moved up since then is there already: a page may have nothing else.
    while (after && !fresh.some((each) => each.dataset.key)) {
      const html = await text(`${address}?after=${encodeURIComponent(after)}`);
      const found = [...parsed(html).querySelector(".nodes").children];
      fresh = found.filter((each) => !each.dataset.key || !nodeOf(each.dataset.key));
      after = fresh.at(-1)?.querySelector("[data-after]")?.dataset.after;
    }
    place.replaceWith(...fresh);
    (fresh[0] ?? list.lastElementChild)?.querySelector(".node-link, button.small")?.focus();
  } catch {
    button.disabled = false;
  }
}

tree.addEventListener("click", (event) => {
  const twist = event.target.closest("button.twist");
  if (twist) {
    const node = twist.closest(".node");
    if (isOpen(node)) close(node);
    else open(node);
  }
  const button = event.target.closest(".more-nodes button");
  if (button) more(button);
});

function inSight() {
  return [...tree.querySelectorAll(".node-link, .more-nodes button")].filter(
    (each) => !each.closest(".nodes[hidden]"),
  );
}

tree.addEventListener("keydown", async (event) => {
  const node = event.target.closest(".node");
  if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
  const steps = inSight();
  const more_ = event.target.closest(".more-nodes button");
  const here = steps.indexOf(more_ ?? linkOf(node));
  const goals = {
    ArrowDown: () => steps[here + 1],
    ArrowUp: () => steps[here - 1],
    Home: () => steps[0],
    End: () => steps.at(-1),
  };
  if (event.key in goals) {
    event.preventDefault();
    goals[event.key]()?.focus();
  } else if (event.key === "ArrowRight" && !more_) {
    event.preventDefault();
    if (isOpen(node)) listOf(node)?.querySelector(".node-link")?.focus();
    else await open(node);
  } else if (event.key === "ArrowLeft" && !more_) {
    event.preventDefault();
    if (isOpen(node)) close(node);
    else {
      const above = node.parentElement.closest(".node");
      if (above) linkOf(above).focus();
    }
  }
});

function refill(node, fresh) {
  const row = node.querySelector(":scope > .node-row");
  const newRow = fresh.querySelector(":scope > .node-row");
  const held = document.activeElement;
  const which = row.contains(held) ? (held.matches(".twist") ? ".twist" : ".node-link") : null;
  const twist = newRow.querySelector("button.twist");
  if (twist) twist.setAttribute("aria-expanded", String(isOpen(node)));
  row.replaceWith(newRow);
  if (which) newRow.querySelector(which)?.focus();
}

function raise(node) {
  const list = node.parentElement;
  if (list.firstElementChild === node) return;
  const held = node.contains(document.activeElement) ? document.activeElement : null;
  list.prepend(node);
  held?.focus({ preventScroll: true });
}

function glide(node, way) {
  node.animate([{ transform: `translateY(${way}px)` }, { transform: "none" }], {
    duration: 320,
    easing: "cubic-bezier(.2,.8,.2,1)",
  });
}

/* Contexts as they are now: in place, or new in a list that is open; the last is the newest.
   All are measured, then all moved, then all measured: with thousands in sight each change
   between the two costs the browser a layout of everything. */
export function update(rows) {
  const known = rows.map((row) => nodeOf(row.key));
  const before = known.map((node) => (still.matches ? 0 : (node?.getBoundingClientRect().top ?? 0)));
  const shown = rows.map((row, place) => {
    const fresh = parsed(row.html).querySelector(".node");
    const node = known[place];
    if (node) {
      refill(node, fresh);
      raise(node);
      node.classList.remove("glow", "glow-below");
      return node;
    }
    // Found by now when the one above it is as new as this one.
    const above = row.parent ? nodeOf(row.parent) : null;
    const list = above && listOf(above);
    list?.prepend(fresh);
    return list ? fresh : null;
  });
  // The animation begins anew only when the browser saw it end.
  const ways = new Map();
  shown.forEach((node, place) => {
    const moved = node && known[place] && !still.matches;
    if (node) ways.set(node, moved ? before[place] - node.getBoundingClientRect().top : 0);
  });
  shown.forEach((node, place) => {
    if (!node) return;
    node.classList.add(rows[place].own ? "glow" : "glow-below");
    // What it lies below takes it along.
    let above = node.parentElement.closest(".node");
    while (above && !ways.has(above)) above = above.parentElement.closest(".node");
    const way = ways.get(node) - (ways.get(above) ?? 0);
    if (way && known[place]) glide(node, way);
  });
}

export function remove(key) {
  nodeOf(key)?.remove();
}

/* The whole tree anew, with what was open. */
export async function replace(fresh, keys) {
  tree.replaceChildren(...fresh.children);
  for (const key of keys) {
    const node = nodeOf(key);
    if (node && !isOpen(node)) await open(node);
  }
}
