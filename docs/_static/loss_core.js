/* What a plot computes, apart from the page: losses and their forms, curves, a view as a link.

   The script of a loss calls lossary.add with the forms of its formula; each has the loss as a
   function (compute) and what a plot needs to know. A view keeps only what differs from that:
   names: losses; forms, parameters: by loss; fixed: values of arguments that do not vary, such as
   "targets" or "logits.1"; along: which element varies; count: the length of rows; x: where the
   cursor is; from, to: the range of the horizontal axis. */
"use strict";

globalThis.lossary ??= {};

(() => {
  const POINTS = 480;
  const SERIES = ["value", "gradient", "hessian"];
  const folder = globalThis.document?.currentScript
    ? new URL("losses/", document.currentScript.src).href
    : "";
  const known = new Map();
  const loading = new Map();

  // --- losses ---------------------------------------------------------------------------------
  const add = (name, forms) => known.set(name, forms);
  const isKnown = (name) => known.has(name);

  /* Load the script of a loss by an element, which works for files that no server sends, too. */
  function load(name) {
    if (known.has(name)) return Promise.resolve();
    if (!loading.has(name)) {
      loading.set(name, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = `${folder}${name}.js`;
        script.onload = resolve;
        script.onerror = () => { loading.delete(name); reject(new Error(`no script of ${name}`)); };
        document.head.append(script);
      }));
    }
    return loading.get(name);
  }

  const forms = (name) => known.get(name);
  const formOf = (view, name) => forms(name)[view.forms[name] ?? 0] ?? forms(name)[0];
  const first = (form) => Object.keys(form.arguments)[0];

  function newView(names) {
    return { names: [...names], forms: {}, parameters: {}, fixed: {}, along: null, count: null,
             x: null, from: null, to: null };
  }

  // --- values ---------------------------------------------------------------------------------
  const base = (view) => formOf(view, view.names[0]);
  const isRow = (form) => Array.isArray(form.arguments[first(form)]);
  const rowLength = (view, form) =>
    form.resizable ? view.count ?? form.arguments[first(form)].length : form.arguments[first(form)].length;
  const alongOf = (view, form) => Math.min(view.along ?? 0, rowLength(view, form) - 1);

  function bounds(view) {
    const all = view.names.map((name) => formOf(view, name).bounds);
    const low = view.from ?? Math.min(...all.map((pair) => pair[0]));
    const high = view.to ?? Math.max(...all.map((pair) => pair[1]));
    return low < high ? [low, high] : [low, low + 1];
  }

  function startingX(form) {
    const [low, high] = form.bounds;
    return form.start ?? Number((low + 0.6 * (high - low)).toFixed(2));
  }

  const cursor = (view) => view.x ?? startingX(base(view));

  /* The value of one element of a row, or of a number, where it does not vary. */
  function fixedValue(view, form, argument, index) {
    const written = form.arguments[argument];
    const key = index === null ? argument : `${argument}.${index}`;
    if (key in view.fixed) return view.fixed[key];
    const value = index === null ? written : written[Math.min(index, written.length - 1)];
    return value === "x" ? startingX(form) : value;
  }

  const parameterValue = (view, name, parameter) =>
    view.parameters[name]?.[parameter.name] ?? parameter.value;

  /* The arguments and parameters of a loss at x; fixed ones may be replaced. */
  function given(view, name, x, replaced = {}) {
    const form = formOf(view, name);
    const call = {};
    for (const [argument, written] of Object.entries(form.arguments)) {
      const varies = argument === first(form);
      if (!Array.isArray(written)) {
        call[argument] = varies ? x : replaced[argument] ?? fixedValue(view, form, argument, null);
        continue;
      }
      const along = alongOf(view, form);
      call[argument] = Array.from({ length: rowLength(view, form) }, (_, k) =>
        varies && k === along ? x : replaced[argument]?.[k] ?? fixedValue(view, form, argument, k));
    }
    for (const argument of form.ones) call[argument] = Array(rowLength(view, form)).fill(1);
    for (const parameter of form.parameters)
      call[parameter.name] = parameterValue(view, name, parameter);
    return call;
  }

  /* Value, gradient and Hessian of a loss at x, the latter with respect to what varies. */
  function at(view, name, x, replaced) {
    const form = formOf(view, name);
    const call = given(view, name, x, replaced);
    if (form.drawing === "boxes" && !isBox(call[first(form)]))
      return { value: NaN, gradient: NaN, hessian: NaN };
    const found = form.compute(call);
    if (!isRow(form)) return found;
    const k = alongOf(view, form);
    return { value: found.value, gradient: found.gradient[k], hessian: found.hessian[k] };
  }

  const isBox = ([x1, y1, x2, y2]) => x1 <= x2 && y1 <= y2;

  // --- curves ---------------------------------------------------------------------------------
  function domain(form) {
    return [form.domain[0] ?? -Infinity, form.domain[1] ?? Infinity];
  }

  function curve(view, name, replaced) {
    const [low, high] = bounds(view);
    const [least, largest] = domain(formOf(view, name));
    const found = { name, x: [], value: [], gradient: [], hessian: [] };
    for (let i = 0; i <= POINTS; i++) {
      const x = Number((low + ((high - low) * i) / POINTS).toPrecision(12));
      if (x < least || x > largest) continue;
      const results = at(view, name, x, replaced);
      found.x.push(x);
      for (const series of SERIES) found[series].push(results[series]);
    }
    return found;
  }

  /* The lines of a plot: one for each loss, and for a single one a dashed line of its other target. */
  function lines(view) {
    const found = view.names.map((name, index) => ({ name, index, dashed: null }));
    const other = view.names.length === 1 ? base(view).dashed : null;
    const isFixed = (key) => Object.keys(view.fixed).some((name) => name.split(".")[0] === key);
    if (other && !Object.keys(other).some(isFixed))
      found.push({ name: view.names[0], index: 0, dashed: other });
    return found.map((line) => ({ ...line, curve: curve(view, line.name, line.dashed ?? {}) }));
  }

  /* Where a curve is cut: before a step far larger than those beside it, and where it has no value. */
  function pieces(x, y) {
    const step = y.slice(1).map((value, i) => Math.abs(value - y[i]));
    const finite = y.filter(Number.isFinite);
    const span = Math.max(...finite) - Math.min(...finite) || 1;
    const found = [];
    let piece = [];
    for (let i = 0; i < y.length; i++) {
      const beside = Math.min(...[step[i - 2], step[i]].filter(Number.isFinite));
      if (i && step[i - 1] > 0.02 * span && step[i - 1] > 8 * beside) {
        found.push(piece);
        piece = [];
      }
      if (Number.isFinite(y[i])) piece.push([x[i], y[i]]);
      else if (piece.length) { found.push(piece); piece = []; }
    }
    found.push(piece);
    return found.filter((points) => points.length);
  }

  /* The range of a vertical axis: all values and 0; where few values are far away, the others. */
  function range(values) {
    const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
    if (!sorted.length) return [-1, 1];
    const quantile = (share) => sorted[Math.round(share * (sorted.length - 1))];
    let [low, high] = [Math.min(0, sorted[0]), Math.max(0, sorted[sorted.length - 1])];
    const [near, far] = [Math.min(0, quantile(0.04)), Math.max(0, quantile(0.96))];
    if (far > near && high - low > 4 * (far - near)) {
      const room = 0.25 * (far - near);
      [low, high] = [Math.max(low, near - room), Math.min(high, far + room)];
    }
    if (low === high) return [-1, 1];
    const margin = 0.05 * (high - low);
    return [low < 0 ? low - margin : low, high > 0 ? high + margin : high];
  }

  /* Round numbers in a range, at most so many. */
  function ticks(low, high, most = 7) {
    const unit = 10 ** Math.floor(Math.log10((high - low) / most));
    const step = unit * [1, 2, 2.5, 5, 10].find((size) => (high - low) / (unit * size) <= most);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k <= high / step + 1e-9; k++)
      found.push(Number((k * step).toPrecision(12)));
    return found;
  }

  /* A number for reading, of at most so many digits. */
  function read(value, digits = 6) {
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
    return String(Number(value.toPrecision(digits)));
  }

  // --- sliders --------------------------------------------------------------------------------
  /* The nearest value that a parameter may have; there may be a gap between two ranges. */
  function allowed(parameter, value) {
    const inside = Math.min(Math.max(value, least(parameter)), largest(parameter));
    if (!parameter.gap) return inside;
    const [low, high] = parameter.gap;
    if (inside <= low || inside >= high) return inside;
    return inside - low < high - inside ? low : high;
  }

  const least = (p) => (p.logarithmic ? 10 ** p.low : p.low);
  const largest = (p) => (p.logarithmic ? 10 ** p.high : p.high);
  const toSlider = (p, value) => (p.logarithmic ? Math.log10(value) : value);
  const fromSlider = (p, place) =>
    allowed(p, p.logarithmic ? Number((10 ** place).toPrecision(2)) : Number(place));

  // --- links ----------------------------------------------------------------------------------
  const START = "#plot?";
  const PLAIN = ["x", "from", "to", "along", "count"];

  /* A view as the part of a link after its page; "" for the view that a page begins with. */
  function toHash(view, names, extra = {}) {
    const found = new URLSearchParams(extra);
    if (view.names.join() !== names.join()) found.set("losses", view.names.join(" "));
    for (const name of PLAIN) if (view[name] !== null) found.set(name, view[name]);
    for (const [key, value] of Object.entries(view.fixed)) found.set(key, value);
    for (const name of view.names) {
      if (view.forms[name]) found.set(`${name}.form`, view.forms[name]);
      for (const [key, value] of Object.entries(view.parameters[name] ?? {}))
        found.set(`${name}.${key}`, value);
    }
    const text = found.toString();
    return text ? START + text : "";
  }

  /* The view of a link; what is no number and no loss is left out. */
  function fromHash(hash, names) {
    const view = newView(names);
    if (!hash.startsWith(START)) return view;
    const given = new URLSearchParams(hash.slice(START.length));
    const losses = (given.get("losses") ?? "").split(" ").filter(isLoss);
    if (losses.length) view.names = [...new Set(losses)];
    for (const [key, text] of given) {
      const value = Number(text);
      const [name, parameter] = key.split(".");
      if (text === "" || !Number.isFinite(value)) continue;
      if (PLAIN.includes(key)) view[key] = value;
      else if (!isLoss(name)) view.fixed[key] = value;
      else if (parameter === "form") view.forms[name] = value;
      else (view.parameters[name] ??= {})[parameter] = value;
    }
    return tidied(view);
  }

  const isLoss = (name) => known.has(name) || name in (lossary.index ?? {});
  const isWhole = (value, low, high) => Number.isInteger(value) && low <= value && value <= high;

  /* Drop what no view has. */
  function tidied(view) {
    if (!isWhole(view.count, 1, 8)) view.count = null;
    if (!isWhole(view.along, 0, 7)) view.along = null;
    return view;
  }

  /* Bring what a link gave into the ranges of the losses, once these are loaded. */
  function limited(view) {
    for (const name of view.names) {
      if (!forms(name)[view.forms[name] ?? 0]) delete view.forms[name];
      const values = view.parameters[name] ?? {};
      for (const key of Object.keys(values)) {
        const parameter = formOf(view, name).parameters.find((item) => item.name === key);
        if (parameter) values[key] = allowed(parameter, values[key]);
        else delete values[key];
      }
    }
    return view;
  }

  /* The losses that have a form over the same abscissa, and the number of that form. */
  function overSame(abscissa) {
    return Object.entries(lossary.index ?? {})
      .map(([name, found]) => [name, found.indexOf(abscissa)])
      .filter(([, form]) => form >= 0);
  }

  Object.assign(lossary, {
    SERIES, add, load, isKnown, forms, formOf, first, newView, base, isRow, rowLength, alongOf,
    bounds, cursor, fixedValue, parameterValue, given, at, domain, lines, pieces, range, ticks,
    read, toSlider, fromSlider, toHash, fromHash, limited, overSame,
  });
})();
