"use strict";

/* Helps beside the forms; every page works without it. */

function checkJson(editor, state) {
  if (!editor.value.trim()) {
    state.textContent = "";
    state.className = "json-state";
    return;
  }
  try {
    JSON.parse(editor.value);
    state.textContent = "valid JSON";
    state.className = "json-state good";
  } catch (error) {
    state.textContent = error.message;
    state.className = "json-state bad";
  }
}

for (const field of document.querySelectorAll(".json-field")) {
  const editor = field.querySelector("textarea");
  const state = field.querySelector(".json-state");
  const format = field.querySelector(".json-format");
  editor.addEventListener("input", () => checkJson(editor, state));
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      editor.form.requestSubmit();
    }
  });
  format.hidden = false;
  format.addEventListener("click", () => {
    try {
      editor.value = JSON.stringify(JSON.parse(editor.value), null, 2);
      editor.dispatchEvent(new Event("input", { bubbles: true }));
    } catch {
      checkJson(editor, state);
    }
  });
}

/* Leaving a page with unsaved text asks first. */
const unsaved = new Set();
for (const form of document.querySelectorAll("form.guarded")) {
  if (form.querySelector(".errorlist, .meanwhile")) {
    unsaved.add(form);
  }
  form.addEventListener("input", () => { unsaved.add(form); });
  form.addEventListener("submit", () => { unsaved.delete(form); });
}
for (const link of document.querySelectorAll("[data-discard]")) {
  link.addEventListener("click", () => { unsaved.clear(); });
}
window.addEventListener("beforeunload", (event) => {
  if (unsaved.size > 0) {
    event.preventDefault();
  }
});

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = "Selected: press Ctrl+C";
    }
  });
}
