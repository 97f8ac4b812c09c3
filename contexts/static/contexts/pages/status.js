/* The bar that is always in view: the connection, the server's health, how fresh the hub is. */

import { json, Refused } from "./api.js";

const EVERY = 15000;
const FRESH = 60;
const STALE = 300;

function show(name, state, words) {
  const shown = document.getElementById(`state-${name}`);
  const told = shown.querySelector(".words");
  shown.dataset.state = state;
  if (told.textContent !== words) told.textContent = words;
}

/* What the page says aloud, to all. */
export function tell(words) {
  const told = document.getElementById("told");
  told.textContent = words;
  told.classList.add("fresh");
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => told.classList.remove("fresh"), 6000);
}

const CONNECTION = {
  connecting: ["unknown", "Connecting…"],
  live: ["good", "Live"],
  back: ["good", "Live"],
  lost: ["warn", "Connection lost, trying again…"],
  "signed-out": ["bad", "Signed out"],
  gone: ["bad", "Not live"],
};

let isOut = false;

/* For `Live`: shows the connection's state, and says when it was lost and came back. */
export function connection(state, missed) {
  if (isOut) return;
  isOut = state === "signed-out";
  const changed = document.getElementById("state-live").dataset.told !== state;
  document.getElementById("state-live").dataset.told = state;
  show("live", ...CONNECTION[state]);
  if (!changed) return;
  if (state === "lost") tell("The connection is lost. This page tries again by itself.");
  if (state === "signed-out") tell("You are signed out. Reload the page to sign in again.");
  if (state === "back") {
    if (missed === null) tell("Connected again. Everything was read anew.");
    else if (missed === 0) tell("Connected again. Nothing was missed.");
    else tell(`Connected again, and caught up with ${missed} ${missed === 1 ? "change" : "changes"}.`);
    look();
  }
}

let sync = null;

function span(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

function showSync() {
  if (sync === null) return;
  if (sync.status === "disabled") {
    show("sync", "off", "No hub");
    return;
  }
  if (sync.status === "unknown") {
    show("sync", "unknown", "Sync unknown");
    return;
  }
  const pending = sync.pending_syncs ? `, ${sync.pending_syncs} pending` : "";
  if (sync.last_sync === null) {
    show("sync", "bad", `Never synced${pending}`);
    return;
  }
  const age = (Date.now() - sync.skew - Date.parse(sync.last_sync)) / 1000;
  const state = age < FRESH ? "good" : age < STALE ? "warn" : "bad";
  const refusal = sync.hub === "refuses" ? ", the hub refuses" : "";
  show("sync", refusal ? "bad" : state, `Synced ${span(age)} ago${pending}${refusal}`);
}

async function look() {
  clearTimeout(look.timer);
  look.timer = setTimeout(look, EVERY);
  try {
    const health = await json("/api/v1/health/");
    show("health", health.status === "healthy" ? "good" : "warn", health.status === "healthy" ? "Healthy" : "Degraded");
    sync = { skew: 0, ...health.sync };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const words = error.status === 503 ? "Database away" : error.status === 401 ? "Signed out" : "Server away";
    show("health", "bad", words);
  }
  showSync();
}

export function start() {
  document.addEventListener("signed-out", () => connection("signed-out"));
  look();
  setInterval(showSync, 1000);
}
