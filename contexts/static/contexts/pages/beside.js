/* Edits side by side: a table, on a phone one below the other. */

import { element } from "./api.js";

/* `heads` of the columns; of each row its `kind` (a class), the `name` of what is compared and
   the `cells`, each a td. */
export function beside(heads, rows) {
  const told = rows.map(({ kind = "", name, cells }) => {
    // Where there is no room for columns a cell says itself which it is.
    cells.forEach((cell, place) => {
      cell.dataset.head = heads[place + 1];
    });
    return element("tr", { class: kind }, element("th", { scope: "row" }, ...name), ...cells);
  });
  const columns = heads.map((head) => element("th", { scope: "col" }, head));
  return element(
    "div",
    { class: "beside-box", tabindex: "0", role: "region", "aria-label": "Both edits" },
    element(
      "table",
      { class: "beside" },
      element("thead", {}, element("tr", {}, ...columns)),
      element("tbody", {}, ...told),
    ),
  );
}
