/* A task at a glance: files, tests, commands and searches as a picture. */

import { contextPath, element, json } from "./api.js";

const MOST_FILES = 12;
const MOST_WORDS = 8;
const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, ...inside) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

/* What a list says of those that it does not show. */
function andMore(all, shown) {
  const left = all.length - shown.length;
  return left > 0 ? element("li", { class: "quiet" }, `and ${left} more`) : null;
}

function fileBars(files) {
  const size = (file) => (file.added || 0) + (file.removed || 0);
  const shown = [...files].sort((a, b) => size(b) - size(a) || b.edits - a.edits).slice(0, MOST_FILES);
  const most = Math.max(1, ...shown.map(size));
  const rows = shown.map((file) => {
    const [added, removed] = [file.added || 0, file.removed || 0];
    const [a, r] = [added, removed].map((lines) => (lines ? Math.max(1, (100 * lines) / most) : 0));
    return element(
      "li",
      { class: "file" },
      element("code", { title: file.path }, element("bdi", {}, file.path)),
      svg(
        "svg",
        { viewBox: "0 0 102 8", preserveAspectRatio: "none", "aria-hidden": "true" },
        svg("rect", { class: "added", x: 0, y: 0, width: a, height: 8 }),
        svg("rect", { class: "removed", x: a, y: 0, width: r, height: 8 }),
      ),
      element("span", { class: "file-count" }, element("ins", {}, `+${added}`), " ", element("del", {}, `−${removed}`)),
    );
  });
  rows.push(andMore(files, shown));
  return [element("h3", {}, `${files.length} ${files.length === 1 ? "file" : "files"} changed`), element("ul", { class: "files" }, ...rows)];
}

function testBar(tests) {
  const results = tests.test_results ?? {};
  const count = (name) => results[name] || 0;
  const [passed, failed, skipped] = [count("passed"), count("failed") + count("errors"), count("skipped")];
  const all = Math.max(1, passed + failed + skipped);
  let x = 0;
  const part = (kind, number) => {
    const width = (100 * number) / all;
    const made = svg("rect", { class: kind, x, y: 0, width, height: 8 });
    x += width;
    return made;
  };
  const words = [`${passed} passed`, failed ? `${failed} failed` : "", skipped ? `${skipped} skipped` : ""];
  if (typeof results.coverage === "number") words.push(`${results.coverage} % covered`);
  const told = tests.failures ?? [];
  const failures = told.slice(0, MOST_WORDS).map((failure) =>
    element("li", {}, element("code", {}, failure.name ?? ""), " ", element("span", { class: "quiet" }, failure.message ?? "")),
  );
  return [
    element("h3", {}, "Tests, last run"),
    svg(
      "svg",
      { class: "tests", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
      part("passed", passed),
      part("failed", failed),
      part("skipped", skipped),
    ),
    element("p", { class: "test-words" }, words.filter(Boolean).join(", ")),
    failures.length ? element("ul", { class: "failures" }, ...failures, andMore(told, failures)) : null,
  ];
}

function commands(failed) {
  const rows = failed.slice(0, MOST_WORDS).map((each) =>
    element("li", {}, element("span", { class: "badge badge-rejected" }, `exit ${each.exit_code}`), " ", element("code", {}, each.command)),
  );
  return [element("h3", {}, "Commands that failed"), element("ul", { class: "failures" }, ...rows, andMore(failed, rows))];
}

function searches(made) {
  const rows = made.slice(0, MOST_WORDS).map((each) =>
    element("li", { class: "chip" }, element("code", {}, each.query), each.count == null ? "" : ` ${each.count}`),
  );
  return [element("h3", {}, "Searched for"), element("ul", { class: "chips" }, ...rows, andMore(made, rows))];
}

/* Shows it, when there is anything to see. */
export async function show(id) {
  const panel = document.getElementById("activity");
  let activity;
  try {
    activity = await json(`/api/v1/${contextPath("task", id)}activity/`);
  } catch {
    panel.hidden = true;
    return;
  }
  const parts = [
    ...(activity.files?.length ? fileBars(activity.files) : []),
    ...(activity.tests ? testBar(activity.tests) : []),
    ...(activity.failed_commands?.length ? commands(activity.failed_commands) : []),
    ...(activity.searches?.length ? searches(activity.searches) : []),
  ].filter(Boolean);
  document.getElementById("activity-picture").replaceChildren(...parts);
  panel.hidden = parts.length === 0;
}
