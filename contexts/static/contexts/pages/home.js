/* The first page, live. */

import { element, json, organization, parsed, text } from "./api.js";
import * as frame from "./frame.js";
import { gathered, Live } from "./live.js";
import { connection } from "./status.js";
import * as tree from "./tree.js";

const MOST_LINES = 200;
const AT_WORK = Number(document.getElementById("people").dataset.minutes) * 60000;
const feed = document.getElementById("feed");
const people = document.getElementById("people");
const earlier = document.getElementById("earlier");
let since = Number(document.body.dataset.head);
let anew = false;

function addToFeed(html) {
  const top = Number(feed.querySelector("[data-seq]")?.dataset.seq ?? 0);
  const fresh = [...parsed(html).querySelectorAll(".feed-line")].filter(
    (line) => Number(line.dataset.seq) > top,
  );
  for (const line of fresh) line.classList.add("glow");
  // More happened than is told: what comes before is read when it is asked for.
  if (fresh.length && Number(fresh.at(-1).dataset.seq) > top + 1) {
    feed.replaceChildren();
    earlier.hidden = false;
  }
  feed.prepend(...fresh);
  while (feed.children.length > MOST_LINES) feed.lastElementChild.remove();
}

async function readAnew() {
  const page = new DOMParser().parseFromString(await text(location.href), "text/html");
  const keys = tree.openKeys();
  await tree.replace(page.getElementById("tree"), keys);
  feed.replaceChildren(...page.getElementById("feed").children);
  people.replaceChildren(...page.getElementById("people").children);
  since = Number(page.body.dataset.head);
  anew = false;
}

const refresh = gathered(async () => {
  if (anew) {
    await readAnew();
    return;
  }
  const news = await json(`/news/?since=${since}`);
  if (news.anew) {
    await readAnew();
    return;
  }
  since = news.head;
  tree.update(news.rows);
  news.gone.forEach(tree.remove);
  addToFeed(news.feed);
  people.replaceChildren(parsed(news.people));
  frame.showWaiting(news.waiting);
});

/* Who did nothing for a while is not at work any more, though nothing happens that says so. */
function letGo() {
  for (const person of people.querySelectorAll("[data-at]")) {
    if (Date.now() - Date.parse(person.dataset.at) > AT_WORK) person.remove();
  }
  if (!people.children.length) {
    people.append(element("li", { class: "empty" }, "Nobody in the last minutes."));
  }
}

earlier.addEventListener("click", async () => {
  const last = feed.querySelector(".feed-line:last-child");
  if (!last) return;
  earlier.disabled = true;
  try {
    const html = await text(`/earlier/?before=${last.dataset.seq}`);
    const lines = [...parsed(html).querySelectorAll(".feed-line")];
    feed.append(...lines);
    earlier.hidden = lines.length === 0;
  } finally {
    earlier.disabled = false;
  }
});

frame.start();
setInterval(letGo, 10000);
new Live({
  level: "global",
  id: organization,
  descendants: true,
  told: connection,
  changed: refresh,
  reset() {
    anew = true;
    refresh();
  },
});
