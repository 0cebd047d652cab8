// ---- numbers, text, and the data as rows
const $ = (id) => document.getElementById(id);
const read = (id) => JSON.parse($(id).textContent);
const rowsOf = (columns) => {
  const names = Object.keys(columns), lists = names.map((name) => Array.isArray(columns[name]) ? columns[name] : columns[name].at.map((place) => columns[name].of[place]));
  return lists.length ? lists[0].map((_, place) => Object.fromEntries(names.map((name, column) => [name, lists[column][place]]))) : [];
};
const packed = read("data"), specs = read("specs");
const missing = (value) => value === null || value === undefined || value === "";
const number = (value) => missing(value) ? "" : typeof value !== "number" ? String(value)
  : Number.isInteger(value) && Math.abs(value) < 1e7 ? value.toLocaleString("en") : Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5 ? String(Number(value.toPrecision(3)))
  : Number(value.toPrecision(3)).toExponential().replace("e+", "e");
const element = (name, text, attributes = {}) => {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};
const dotted = (name, tag = "code") => { // may break behind dots
  const made = element(tag, null);
  name.split(/(?<=\.)/).forEach((part, place) => made.append(...(place ? [element("wbr", null)] : []), part));
  return made;
};
const root = document.documentElement;
const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
