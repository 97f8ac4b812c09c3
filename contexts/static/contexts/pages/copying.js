/* The resolved context as markdown, into the clipboard; a box to copy from where that is refused. */

import { contextPath, text } from "./api.js";
import { tell } from "./status.js";

export function start(level, id) {
  const button = document.getElementById("copy");
  const size = document.getElementById("copy-size");
  button.hidden = size.hidden = false;
  button.addEventListener("click", async () => {
    const most = size.value ? `?max_tokens=${size.value}` : "";
    let markdown;
    try {
      markdown = await text(`/api/v1/${contextPath(level, id)}resolved/${most}`, {
        headers: { Accept: "text/markdown" },
      });
    } catch (error) {
      tell(error.message);
      return;
    }
    try {
      await navigator.clipboard.writeText(markdown);
      tell("Copied: paste it into a prompt.");
    } catch {
      const box = document.getElementById("copy-text");
      box.value = markdown;
      document.getElementById("copy-box").showModal();
      box.select();
    }
  });
}
