// ---- the charts of an experiment: all that they draw is in the data
const drawable = Object.keys(specs).length > 0;
const draw = () => Promise.all(Object.entries(specs).map(([name, spec]) => view(name, spec, packed.sets[name], {bad: css("--bad"), soft: css("--soft")})));
document.querySelectorAll(".chart").forEach((box) => box.addEventListener("pointerleave", () => { tip.hidden = true; }));
