/* Two documents and the one before them: where they differ, and both put together. */

const MISSING = Symbol("missing");

const isBranch = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 0;

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

export const same = (a, b) =>
  a === MISSING || b === MISSING ? a === b : canonical(a) === canonical(b);

/* Path (as a list of keys) and value of every leaf; a list is one leaf. */
function leaves(value, path = [], found = new Map()) {
  if (isBranch(value)) {
    for (const key of Object.keys(value)) leaves(value[key], [...path, key], found);
  } else {
    found.set(JSON.stringify(path), value);
  }
  return found;
}

/* The paths at which `mine` or `theirs` is not what `base` was: what each has there, and whether
   both changed it, each otherwise. */
export function differences(base, mine, theirs) {
  const [was, here, there] = [base, mine, theirs].map((each) => leaves(each));
  const paths = new Set([...was.keys(), ...here.keys(), ...there.keys()]);
  const rows = [];
  for (const path of paths) {
    const [b, m, t] = [was, here, there].map((each) => (each.has(path) ? each.get(path) : MISSING));
    const [mineChanged, theirsChanged] = [!same(b, m), !same(b, t)];
    if (!mineChanged && !theirsChanged) continue;
    rows.push({
      path: JSON.parse(path).join("."),
      base: b,
      mine: m,
      theirs: t,
      disputed: mineChanged && theirsChanged && !same(m, t),
    });
  }
  return rows;
}

/* `mine` with what `theirs` changed since `base`; where both changed a value, mine stays. */
export function together(base, mine, theirs) {
  if (same(base, theirs) || same(mine, theirs)) return mine;
  if (same(base, mine)) return theirs;
  const plain = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  if (!plain(mine) || !plain(theirs)) return mine;
  const known = plain(base) ? base : {};
  const merged = {};
  const of = (where, key) => (Object.hasOwn(where, key) ? where[key] : MISSING);
  for (const key of new Set([...Object.keys(mine), ...Object.keys(theirs)])) {
    const [b, m, t] = [of(known, key), of(mine, key), of(theirs, key)];
    if (m === MISSING) {
      if (b === MISSING || !same(b, t)) put(merged, key, t);
    } else if (t === MISSING) {
      if (b === MISSING || !same(b, m)) put(merged, key, m);
    } else {
      put(merged, key, together(b, m, t));
    }
  }
  return merged;
}

function put(object, key, value) {
  // Not by assignment, to which `__proto__` means something else.
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

export const shown = (value, longest = 300) => {
  if (value === MISSING) return null;
  const text = JSON.stringify(value);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
};
