"use strict";

/* Before anything is painted: the colours that were chosen here or in the admin. */
{
  let chosen = "auto";
  try {
    chosen = localStorage.getItem("theme") || "auto";
  } catch {
    // A browser that keeps nothing: its own preference counts.
  }
  document.documentElement.dataset.theme = chosen;
}
