/* Requests of the page to its server, in the page's organization. */

const page = document.body.dataset;
export const organization = page.organization;
export const mayWrite = page.role === "writer" || page.role === "admin";

/* An answer that is no success, or none at all (status 0). */
export class Refused extends Error {
  constructor(status, body) {
    super(body.error || (status === 401 ? "You are signed out." : "The server does not answer."));
    this.status = status;
    this.body = body;
  }
}

export async function ask(address, options = {}) {
  const headers = { "X-Contextsys-Organization": organization, ...options.headers };
  let answer;
  try {
    answer = await fetch(address, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, {});
  }
  if (answer.status === 401) document.dispatchEvent(new Event("signed-out"));
  if (!answer.ok) {
    const body = await answer.json().catch(() => ({}));
    throw new Refused(answer.status, body);
  }
  return answer;
}

export const text = async (address, options) => (await ask(address, options)).text();
export const json = async (address, options) => (await ask(address, options)).json();

/* A write over the REST API: `body` is JSON as text, which may hold more than JavaScript's
   numbers can; `revision` makes it conditional. */
export async function write(method, address, body, revision) {
  // The cookie's: another tab may have signed in anew since this page was loaded.
  const token = document.cookie.match(/(?:^|; )csrftoken=(\w+)/)?.[1] ?? "";
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
  if (revision) headers["If-Match"] = `"${revision}"`;
  return json(`/api/v1/${address}`, { method, headers, body });
}

/* The address of a context in the API. */
export const contextPath = (level, id) => `contexts/${level}/${encodeURIComponent(id)}/`;

/* Nodes of HTML that our server rendered (and escaped). */
export function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

/* An element: its attributes, then what it holds; text stays text. */
export function element(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...inside.filter((each) => each !== null && each !== undefined));
  return made;
}
