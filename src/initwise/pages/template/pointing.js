// ---- the pointer in the charts: it reads, chooses, and draws a range to zoom to
const inside = (direction, event) => {
  const shape = $(`chart-${direction}`).querySelector("canvas").getBoundingClientRect(), [left, top] = views[direction].origin();
  return [event.clientX - shape.left - left, event.clientY - shape.top - top];
};
const nearest = (direction, event) => {
  const [px, py] = inside(direction, event), X = views[direction].scale("x"), Y = views[direction].scale("y");
  let best = null, reach = 24 ** 2;
  for (const each of made[direction].points) {
    const far = (X(each.x) - px) ** 2 + (Y(each.y) - py) ** 2;
    if (far < reach && each.x >= range[0] && each.x <= range[1]) [best, reach] = [each, far];
  }
  return best;
};
const told = (x) => {
  const each = data.points[x], list = element("dl", null);
  tip.replaceChildren(dotted(each.m || "the model", "b"), element("div", each.o + (each.c ? ": to blame" : "")), list);
  data.series.forEach((name, place) => list.append(element("dt", name), element("dd", `E[x²] ${number(each.f[place]) || "unknown"}, E[g²] ${number(each.b[place]) || "unknown"}`)));
};
const leave = () => { tip.hidden = true; if (near >= 0) { near = -1; mark(); } };
const point = (direction, event) => {
  const found = nearest(direction, event);
  if (!found) { leave(); return; }
  tip.hidden = false;
  told(found.x);
  beside(event);
  if (found.x !== near) { near = found.x; mark(); }
};
const listen = (direction) => {
  const box = $(`chart-${direction}`);
  let start = null;
  const drawn = (action) => (event) => { if (views[direction]) action(event); }; // before, there is nothing to point at
  const at = (event) => views[direction].scale("x").invert(inside(direction, event)[0]);
  const drag = (event) => [at(start), at(event)].sort((a, b) => a - b);
  const end = () => { start = null; views[direction].data("drag", []).runAsync(); };
  box.addEventListener("pointerleave", leave);
  box.addEventListener("pointerdown", drawn((event) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    start = event;
    box.setPointerCapture(event.pointerId);
  }));
  box.addEventListener("pointermove", drawn((event) => {
    if (!start) { point(direction, event); return; }
    const [low, high] = drag(event);
    views[direction].data("drag", [{low, high}]).runAsync();
  }));
  box.addEventListener("pointerup", drawn((event) => {
    if (!start) return;
    const moved = Math.abs(event.clientX - start.clientX) > 8, [low, high] = drag(event);
    end();
    if (moved) zoom(low, high); else pick(event);
  }));
  box.addEventListener("pointercancel", drawn(end));
  const pick = (event) => {
    const found = nearest(direction, event), place = found ? data.points[found.x].p[0] : undefined;
    if (place !== undefined) choose(data.plan[place].name, true);
  };
  box.addEventListener("click", drawn((event) => { if (event.pointerType !== "mouse") pick(event); }));
  box.addEventListener("dblclick", () => zoom(...all));
};
directions.forEach(listen);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") leave(); });
