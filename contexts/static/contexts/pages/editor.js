/* Editing a context in place: each field checked while it is typed, saved against the revision
   that was read. When someone else was faster, both edits are shown. */

import { contextPath, element, json, Refused, write } from "./api.js";
import { beside } from "./beside.js";
import { differences, shown, together } from "./comparing.js";
import { tell } from "./status.js";

export class Editor {
  constructor(level, id, saved) {
    this.path = contextPath(level, id);
    this.saved = saved;
    this.panel = document.getElementById("editor");
    this.form = document.getElementById("edit-form");
    this.conflict = document.getElementById("conflict");
    this.button = document.getElementById("edit");
    this.fields = [...this.form.querySelectorAll(".field")];
    this.dirty = false;
    this.button.hidden = false;
    this.button.addEventListener("click", () => this.open());
    document.getElementById("edit-cancel").addEventListener("click", () => this.close());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    this.form.addEventListener("input", (event) => {
      this.dirty = true;
      this.check(event.target.closest(".field"));
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
      if (event.key === "Escape" && !this.dirty) this.close();
    });
    for (const field of this.fields) {
      field.querySelector(".json-format")?.addEventListener("click", () => this.format(field));
    }
    addEventListener("beforeunload", (event) => {
      if (this.dirty && !this.panel.hidden) event.preventDefault();
    });
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  input(field) {
    return field.querySelector("textarea, input");
  }

  async open() {
    try {
      this.begin(await json(`/api/v1/${this.path}`));
    } catch (error) {
      tell(error.message);
      return;
    }
    this.panel.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.input(this.fields[0]).focus({ preventScroll: true });
    this.panel.scrollIntoView({ block: "nearest" });
  }

  /* The fields from a context as the API gives it, which the next save is against. */
  begin(context) {
    this.base = context;
    this.fill(context);
    this.conflict.hidden = true;
    this.dirty = false;
  }

  fill(values) {
    for (const field of this.fields) {
      const value = values[field.dataset.field];
      const input = this.input(field);
      input.value = this.isJson(field) ? JSON.stringify(value, null, 2) : String(value);
      if (this.isJson(field)) input.rows = Math.min(28, input.value.split("\n").length + 1);
      this.check(field);
    }
    this.wrong(document.getElementById("edit-wrong"), "");
  }

  isJson(field) {
    return field.dataset.kind === "object" || field.dataset.kind === "list";
  }

  close() {
    this.panel.hidden = true;
    this.dirty = false;
    this.button.removeAttribute("aria-expanded");
    this.button.focus();
  }

  format(field) {
    if (!this.check(field)) return;
    const input = this.input(field);
    input.value = JSON.stringify(JSON.parse(input.value), null, 2);
  }

  wrong(place, words) {
    place.textContent = words;
    place.hidden = !words;
  }

  complain(field, words) {
    this.wrong(field.querySelector(".wrong"), words);
    field.classList.toggle("with-errors", Boolean(words));
    this.input(field).setAttribute("aria-invalid", String(Boolean(words)));
  }

  /* Whether a field holds what it may; says so beside it. */
  check(field) {
    const text = this.input(field).value;
    let words = "";
    if (this.isJson(field)) {
      const state = field.querySelector(".json-state");
      try {
        const value = JSON.parse(text);
        const isList = Array.isArray(value);
        if (field.dataset.kind === "list" && !isList) words = "This must be a list: [ … ]";
        if (field.dataset.kind === "object" && (isList || value === null || typeof value !== "object"))
          words = "This must be an object: { … }";
      } catch (error) {
        words = error.message;
      }
      state.textContent = words ? "" : "valid JSON";
      state.className = "json-state good";
    } else if (field.dataset.kind === "percent" && !/^(100|\d{1,2})$/.test(text)) {
      words = "This must be a whole number from 0 to 100.";
    }
    this.complain(field, words);
    return !words;
  }

  /* The fields as one JSON text: what was typed, to the digit. */
  body() {
    const parts = this.fields.map((field) => {
      const text = this.input(field).value;
      const plain = this.isJson(field) || field.dataset.kind === "percent";
      return `${JSON.stringify(field.dataset.field)}: ${plain ? text : JSON.stringify(text)}`;
    });
    return `{${parts.join(", ")}}`;
  }

  async save() {
    const bad = this.fields.filter((field) => !this.check(field));
    if (bad.length) {
      this.input(bad[0]).focus();
      return;
    }
    const button = this.form.querySelector("button:not([type])");
    button.disabled = true;
    try {
      const context = await write("PUT", this.path, this.body(), this.base.revision);
      const same = context.revision === this.base.revision;
      this.close();
      tell(same ? "Nothing was changed." : `Saved as version ${context.version}.`);
      this.saved();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 412) await this.overtaken();
      else this.refused(error);
    } finally {
      button.disabled = false;
    }
  }

  refused(error) {
    const complaints = error.body.validation_errors ?? {};
    for (const field of this.fields) {
      const words = complaints[field.dataset.field];
      if (words) this.complain(field, words.join(" "));
    }
    this.wrong(document.getElementById("edit-wrong"), `Not saved: ${error.message}`);
  }

  values() {
    return JSON.parse(this.body());
  }

  /* Only the fields that a human may write. */
  fieldsOf(context) {
    return Object.fromEntries(this.fields.map(({ dataset: { field } }) => [field, context[field]]));
  }

  /* For the page: someone changed the context while it is edited here. */
  hear(by) {
    if (!this.isOpen || !this.conflict.hidden) return;
    this.wrong(
      document.getElementById("edit-wrong"),
      `${by} has just changed this. Saving will show both.`,
    );
  }

  async overtaken() {
    let theirs;
    try {
      theirs = await json(`/api/v1/${this.path}`);
    } catch (error) {
      this.refused(error);
      return;
    }
    const [base, mine, now] = [this.fieldsOf(this.base), this.values(), this.fieldsOf(theirs)];
    const rows = differences(base, mine, now);
    const choice = (words, kind, work) =>
      element("button", { type: "button", class: `button ${kind}`, onclick: work }, words);
    const cell = (value, mark) => element("td", { class: mark }, shown(value) ?? "not there");
    this.conflict.replaceChildren(
      element("h3", { tabindex: "-1" }, `${theirs.updated_by} was faster: nothing of yours is saved yet`),
      element(
        "p",
        {},
        `Version ${theirs.version} was made while you edited version ${this.base.version}.`,
      ),
      beside(
        ["Value", "Before", "Theirs, now", "Yours"],
        rows.map((row) => ({
          kind: row.disputed ? "disputed" : "",
          name: [
            element("code", {}, row.path),
            row.disputed ? element("span", { class: "badge badge-conflict" }, "in dispute") : null,
          ],
          cells: [cell(row.base, "quiet"), cell(row.theirs, "theirs"), cell(row.mine, "mine")],
        })),
      ),
      element(
        "div",
        { class: "meanwhile-actions" },
        choice("Put both together", "default", () => {
          this.base = theirs;
          this.fill(together(base, mine, now));
          this.conflict.hidden = true;
          tell("Both edits are in the fields now; yours stays where both changed the same. Save to keep it.");
          this.input(this.fields[0]).focus();
        }),
        choice("Save mine over theirs", "quiet-button", () => {
          this.base = theirs;
          this.conflict.hidden = true;
          this.save();
        }),
        choice("Take theirs", "quiet-button", () => {
          this.begin(theirs);
          tell("The fields hold their version now.");
        }),
      ),
    );
    this.wrong(document.getElementById("edit-wrong"), "");
    this.conflict.hidden = false;
    this.conflict.querySelector("h3").focus();
  }
}
