/* A context's page, live. */

import { contextPath, write } from "./api.js";
import * as activity from "./activity.js";
import * as copying from "./copying.js";
import { Editor } from "./editor.js";
import * as frame from "./frame.js";
import { gathered, Live } from "./live.js";
import * as parts from "./parts.js";
import { connection, tell } from "./status.js";

const { level, id } = document.getElementById("context").dataset;
const isThere = Boolean(document.getElementById("part-resolved"));
let editor = null;

const refresh = gathered(async () => {
  const page = await parts.refresh();
  frame.showWaiting(page);
  if (Boolean(page.getElementById("part-resolved")) !== isThere && !editor?.isOpen) {
    location.reload();
  }
  if (document.getElementById("activity")) await activity.show(id);
}, 200);

if (document.getElementById("copy")) copying.start(level, id);
if (document.getElementById("editor")) editor = new Editor(level, id, refresh);
if (document.getElementById("activity")) activity.show(id);

document.getElementById("part-time").addEventListener("click", async (event) => {
  const more = event.target.closest("[data-more]");
  const back = event.target.closest("[data-revert]");
  if (more) {
    event.preventDefault();
    history.replaceState(null, "", more.href);
    refresh();
  } else if (back) {
    back.disabled = true;
    const { revision } = document.getElementById("part-head").dataset;
    try {
      const version = Number(back.dataset.revert);
      await write("POST", `${contextPath(level, id)}revert/`, JSON.stringify({ version }), revision);
      tell(`Back at version ${version}, as a new version.`);
      refresh();
    } catch (error) {
      tell(error.status === 412 ? "Someone changed it meanwhile: look again." : error.message);
      refresh();
    }
  }
});

frame.start();
new Live({
  level,
  id,
  descendants: true,
  told: connection,
  changed(change) {
    const own = change.level === level && change.context_id === id;
    if (own && change.change_type !== "entry_added") {
      const { revision } = document.getElementById("part-head").dataset;
      if (change.revision !== revision) editor?.hear(change.changed_by);
    }
    refresh();
  },
  reset: refresh,
});
