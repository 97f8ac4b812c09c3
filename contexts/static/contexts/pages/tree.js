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
  const key = place.closest(".nodes").dataset.of;
  button.disabled = true;
  try {
    const html = await text(`${addressOf(key)}?after=${encodeURIComponent(button.dataset.after)}`);
    const found = [...parsed(html).querySelector(".nodes").children];
    // What moved up since then is there already.
    const fresh = found.filter((each) => !each.dataset.key || !nodeOf(each.dataset.key));
    place.replaceWith(...fresh);
    fresh[0]?.querySelector("a, button")?.focus();
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

export function glow(node, kind = "glow") {
  node.classList.remove("glow", "glow-below");
  // The animation begins anew only when the browser saw it end.
  void node.offsetWidth;
  node.classList.add(kind);
}

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
  const before = node.getBoundingClientRect().top;
  const held = node.contains(document.activeElement) ? document.activeElement : null;
  list.prepend(node);
  held?.focus({ preventScroll: true });
  if (still.matches) return;
  const way = before - node.getBoundingClientRect().top;
  node.animate([{ transform: `translateY(${way}px)` }, { transform: "none" }], {
    duration: 320,
    easing: "cubic-bezier(.2,.8,.2,1)",
  });
}

/* A context as it is now: in place, or new in a list that is open. */
export function update(row) {
  const fresh = parsed(row.html).querySelector(".node");
  let node = nodeOf(row.key);
  if (node) {
    refill(node, fresh);
    raise(node);
  } else {
    const above = row.parent ? nodeOf(row.parent) : null;
    const list = above && listOf(above);
    if (!list) return;
    list.prepend(fresh);
    node = fresh;
  }
  glow(node, row.own ? "glow" : "glow-below");
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
