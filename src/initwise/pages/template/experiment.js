// ---- the charts of an experiment: all that they draw is in the data
const drawable = Object.keys(specs).length > 0;
const draw = () => Promise.all(Object.entries(specs).map(([name, spec]) => view(name, spec, packed.sets[name], {bad: css("--bad"), soft: css("--soft")})));
document.querySelectorAll(".chart").forEach((box) => box.addEventListener("pointerleave", () => { tip.hidden = true; }));

// ---- on paper every table is open, and closed again afterwards
const closed = [...document.querySelectorAll("details")];
window.addEventListener("beforeprint", () => closed.forEach((each) => { each.dataset.was = each.open; each.open = true; }));
window.addEventListener("afterprint", () => closed.forEach((each) => { each.open = each.dataset.was === "true"; }));
