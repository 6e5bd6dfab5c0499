/* Plots that are touched: losses, gradients and Hessians with sliders, a cursor, and a link.

   A <div class="loss-plot" data-losses="..."> holds the drawing that is shown where no script runs;
   its place is taken. What is computed is in loss_core.js. */
"use strict";

(() => {
  /* The element of a plot has the class "ready" once it can be touched. */
  const TITLES = { value: "loss", gradient: "gradient", hessian: "Hessian" };
  const MOST = 6; // losses in a plot, one for each colour
  const LEFT = 44, RIGHT = 8, TOP = 8, BOTTOM = 24;

  /* An element with attributes, properties that start with "on", and children. */
  function make(tag, attributes = {}, ...children) {
    const svg = ["svg", "path", "circle", "rect", "g", "text"].includes(tag);
    const found = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag)
                      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) found.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) found.setAttribute(name, value);
    }
    found.append(...children);
    return found;
  }

  class LossPlot {
    constructor(element, names, { free = false, extra = () => ({}) } = {}) {
      Object.assign(this, { element, names, free, extra });
      this.view = lossary.newView(names);
    }

    async start() {
      this.view = lossary.fromHash(location.hash, this.names);
      addEventListener("hashchange", () => this.follow());
      await this.loaded();
      this.build();
      if (location.hash.startsWith("#plot?")) this.element.scrollIntoView();
      new ResizeObserver(() => this.later()).observe(this.element);
      return this;
    }

    async loaded() {
      await Promise.all(this.view.names.map(lossary.load));
      lossary.limited(this.view);
    }

    async follow() {
      if (!location.hash.startsWith("#plot?")) return;
      this.view = lossary.fromHash(location.hash, this.names);
      await this.loaded();
      this.build();
    }

    get form() { return lossary.base(this.view); }

    // --- the page -----------------------------------------------------------------------------
    /* Make all elements anew; what had the focus has it again. */
    build() {
      const focused = document.activeElement;
      const [name, loss] = [focused?.getAttribute("name"), focused?.dataset?.loss];
      const isOwn = this.element.contains(focused);
      this.panels = this.cursorArea();
      this.readout = make("output", { class: "readout", "aria-live": "off" });
      this.link = make("a", { class: "link", href: "#" }, "Link to this view");
      const Drawing = lossary.drawings?.[this.form.drawing];
      this.drawing = Drawing ? new Drawing(this, make) : null;
      this.element.replaceChildren(
        this.choices(), this.key(), this.panels, this.readout, this.sliders(),
        ...(this.drawing ? [this.drawing.element] : []),
        make("p", { class: "actions" },
             make("button", { type: "button", class: "reset", onclick: () => this.reset() }, "Reset"),
             this.link));
      this.element.classList.add("ready");
      const same = name ? `[name="${name}"]${loss ? `[data-loss="${loss}"]` : ""}`
                        : `.${focused?.classList[0] ?? "panels"}`;
      if (isOwn) this.element.querySelector(same)?.focus();
      this.redraw();
    }

    reset() {
      this.view = lossary.newView(this.names);
      this.build();
      this.remember();
    }

    cursorArea() {
      const panels = make("div", {
        class: "panels", tabindex: "0", role: "slider", "aria-label": `cursor: ${this.abscissa()}`,
        onkeydown: (event) => this.pressed(event),
      });
      this.figures = lossary.SERIES.map((series) => {
        const svg = make("svg", { "aria-hidden": "true", "data-series": series });
        for (const kind of ["pointerdown", "pointermove"])
          svg.addEventListener(kind, (event) => this.pointed(event, svg));
        panels.append(make("figure", {}, make("figcaption", {}, TITLES[series]), svg));
        return svg;
      });
      return panels;
    }

    abscissa() {
      const along = lossary.alongOf(this.view, this.form);
      return lossary.isRow(this.form) && along ? `${lossary.first(this.form)}[${along}]`
                                               : this.form.abscissa;
    }

    // --- choices ------------------------------------------------------------------------------
    choices() {
      const found = make("div", { class: "choices" });
      if (this.free) found.append(this.abscissaChoice());
      for (const name of this.view.names) found.append(...this.formChoices(name));
      if (lossary.isRow(this.form)) found.append(...this.rowChoices());
      const [low, high] = lossary.bounds(this.view);
      for (const [name, value] of [["from", low], ["to", high]])
        found.append(make("label", {}, `${name} `, make("input", {
          type: "number", name, value: lossary.read(value), step: "any",
          onchange: (event) => {
            const given = Number(event.target.value);
            this.view[name] = event.target.value === "" || !Number.isFinite(given) ? null : given;
            this.redraw();
            this.remember();
          },
        })));
      return found;
    }

    /* What chooses among the forms of a loss: a box for each flag, a list for a number. */
    formChoices(name) {
      const forms = lossary.forms(name);
      const chosen = lossary.formOf(this.view, name).choice;
      const keys = [...new Set(forms.flatMap((form) => Object.keys(form.choice)))];
      return keys.map((key) => {
        const values = [...new Set(forms.map((form) => form.choice[key]))];
        const isFlag = values.every((value) => typeof value !== "number");
        const pick = (value) => this.pickForm(name, { ...chosen, [key]: value });
        const control = isFlag
          ? make("input", { type: "checkbox", name: key, "data-loss": name, checked: chosen[key] ? "" : null,
                            onchange: (event) => pick(values.find((v) => !!v === event.target.checked)) })
          : make("select", { name: key, "data-loss": name, onchange: (event) => pick(Number(event.target.value)) },
                 ...values.map((value) => make("option", { value, selected: value === chosen[key] ? "" : null },
                                               String(value))));
        const owner = this.view.names.length > 1 ? `${name} ` : "";
        const label = values.includes(undefined) ? `with ${key}` : key;
        return make("label", {}, ...(isFlag ? [control, ` ${owner}${label}`] : [`${owner}${label} `, control]));
      });
    }

    pickForm(name, choice) {
      const before = this.form.abscissa;
      const forms = lossary.forms(name);
      const same = (form) => Object.keys({ ...form.choice, ...choice })
        .every((key) => form.choice[key] === choice[key]);
      this.view.forms[name] = Math.max(0, forms.findIndex(same));
      const now = lossary.formOf(this.view, name).abscissa;
      if (now !== before) this.changeAbscissa(name, now);
      this.build();
      this.remember();
    }

    /* Take over another horizontal axis: losses that have no form over it leave. */
    changeAbscissa(name, abscissa) {
      const over = new Map(lossary.overSame(abscissa));
      const others = this.view.names.filter((other) => other !== name && over.has(other));
      for (const other of others) this.view.forms[other] = over.get(other);
      Object.assign(this.view, { names: [name, ...others], fixed: {}, x: null, from: null, to: null });
    }

    rowChoices() {
      const form = this.form;
      const length = lossary.rowLength(this.view, form);
      const list = (name, title, values, chosen, onchange) => make("label", {}, `${title} `,
        make("select", { name, onchange: (event) => onchange(Number(event.target.value)) },
             ...values.map(([value, text]) =>
               make("option", { value, selected: value === chosen ? "" : null }, text))));
      const places = [...Array(length).keys()].map((k) => [k, `${lossary.first(form)}[${k}]`]);
      const found = [list("along", "along", places, lossary.alongOf(this.view, form), (k) => this.turn(k))];
      if (form.resizable) {
        const counts = [2, 3, 4, 5].map((n) => [n, String(n)]);
        found.push(list("count", "elements", counts, length, (n) => {
          this.view.count = n;
          this.build();
          this.remember();
        }));
      }
      return found;
    }

    /* Let another element vary; the one that did keeps its value. */
    turn(k) {
      const [view, form] = [this.view, this.form];
      const before = lossary.alongOf(view, form);
      const x = lossary.cursor(view);
      const next = lossary.fixedValue(view, form, lossary.first(form), k);
      for (const name of view.names) {
        const argument = lossary.first(lossary.formOf(view, name));
        view.fixed[`${argument}.${before}`] = x;
        delete view.fixed[`${argument}.${k}`];
      }
      Object.assign(view, { along: k, x: next });
      this.build();
      this.remember();
    }

    abscissaChoice() {
      const groups = {};
      for (const found of Object.values(lossary.index)) groups[found[0]] = (groups[found[0]] ?? 0) + 1;
      const titles = Object.keys(groups).filter((title) => groups[title] > 1).sort();
      return make("label", {}, "over ", make("select", {
        name: "abscissa",
        onchange: async (event) => {
          const names = lossary.overSame(event.target.value).filter(([, form]) => form === 0)
            .slice(0, 3).map(([name]) => name);
          this.view = lossary.newView(names);
          await this.loaded();
          this.build();
          this.remember();
        },
      }, ...titles.map((title) =>
        make("option", { selected: title === this.form.abscissa ? "" : null }, title))));
    }

    // --- the key, and other losses --------------------------------------------------------------
    key() {
      const { names } = this.view;
      const chips = names.map((name, index) => make("span", { class: `key curve-${index}` }, name,
        ...(names.length > 1 && (this.free || index) ? [make("button", {
          type: "button", class: "remove", "aria-label": `remove ${name}`, "data-loss": name,
          onclick: () => this.remove(name),
        }, "×")] : [])));
      const others = lossary.overSame(this.form.abscissa)
        .filter(([name]) => !names.includes(name)).sort();
      if (!others.length || names.length >= MOST) return make("p", { class: "losses" }, ...chips);
      const add = make("select", {
        name: "add", "aria-label": "add a loss to compare with",
        onchange: (event) => this.add(event.target.value, Number(event.target.selectedOptions[0].dataset.form)),
      }, make("option", { value: "" }, "compare with…"),
        ...others.map(([name, form]) => make("option", { value: name, "data-form": form }, name)));
      return make("p", { class: "losses" }, ...chips, add);
    }

    async add(name, form) {
      if (!name) return;
      await lossary.load(name);
      this.view.names.push(name);
      if (form) this.view.forms[name] = form;
      this.build();
      this.remember();
    }

    remove(name) {
      this.view.names = this.view.names.filter((other) => other !== name);
      this.build();
      this.remember();
      this.panels.focus();
    }

    // --- sliders ------------------------------------------------------------------------------
    sliders() {
      const found = make("div", { class: "sliders" });
      for (const name of this.view.names) {
        const { parameters } = lossary.formOf(this.view, name);
        if (!parameters.length) continue;
        const title = this.view.names.length > 1 ? `parameters of ${name}` : "parameters";
        found.append(make("fieldset", {}, make("legend", {}, title),
          ...parameters.map((parameter) => this.parameterSlider(name, parameter))));
      }
      found.append(this.otherFieldset());
      return found;
    }

    otherFieldset() {
      const others = this.otherArguments();
      const title = make("legend", {}, "other arguments");
      return make("fieldset", { class: "others", hidden: others.length ? null : "" }, title, ...others);
    }

    parameterSlider(name, parameter) {
      const set = (value) => { (this.view.parameters[name] ??= {})[parameter.name] = value; };
      const value = lossary.parameterValue(this.view, name, parameter);
      return this.slider(parameter.name, parameter, value, set, name);
    }

    slider(title, range, value, set, loss = null) {
      const shown = make("output", {}, lossary.read(value));
      const input = make("input", {
        type: "range", name: title, "data-loss": loss, min: range.low, max: range.high,
        step: range.step, value: lossary.toSlider(range, value), "aria-valuetext": lossary.read(value),
        oninput: () => {
          const now = lossary.fromSlider(range, input.value);
          set(now);
          shown.value = lossary.read(now);
          input.setAttribute("aria-valuetext", shown.value);
          this.later();
          this.remember();
        },
      });
      return make("label", {}, make("span", {}, title), input, shown);
    }

    otherArguments() {
      const made = new Map();
      for (const name of this.view.names) {
        const form = lossary.formOf(this.view, name);
        for (const control of form.controls) {
          const { argument } = control;
          const varies = argument === lossary.first(form);
          if (!Array.isArray(form.arguments[argument])) {
            if (!varies && !made.has(argument)) made.set(argument, this.fixedControl(form, control, null));
            continue;
          }
          for (let k = 0; k < lossary.rowLength(this.view, form); k++) {
            const key = `${argument}.${k}`;
            if (!(varies && k === lossary.alongOf(this.view, form)) && !made.has(key))
              made.set(key, this.fixedControl(form, control, k));
          }
        }
      }
      return [...made.values()];
    }

    fixedControl(form, control, index) {
      const { argument } = control;
      const key = index === null ? argument : `${argument}.${index}`;
      const title = index === null ? argument : `${argument}[${index}]`;
      const set = (value) => { this.view.fixed[key] = value; };
      const value = lossary.fixedValue(this.view, form, argument, index);
      const options = control.labels
        ? [...Array(lossary.rowLength(this.view, form) + control.labels - 1).keys()] : control.options;
      if (!options) return this.slider(title, control, value, set);
      return make("label", {}, make("span", {}, title), make("select", {
        name: title,
        onchange: (event) => { set(Number(event.target.value)); this.redraw(); this.remember(); },
      }, ...options.map((option) =>
        make("option", { value: option, selected: option === value ? "" : null }, String(option)))));
    }

    /* Show the values of other arguments on their controls, where a drawing changed them. */
    showFixed() {
      const fieldset = this.element.querySelector("fieldset.others");
      fieldset?.replaceWith(this.otherFieldset());
    }

    // --- drawing ------------------------------------------------------------------------------
    /* Draw before the next frame, once. */
    later() {
      this.frame ??= requestAnimationFrame(() => { this.frame = null; this.redraw(); });
    }

    redraw() {
      this.lines = lossary.lines(this.view);
      const width = Math.max(200, this.figures[0].clientWidth || 320);
      const height = Math.round(Math.min(230, Math.max(150, 0.62 * width)));
      const [low, high] = lossary.bounds(this.view);
      const right = width - RIGHT, bottom = height - BOTTOM;
      this.across = (x) => LEFT + ((x - low) / (high - low)) * (right - LEFT);
      this.back = (place) => low + ((place - LEFT) / (right - LEFT)) * (high - low);
      this.down = {};
      for (const svg of this.figures) {
        const { series } = svg.dataset;
        const [least, most] = lossary.range(this.lines.flatMap((line) => line.curve[series]));
        const down = (y) => bottom - ((y - least) / (most - least)) * (bottom - TOP);
        this.down[series] = { down, top: TOP, bottom };
        svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        svg.setAttribute("height", height);
        svg.replaceChildren(...this.grid([low, high], [least, most], down, right, bottom),
                            ...this.lines.flatMap((line) => this.drawn(line, series, down, height)),
                            make("g", { class: "cursor" }));
      }
      this.moved();
    }

    grid(x, y, down, right, bottom) {
      const found = [];
      for (const value of lossary.ticks(...x, 6)) {
        const place = this.across(value).toFixed(1);
        found.push(make("path", { class: "grid", d: `M${place} ${TOP}V${bottom}` }),
                   make("text", { x: place, y: bottom + 16, "text-anchor": "middle" }, lossary.read(value)));
      }
      for (const value of lossary.ticks(...y, 5)) {
        const place = down(value).toFixed(1);
        found.push(make("path", { class: value === 0 ? "zero" : "grid", d: `M${LEFT} ${place}H${right}` }),
                   make("text", { x: LEFT - 6, y: Number(place) + 4, "text-anchor": "end" }, lossary.read(value, 4)));
      }
      return found;
    }

    /* The line of a curve, cut where it leaves the panel; a point that is alone is a dot. */
    drawn(line, series, down, height) {
      const near = (y) => Math.min(Math.max(down(y), -height), 2 * height).toFixed(1);
      const style = `curve-${line.index}${line.dashed ? " dashed" : ""}`;
      const pieces = lossary.pieces(line.curve.x, line.curve[series]);
      const path = pieces.filter((points) => points.length > 1).map((points) =>
        "M" + points.map(([x, y]) => `${this.across(x).toFixed(1)} ${near(y)}`).join("L")).join("");
      const dots = pieces.filter((points) => points.length === 1).map(([[x, y]]) =>
        make("circle", { class: style, cx: this.across(x).toFixed(1), cy: near(y), r: 3 }));
      return [make("path", { class: style, d: path }), ...dots];
    }

    // --- the cursor ---------------------------------------------------------------------------
    /* Show the cursor and the values at it. */
    moved() {
      const x = lossary.cursor(this.view);
      this.found = this.lines.map((line) => ({
        ...line, at: lossary.at(this.view, line.name, x, line.dashed ?? {}),
      }));
      for (const svg of this.figures) this.mark(svg, x);
      this.tell(x);
      this.drawing?.update();
      this.link.href = this.hash() || "#";
    }

    hash() { return lossary.toHash(this.view, this.names, this.extra()); }

    mark(svg, x) {
      const { down, top, bottom } = this.down[svg.dataset.series];
      const place = this.across(x).toFixed(1);
      const dots = this.found
        .map((line) => [line.index, down(line.at[svg.dataset.series])])
        .filter(([, y]) => y >= top - 6 && y <= bottom + 6)
        .map(([index, y]) => make("circle", { class: `curve-${index}`, cx: place, cy: y.toFixed(1), r: 4 }));
      svg.querySelector(".cursor").replaceChildren(
        make("path", { class: "at", d: `M${place} ${top}V${bottom}` }), ...dots);
    }

    tell(x) {
      const title = (line) => {
        if (line.dashed) return Object.entries(line.dashed).map((pair) => pair.join(" ")).join(", ");
        return line.name;
      };
      const rows = this.found.map((line) => make("tr", {},
        make("th", { scope: "row" },
             make("span", { class: `key curve-${line.index}${line.dashed ? " dashed" : ""}` }, title(line))),
        ...lossary.SERIES.map((series) =>
          make("td", { "data-series": series }, lossary.read(line.at[series])))));
      const head = make("tr", {}, make("th", { scope: "col" }, `${this.abscissa()} = ${lossary.read(x, 4)}`),
                        ...lossary.SERIES.map((series) => make("th", { scope: "col" }, TITLES[series])));
      this.readout.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
      const [low, high] = lossary.bounds(this.view);
      const words = this.found.map((line) => `${title(line)}: ` + lossary.SERIES
        .map((series) => `${TITLES[series]} ${lossary.read(line.at[series], 4)}`).join(", "));
      const states = { "aria-valuemin": low, "aria-valuemax": high, "aria-valuenow": x,
                       "aria-valuetext": `${lossary.read(x, 4)}. ${words.join("; ")}` };
      for (const [name, value] of Object.entries(states)) this.panels.setAttribute(name, value);
    }

    go(x) {
      const [low, high] = lossary.bounds(this.view);
      const [least, largest] = lossary.domain(this.form);
      const inside = Math.min(Math.max(x, low, least), high, largest);
      this.view.x = Number(inside.toPrecision(6));
      this.moved();
    }

    pointed(event, svg) {
      if (event.type === "pointermove" && event.pointerType !== "mouse" && !event.buttons) return;
      const box = svg.getBoundingClientRect();
      const x = this.back(event.clientX - box.left);
      const [low, high] = lossary.bounds(this.view);
      const unit = 10 ** Math.floor(Math.log10((high - low) / 300));
      this.go(Math.round(x / unit) * unit);
      if (event.type === "pointerdown") this.remember();
    }

    pressed(event) {
      const [low, high] = lossary.bounds(this.view);
      const step = (high - low) / (event.shiftKey ? 20 : 200);
      const x = lossary.cursor(this.view);
      const places = { ArrowRight: x + step, ArrowUp: x + step, ArrowLeft: x - step, ArrowDown: x - step,
                       PageUp: x + 20 * step, PageDown: x - 20 * step, Home: low, End: high };
      if (!(event.key in places) || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      this.go(places[event.key]);
      this.remember();
    }

    /* Keep the view in the address, a moment after the last change. */
    remember() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        const hash = this.hash();
        this.link.href = hash || "#";
        history.replaceState(null, "", hash || location.pathname + location.search);
      }, 250);
    }
  }

  lossary.make = make;
  lossary.LossPlot = LossPlot;

  document.addEventListener("DOMContentLoaded", () => {
    for (const element of document.querySelectorAll(".loss-plot[data-losses]"))
      new LossPlot(element, element.dataset.losses.split(" "), { free: "free" in element.dataset }).start();
  });
})();
