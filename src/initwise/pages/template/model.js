// ---- all of the model's report
const draw = () => {
  const drawn = directions.map((direction) => view(direction, specs[direction], made[direction], signals(direction)));
  if (chosen) detail(byName.get(chosen));
  return Promise.all(drawn);
};
const drawable = directions.length > 0 || data.bins.size > 0;
window.initwise = {
  chosen: () => chosen,
  range: () => range,
  place: (direction, name) => {
    const x = places(name)[0], found = made[direction].points.find((each) => each.x === x), [left, top] = views[direction].origin();
    return {x: views[direction].scale("x")(x) + left, y: views[direction].scale("y")(found.y) + top};
  },
};
filter();
