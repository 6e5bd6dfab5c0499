/* Formulas in the words of lossary.formula: read, checked, and computed with their derivatives.

   A number that depends on the first argument is a jet: value, first and second derivative. The
   words are those of lossary.words, printed from the package's own table. */
"use strict";

globalThis.lossary ??= {};

(() => {
  const ARGUMENTS = ["inputs", "targets"];
  const TOKEN = /(?<space>[ \t]+|#.*)|(?<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?<name>[A-Za-z_]\w*)|(?<sign>\*\*|<=|>=|==|!=|\/\/|[-+*\/<>=(),&|~%@^\[\]{}:.!])/y;
  const REFUSED = {
    and: "Use & between conditions in parentheses.", or: "Use | between conditions in parentheses.",
    not: "Use ~ before a condition in parentheses.", if: "Use where(condition, a, b).",
    else: "Use where(condition, a, b).", lambda: "Write the formula itself.",
    for: "A formula has no loops.", import: "All words are there without import.",
    max: "Use maximum(a, b).", min: "Use minimum(a, b).", math: "Use exp, log and so on without math.",
    np: "Use exp, log and so on without np.", def: "Write only what the function returns.",
    "//": "Use / for a quotient.", "%": "A formula has no remainder.", "@": "Write * for a product.",
    "^": "Use ** for a power.", "[": "A formula has no indices.", ".": "A formula has no attributes.",
    "!": "Use ~ before a condition in parentheses.",
  };

  /* What is wrong with a formula, and where: the first character is 0. */
  class FormulaError extends Error {
    constructor(message, line, column, length = 1) {
      super(message);
      Object.assign(this, { line, column, length });
    }
  }

  const refuse = (message, token) => {
    throw new FormulaError(message, token.line, token.column, Math.max(1, token.text.length));
  };

  // --- reading --------------------------------------------------------------------------------
  function tokens(text, line) {
    const found = [];
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length;) {
      const column = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (!match) refuse("This character has no meaning in a formula.", { line, column, text: text[column] });
      const [kind] = Object.entries(match.groups).find(([, value]) => value !== undefined);
      if (kind !== "space") found.push({ kind, text: match[0], line, column });
    }
    found.push({ kind: "end", text: "", line, column: text.trimEnd().length });
    return found;
  }

  /* A line of a formula as a tree; operators bind as in Python. */
  class Reader {
    constructor(text, line) {
      this.tokens = tokens(text, line);
      this.place = 0;
    }

    get next() { return this.tokens[this.place]; }

    take(...texts) {
      if (this.next.kind === "number" || this.next.kind === "name" || !texts.includes(this.next.text)) return null;
      return this.tokens[this.place++];
    }

    expect(text) {
      if (!this.take(text)) this.unexpected(`Expected ${text} here.`);
    }

    unexpected(message) {
      const token = this.next;
      refuse(Object.hasOwn(REFUSED, token.text) ? REFUSED[token.text] : message, token);
    }

    whole() {
      const tree = this.comparison();
      if (this.next.kind !== "end") {
        this.unexpected(this.next.text === ")" ? "This parenthesis was not opened." : "Expected an operator here.");
      }
      return tree;
    }

    comparison() {
      const left = this.joined("|", () => this.joined("&", () => this.sum()));
      const sign = this.take("<", "<=", ">", ">=", "==", "!=");
      if (!sign) return left;
      const right = this.joined("|", () => this.joined("&", () => this.sum()));
      if (["<", "<=", ">", ">=", "==", "!="].includes(this.next.text))
        refuse("Comparisons do not chain: write (a < b) & (b < c).", this.next);
      return { kind: "compare", token: sign, parts: [left, right] };
    }

    joined(text, part) {
      let left = part();
      for (let sign; (sign = this.take(text));) left = { kind: "join", token: sign, parts: [left, part()] };
      return left;
    }

    sum() { return this.chain(["+", "-"], () => this.product()); }

    product() { return this.chain(["*", "/"], () => this.signed()); }

    chain(signs, part) {
      let left = part();
      for (let sign; (sign = this.take(...signs));)
        left = { kind: "call", word: sign.text, token: sign, parts: [left, part()] };
      return left;
    }

    signed() {
      const sign = this.take("-", "+", "~");
      if (!sign) return this.power();
      const part = this.signed();
      if (sign.text === "+") return part;
      if (sign.text === "~") return { kind: "not", token: sign, parts: [part] };
      return { kind: "call", word: "negative", token: sign, parts: [part] };
    }

    power() {
      const base = this.atom();
      const sign = this.take("**");
      return sign ? { kind: "call", word: "**", token: sign, parts: [base, this.signed()] } : base;
    }

    atom() {
      const token = this.next;
      if (token.kind === "number") {
        this.place++;
        return { kind: "number", token, value: Number(token.text) };
      }
      if (this.take("(")) {
        const inner = this.comparison();
        this.expect(")");
        return inner;
      }
      if (token.kind !== "name") this.unexpected("Expected a number, a name or a parenthesis here.");
      this.place++;
      return this.take("(") ? this.call(token) : { kind: "name", token, name: token.text };
    }

    call(token) {
      const parts = [];
      if (!this.take(")")) {
        do parts.push(this.comparison()); while (this.take(","));
        this.expect(")");
      }
      return { kind: "call", word: token.text, token, parts };
    }
  }

  // --- checking -------------------------------------------------------------------------------
  /* The formula of some lines: parameters with numbers, names for parts, and what is returned. */
  function parse(text) {
    const parameters = [], parts = [];
    const known = new Map(ARGUMENTS.map((name) => [name, { isConstant: false, isCondition: false }]));
    let result = null;
    text.split("\n").forEach((written, line) => {
      if (!written.replace(/#.*/, "").trim()) return;
      if (result) refuse("The line before returns the loss: give it a name, such as r = ....",
                         { line, column: 0, text: written });
      const found = /^\s*([A-Za-z_]\w*)\s*=(?!=)/.exec(written);
      const start = found ? found[0].length : /^\s*return\b/.exec(written)?.[0].length ?? 0;
      const reader = new Reader(" ".repeat(start) + written.slice(start), line);
      const tree = reader.whole();
      const facts = checked(tree, known);
      if (!found) {
        if (facts.isCondition) refuse("A loss is a number, not a condition.", tree.token);
        result = tree;
        return;
      }
      const name = found[1];
      const token = { line, column: written.indexOf(name), text: name };
      if (known.has(name)) refuse(`The name ${name} is taken.`, token);
      if (isWord(name) || Object.hasOwn(REFUSED, name)) refuse(`${name} is a word: choose another name.`, token);
      known.set(name, facts);
      const number = constantNumber(tree);
      if (number === null) parts.push({ name, tree, written: written.slice(start).trim() });
      else parameters.push({ name, value: number, line });
    });
    if (!result) throw new FormulaError("The last line must be the loss, such as (inputs - targets) ** 2.", 0, 0);
    if (!uses(result, "inputs", parts)) {
      const { line } = result.token;
      refuse("The loss must depend on inputs.", { line, column: 0, text: text.split("\n")[line] });
    }
    return { parameters, parts, result, text };
  }

  const isWord = (name) => Object.hasOwn(lossary.words, name) || name === "where" || name === "is_finite"
    || lossary.otherWords.includes(name);

  function constantNumber(tree) {
    if (tree.kind === "number") return tree.value;
    if (tree.word === "negative" && tree.parts[0].kind === "number") return -tree.parts[0].value;
    return null;
  }

  function uses(tree, name, parts) {
    if (tree.kind === "name")
      return tree.name === name || parts.some((part) => part.name === tree.name && uses(part.tree, name, parts));
    return (tree.parts ?? []).some((part) => uses(part, name, parts));
  }

  /* Whether a tree is a condition, and whether it is constant; errors for what it is not. */
  function checked(tree, known) {
    if (tree.kind === "number") return { isConstant: true, isCondition: false };
    if (tree.kind === "name") return checkedName(tree, known);
    const facts = tree.parts.map((part) => checked(part, known));
    const isConstant = facts.every((fact) => fact.isConstant);
    if (tree.kind === "join" || tree.kind === "not") {
      need(facts, tree, facts.map(() => true));
      return { isConstant, isCondition: true };
    }
    if (tree.kind === "compare") {
      need(facts, tree, [false, false]);
      return { isConstant, isCondition: true };
    }
    checkedWord(tree);
    need(facts, tree, facts.map((_, k) => tree.word === "where" && k === 0));
    tree.limited = facts.length > 1 && !facts[0].isConstant && facts.slice(1).every((fact) => fact.isConstant);
    return { isConstant, isCondition: tree.word === "is_finite" };
  }

  function need(facts, tree, conditions) {
    conditions.forEach((isCondition, k) => {
      if (facts[k].isCondition === isCondition) return;
      const message = isCondition ? "Expected a condition here, such as (inputs > 0)."
                                  : "Expected a number here: choose with where(condition, a, b).";
      refuse(message, tree.parts[k].token);
    });
  }

  function checkedName(tree, known) {
    const { name, token } = tree;
    if (known.has(name)) return known.get(name);
    if (isWord(name)) refuse(`${name} is a function: write ${name}(...).`, token);
    if (Object.hasOwn(REFUSED, name)) refuse(REFUSED[name], token);
    const close = nearest(name, [...known.keys()]);
    refuse(`${name} is not known. ${close ? `Did you mean ${close}?`
      : `A line "${name} = 1.0" before makes it a parameter.`}`, token);
  }

  function checkedWord({ word, token, parts }) {
    const count = { where: 3, is_finite: 1 }[word]
      ?? (Object.hasOwn(lossary.words, word) ? lossary.words[word].count : null);
    if (count === null) {
      if (lossary.otherWords.includes(word))
        refuse(`${word} is a word of lossary.formula that this page does not have.`, token);
      if (Object.hasOwn(REFUSED, word)) refuse(REFUSED[word], token);
      const close = nearest(word, Object.keys(lossary.words).filter((name) => /^\w+$/.test(name)));
      refuse(`There is no function ${word}.${close ? ` Did you mean ${close}?` : ""}`, token);
    }
    if (parts.length !== count)
      refuse(`${word}() takes ${count} value${count === 1 ? "" : "s"}, got ${parts.length}.`, token);
  }

  /* The name that differs by few letters. */
  function nearest(name, names) {
    const far = names.map((other) => [distance(name, other), other]).sort((a, b) => a[0] - b[0])[0];
    return far && far[0] <= Math.max(1, name.length / 3) ? far[1] : null;
  }

  function distance(a, b) {
    let row = [...Array(b.length + 1).keys()];
    for (let i = 1; i <= a.length; i++) {
      const next = [i];
      for (let j = 1; j <= b.length; j++)
        next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] !== b[j - 1]));
      row = next;
    }
    return row[b.length];
  }

  // --- computing ------------------------------------------------------------------------------
  const product = (a, b) => (a === 0 || b === 0 ? 0 : a * b);
  const constant = (value) => [value, 0, 0];

  /* A word of jets, by the chain rule. */
  function applied(word, jets) {
    const [value, first, second] = word(...jets.map((jet) => jet[0]));
    let slope = 0, bend = 0, pair = 0;
    first.forEach((partial, i) => {
      slope += product(partial, jets[i][1]);
      bend += product(partial, jets[i][2]);
    });
    for (let i = 0; i < first.length; i++)
      for (let j = i; j < first.length; j++)
        bend += (i === j ? 1 : 2) * product(second[pair++], product(jets[i][1], jets[j][1]));
    return [value, slope, bend];
  }

  const COMPARE = {
    "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
    "==": (a, b) => a === b, "!=": (a, b) => a !== b,
  };

  function computed(tree, values) {
    if (tree.kind === "number") return constant(tree.value);
    if (tree.kind === "name") return values[tree.name];
    const parts = tree.parts.map((part) => computed(part, values));
    if (tree.kind === "compare") return COMPARE[tree.token.text](parts[0][0], parts[1][0]);
    if (tree.kind === "join") return tree.token.text === "&" ? parts[0] && parts[1] : parts[0] || parts[1];
    if (tree.kind === "not") return !parts[0];
    if (tree.word === "where") return parts[0] ? parts[1] : parts[2];
    if (tree.word === "is_finite") return Number.isFinite(parts[0][0]);
    const { forms } = lossary.words[tree.word];
    return applied(forms[tree.limited && forms.length > 1 ? 1 : 0], parts);
  }

  /* The function of a formula: value, gradient and Hessian with respect to inputs. */
  function compile({ parameters, parts, result }) {
    return (given) => {
      const values = { inputs: [given.inputs, 1, 0], targets: constant(given.targets) };
      for (const { name, value } of parameters) values[name] = constant(given[name] ?? value);
      for (const { name, tree } of parts) values[name] = computed(tree, values);
      const [value, gradient, hessian] = computed(result, values);
      return { value, gradient, hessian };
    };
  }

  // --- Python ---------------------------------------------------------------------------------
  function wordsOf(tree) {
    return [...(tree.kind === "call" && /^\w+$/.test(tree.word) ? [tree.word] : []),
            ...(tree.parts ?? []).flatMap(wordsOf)];
  }

  const decimal = (value) => (Number.isInteger(value) && Math.abs(value) < 1e15 ? `${value}.0` : String(value));

  /* The formula as a loss in Python, ready to be copied. */
  function toPython(parsed, name = "my_loss") {
    const { parameters, parts, result, text } = parsed;
    const used = [...new Set([...parts.map((part) => part.tree), result].flatMap(wordsOf))]
      .filter((word) => word !== "abs" && word !== "negative").sort();
    const given = ["inputs", "targets", ...parameters.map((p) => `${p.name}=${decimal(p.value)}`)];
    const last = text.split("\n")[result.token.line].replace(/#.*/, "").trim().replace(/^return\b\s*/, "");
    return [
      "import lossary",
      ...(used.length ? [`from lossary.formula import ${used.join(", ")}`] : []),
      "", "",
      "@lossary.loss",
      `def ${name}(${given.join(", ")}):`,
      '    """A loss of my own."""',
      ...parts.map((part) => `    ${part.name} = ${part.written.replace(/#.*/, "").trim()}`),
      `    return ${last}`,
      "",
    ].join("\n");
  }

  Object.assign(lossary, { FormulaError, parseFormula: parse, compileFormula: compile, toPython });
})();
