/* The page's subscription: changes as they are committed, each once, also over a server that is
   restarted meanwhile. The socket tells from which number of which log on it goes on. */

import { organization } from "./api.js";

const FIRST_RETRY = 400;
const LAST_RETRY = 5000;
// The server sends something every 25 seconds; what is silent for longer is dead.
const SILENCE = 45000;
const NOT_AUTHENTICATED = 4401;

export class Live {
  /* `told` hears of states: connecting, live, lost, back (with how many changes were missed),
     signed-out, gone. `changed` hears of changes, `reset` that all is to be read anew. */
  constructor({ level, id, descendants, changed, reset, told }) {
    Object.assign(this, { level, id, descendants, changed, reset, told });
    this.epoch = document.body.dataset.epoch;
    this.since = Number(document.body.dataset.head);
    this.tries = 0;
    this.lost = false;
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.hurry();
    });
    setInterval(() => this.watch(), 5000);
    this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = null;
    if (!this.lost) this.told("connecting");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const query = `?organization=${encodeURIComponent(organization)}`;
    const socket = new WebSocket(`${scheme}://${location.host}/ws/contexts/${query}`);
    this.socket = socket;
    this.heard = Date.now();
    socket.addEventListener("message", (event) => {
      if (socket !== this.socket) return;
      this.heard = Date.now();
      this.hear(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (socket === this.socket) this.closed(event.code);
    });
  }

  hear(message) {
    if (message.type === "connected") {
      this.socket.send(
        JSON.stringify({
          type: "subscribe",
          level: this.level,
          context_id: this.id,
          descendants: this.descendants,
          epoch: this.epoch,
          since: this.since,
          subscription: "page",
        }),
      );
    } else if (message.type === "subscribed") {
      this.arrived(message.head - this.since);
    } else if (message.type === "reset") {
      this.epoch = message.epoch;
      this.since = message.head;
      this.arrived(null);
      this.reset();
    } else if (message.type === "context_changed") {
      const exact = message.previous_seq === this.since;
      this.since = message.seq;
      if (exact) this.changed(message);
      else this.reset();
    } else if (message.type === "error") {
      this.told("gone");
    }
  }

  arrived(missed) {
    this.tries = 0;
    this.told(this.lost ? "back" : "live", missed);
    this.lost = false;
  }

  closed(code) {
    this.socket = null;
    if (code === NOT_AUTHENTICATED) {
      this.told("signed-out");
      return;
    }
    this.lost = true;
    this.told("lost");
    const wait = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** this.tries) * (0.5 + Math.random() / 2);
    this.tries += 1;
    this.timer = setTimeout(() => this.connect(), wait);
  }

  hurry() {
    if (this.timer) this.connect();
  }

  watch() {
    if (this.socket && Date.now() - this.heard > SILENCE) {
      const silent = this.socket;
      this.socket = null;
      silent.close();
      this.closed(0);
    }
  }
}

const LONGEST_PAUSE = 1500;

/* `work`, at most once at a time and once more after whatever came meanwhile. What failed is done
   again soon: the server may be on its way back. What took long rests for three times as long, so
   that pages left open by many do not keep a busy server from its work. */
export function gathered(work, wait = 120) {
  let timer = null;
  let busy = false;
  let again = false;
  let rested = 0;
  async function run() {
    timer = null;
    busy = true;
    again = false;
    const began = performance.now();
    let failed = false;
    try {
      await work();
    } catch (error) {
      failed = error.status !== 401;
    }
    busy = false;
    const ended = performance.now();
    rested = ended + Math.min(LONGEST_PAUSE, 3 * (ended - began));
    if (failed) timer = setTimeout(run, LONGEST_PAUSE);
    else if (again) ask();
  }
  function ask() {
    if (busy) again = true;
    else timer ??= setTimeout(run, Math.max(wait, rested - performance.now()));
  }
  return ask;
}
