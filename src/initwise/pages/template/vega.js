// ---- charts: Vega stands below this script, and is run once the rest of the page is shown
const views = {};
let ready = false;
const load = (id) => { const script = document.createElement("script"); script.textContent = $(id).textContent; document.head.append(script); };
const colours = () => {
  const ink = css("--ink"), line = css("--line"), range = Array.from({length: 8}, (_, place) => css(`--k${place}`));
  const axis = {labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 12};
  return {background: null, font: "system-ui, sans-serif", axis, axisY: {tickCount: 5, titlePadding: 8, minExtent: 44}, legend: {labelColor: ink, titleColor: ink}, view: {stroke: null},
    range: {category: range}, bar: {color: range[0]}, area: {color: css("--soft")}, rect: {color: css("--accent")}, point: {color: range[0]}, line: {color: range[0]}};
};
const tip = element("div", null, {class: "tip", hidden: ""});
document.body.append(tip);
const beside = (event) => { // puts the tip where it hides nothing that is pointed at, and stays in the window
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, root.clientWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${event.clientY + 14 + tip.offsetHeight > root.clientHeight ? Math.max(4, event.clientY - 14 - tip.offsetHeight) : event.clientY + 14}px`;
};
const tell = (event, value) => {
  tip.hidden = !value;
  if (!value) return;
  const list = element("dl", null);
  for (const [key, text] of Object.entries(value)) list.append(element("dt", key), element("dd", text));
  tip.replaceChildren(list);
  beside(event);
};
document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
const drop = (name) => { if (views[name]) views[name].finalize(); delete views[name]; };
const view = (name, spec, sets, signals = {}) => {
  const box = $(`chart-${name}`);
  if (!box) return null;
  drop(name);
  const description = box.dataset.label ??= box.getAttribute("aria-label"); // Vega writes its own over it
  const params = (spec.params || []).map((each) => ({...each, value: signals[each.name] ?? each.value}));
  const made = new vega.View(vega.parse(vegaLite.compile({...spec, description, params, config: colours()}).spec), {renderer: "canvas", container: box, hover: true});
  made.tooltip((handler, event, item, value) => tell(event, value));
  for (const [key, values] of Object.entries(sets)) made.data(key, structuredClone(values));
  box.setAttribute("role", "img");
  views[name] = made;
  return made.runAsync(); // a promise of the view
};
