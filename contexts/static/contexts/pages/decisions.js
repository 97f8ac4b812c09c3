/* Delegations and conflicts: shown side by side, decided by one click. */

import { element, json, mayWrite, organization, write } from "./api.js";
import { beside } from "./beside.js";
import { shown } from "./comparing.js";
import * as frame from "./frame.js";
import { gathered, Live } from "./live.js";
import * as parts from "./parts.js";
import { connection, tell } from "./status.js";

const conflicts = document.getElementById("conflicts");

const STRATEGIES = [
  ["ours", "Keep the hub's", "what stands now stays"],
  ["theirs", "Take the later one", "the later edit replaces it"],
  ["merge", "Put together", "the later edit wins in dispute, all else of both is kept"],
  ["keep_both", "Keep both", "the hub's stays, the later one is put beside it"],
];

function explained(name) {
  const [, words, meaning] = STRATEGIES.find(([strategy]) => strategy === name);
  return `${words}: ${meaning}.`;
}

function at(document, pointer) {
  if (document === null) return undefined;
  let value = document;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

const word = (pointer) => pointer.split("/").slice(1).join(".") || "all of it";

function side(value, mark) {
  return value === undefined
    ? element("td", { class: "quiet" }, "not there")
    : element("td", {}, element(mark, {}, shown(value)));
}

async function settle(conflict, strategy, article) {
  for (const button of article.querySelectorAll("button")) button.disabled = true;
  try {
    await write("POST", `conflicts/${conflict.id}/resolve/`, JSON.stringify({ strategy }));
    tell("Settled.");
  } catch (error) {
    tell(error.message);
  }
  refresh();
}

function caseOf(conflict) {
  const name = `conflict-${conflict.id}`;
  const address = `/contexts/${conflict.level}/${encodeURIComponent(conflict.context_id)}/`;
  const rows = conflict.paths.map((path) => ({
    name: [element("code", {}, word(path))],
    cells: [
      side(at(conflict.base, path), "span"),
      side(at(conflict.ours, path), "del"),
      side(at(conflict.theirs, path), "ins"),
    ],
  }));
  const article = element(
    "article",
    { class: "panel case", "aria-labelledby": name, "data-conflict": conflict.id },
    element(
      "h3",
      { id: name },
      "Two edits of ",
      element("a", { class: `level-${conflict.level}`, href: address }, `${conflict.level} `, element("span", { class: "context-id" }, conflict.context_id)),
      element("span", { class: "quiet" }, ` the later by ${conflict.actor || "someone"}`),
    ),
    conflict.ours === null ? element("p", { class: "notice" }, "On the hub it is deleted.") : null,
    conflict.theirs === null ? element("p", { class: "notice" }, "The later edit deletes it.") : null,
    beside(["Value", "Before", "The hub's", "The later one"], rows),
  );
  if (mayWrite) {
    article.append(
      element(
        "div",
        { class: "save-row" },
        ...STRATEGIES.map(([strategy, words, meaning], place) =>
          element(
            "button",
            {
              type: "button",
              class: `button ${place ? "quiet-button" : "default"}`,
              title: meaning,
              "data-settle": strategy,
              onclick: () => settle(conflict, strategy, article),
            },
            words,
          ),
        ),
      ),
      element("p", { class: "help" }, `${explained("merge")} ${explained("keep_both")}`),
    );
  }
  return article;
}

async function showConflicts() {
  const found = await json("/api/v1/conflicts/");
  const cases = found.results.map(caseOf);
  if (found.next) cases.push(element("p", { class: "help" }, "And more, when these are settled."));
  if (!cases.length) cases.push(element("p", { class: "empty panel" }, "None is open."));
  conflicts.replaceChildren(...cases);
  conflicts.removeAttribute("aria-busy");
}

const refresh = gathered(async () => {
  const page = await parts.refresh();
  frame.showWaiting(page);
  await showConflicts();
}, 200);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-decide]");
  if (!button) return;
  const article = button.closest(".case");
  const { delegation, target } = article.dataset;
  const { decide } = button.dataset;
  for (const each of article.querySelectorAll("button")) each.disabled = true;
  try {
    // What is approved is what was shown: only while the target is as it was.
    const seen = decide === "approve" ? target : null;
    await write("POST", `delegations/${delegation}/${decide}/`, "{}", seen);
    tell(decide === "approve" ? "Approved." : "Rejected.");
  } catch (error) {
    tell(error.status === 412 ? "The target has changed: look at what approving does now." : error.message);
  }
  refresh();
});

frame.start();
showConflicts().catch(() => refresh());
new Live({
  level: "global",
  id: organization,
  descendants: true,
  told: connection,
  changed: refresh,
  reset: refresh,
});
