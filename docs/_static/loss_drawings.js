/* Drawings beside a plot: two boxes, and regions of pixels, of which one is dragged. */
"use strict";

(() => {
  /* Call a function with the steps of a pointer that is down, or of arrow keys. */
  function dragged(element, toPoint, step, move) {
    let last = null;
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      last = toPoint(event);
      event.preventDefault();
      element.focus();
    });
    element.addEventListener("pointermove", (event) => {
      if (last === null) return;
      const now = toPoint(event);
      move(now[0] - last[0], now[1] - last[1]);
      last = now;
    });
    for (const end of ["pointerup", "pointercancel"])
      element.addEventListener(end, () => { last = null; });
    element.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!way) return;
      event.preventDefault();
      move(way[0] * step, way[1] * step);
    });
  }

  /* From a pointer's place to one in the units of a drawing. */
  const reader = (svg) => (event) => {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [place.x, place.y];
  };

  const rounded = (value) => Math.round(value * 100) / 100;

  // --- two boxes ------------------------------------------------------------------------------
  const LEAST = -3.2, SIZE = 6.4, CORNER = 0.16;

  class Boxes {
    constructor(plot, make) {
      this.plot = plot;
      this.target = make("rect", { class: "target", "vector-effect": "non-scaling-stroke" });
      this.box = make("rect", { class: "moved", tabindex: "0", role: "application", "stroke-width": 0.05,
                                "aria-label": "predicted box; arrow keys move it" });
      this.corners = [[0, 1], [2, 3]].map((places) => {
        const corner = make("circle", { class: "corner", r: CORNER, tabindex: "0", role: "application",
                                        "aria-label": `corner of the predicted box; arrow keys move it` });
        return { corner, places };
      });
      const svg = make("svg", { viewBox: `${LEAST} ${LEAST} ${SIZE} ${SIZE}`, "data-drawing": "boxes" },
                       this.target, this.box, ...this.corners.map(({ corner }) => corner));
      dragged(this.box, reader(svg), 0.1, (x, y) => this.move([0, 1, 2, 3], x, y));
      for (const { corner, places } of this.corners)
        dragged(corner, reader(svg), 0.1, (x, y) => this.move(places, x, y));
      this.element = make("div", { class: "drawing" },
                          make("p", {}, "Drag the predicted box or its corners; the target is dashed."), svg);
    }

    values(argument) {
      const { view, form } = this.plot;
      const along = lossary.alongOf(view, form);
      return [0, 1, 2, 3].map((k) => argument === lossary.first(form) && k === along
        ? lossary.cursor(view) : lossary.fixedValue(view, form, argument, k));
    }

    move(places, x, y) {
      const { view, form } = this.plot;
      const now = this.values(lossary.first(form));
      this.exact ??= now;
      const exact = this.exact.map((value, k) => (rounded(value) === now[k] ? value : now[k]));
      for (const k of places) exact[k] += k % 2 ? y : x;
      if (exact[0] > exact[2] || exact[1] > exact[3]) return;
      this.exact = exact;
      for (const name of view.names)
        exact.forEach((value, k) => {
          const argument = lossary.first(lossary.formOf(view, name));
          if (k === lossary.alongOf(view, form)) view.x = rounded(value);
          else view.fixed[`${argument}.${k}`] = rounded(value);
        });
      this.plot.showFixed();
      this.plot.later();
      this.plot.remember();
    }

    update() {
      const [first, second] = Object.keys(this.plot.form.arguments);
      for (const [rect, values] of [[this.box, this.values(first)], [this.target, this.values(second)]]) {
        const [x1, y1, x2, y2] = values;
        const sides = { x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1) };
        for (const [name, value] of Object.entries(sides)) rect.setAttribute(name, value);
      }
      const values = this.values(first);
      for (const { corner, places } of this.corners) {
        corner.setAttribute("cx", values[places[0]]);
        corner.setAttribute("cy", values[places[1]]);
      }
    }
  }

  // --- regions of pixels ------------------------------------------------------------------------
  const COUNT = 14;
  const TARGET = { x: 6, y: 7.5, radius: 3.8 };
  const places = [...Array(COUNT * COUNT).keys()].map((k) => [k % COUNT + 0.5, Math.floor(k / COUNT) + 0.5]);
  const inside = (disc) => places.map(([x, y]) => disc.radius - Math.hypot(x - disc.x, y - disc.y));

  class Pixels {
    constructor(plot, make) {
      this.plot = plot;
      this.disc = { x: 8.5, y: 6.5, radius: 3.8 };
      [this.shown, this.slopes] = ["prediction", "gradient of each pixel"].map((title) => this.picture(title, make));
      this.values = make("output", { class: "regions-readout" });
      const svg = this.shown.svg;
      svg.setAttribute("tabindex", "0");
      svg.setAttribute("role", "application");
      svg.setAttribute("aria-label", "predicted region; arrow keys move it");
      svg.style.cursor = "move";
      dragged(svg, reader(svg), 0.5, (x, y) => {
        this.disc.x = Math.min(Math.max(this.disc.x + x, 0), COUNT);
        this.disc.y = Math.min(Math.max(this.disc.y + y, 0), COUNT);
        this.update();
      });
      const radius = make("input", {
        type: "range", name: "radius", min: 1, max: 6, step: 0.1, value: this.disc.radius,
        oninput: () => { this.disc.radius = Number(radius.value); this.update(); },
      });
      this.element = make("div", { class: "drawing" },
        make("p", {}, "Drag the predicted region; the ring is the target. Blue pixels lower the loss by ",
             "rising, orange ones by falling."),
        make("div", { class: "regions" }, this.shown.figure, this.slopes.figure),
        make("fieldset", {}, make("label", {}, make("span", {}, "radius"), radius)), this.values);
    }

    picture(title, make) {
      const pixels = places.map(([x, y]) =>
        make("rect", { class: "pixel", x: x - 0.5, y: y - 0.5, width: 1, height: 1 }));
      const ring = make("circle", { class: "ring", cx: TARGET.x, cy: TARGET.y, r: TARGET.radius });
      const svg = make("svg", { viewBox: `0 0 ${COUNT} ${COUNT}`, "data-drawing": "pixels" }, ...pixels, ring);
      return { svg, pixels, figure: make("figure", {}, make("figcaption", {}, title), svg) };
    }

    /* What a loss makes of the regions: whether it takes probabilities, its limits tell. */
    computed(name) {
      const { view } = this.plot;
      const form = lossary.formOf(view, name);
      const [first, second] = Object.keys(form.arguments);
      const logits = inside(this.disc).map((size) => 3 * size);
      const targets = inside(TARGET).map((size) => (size > 0 ? 1 : 0));
      const signed = form.controls.find((control) => control.argument === second)?.options?.[0] === -1;
      const call = {
        [first]: form.domain[1] === 1 ? logits.map((z) => 1 / (1 + Math.exp(-z))) : logits,
        [second]: signed ? targets.map((t) => 2 * t - 1) : targets,
      };
      for (const argument of form.ones) call[argument] = places.map(() => 1);
      for (const parameter of form.parameters)
        call[parameter.name] = lossary.parameterValue(view, name, parameter);
      return { shares: logits.map((z) => 1 / (1 + Math.exp(-z))), ...form.compute(call) };
    }

    update() {
      const found = this.plot.view.names.map((name) => [name, this.computed(name)]);
      const { shares, gradient } = found[0][1];
      const most = Math.max(...gradient.map(Math.abs)) || 1;
      shares.forEach((share, k) => {
        const slope = gradient[k] / most;
        this.shown.pixels[k].style.cssText = `fill: var(--curve-0); fill-opacity: ${share.toFixed(3)}`;
        this.slopes.pixels[k].style.cssText =
          `fill: var(--curve-${slope < 0 ? 0 : 1}); fill-opacity: ${Math.abs(slope).toFixed(3)}`;
      });
      this.values.value = found.map(([name, { value }]) => `${name}: ${lossary.read(value)}`).join("; ");
    }
  }

  lossary.drawings = { boxes: Boxes, pixels: Pixels };
})();
