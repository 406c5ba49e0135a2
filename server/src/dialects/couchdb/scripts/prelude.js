// What functions of design documents find around them. Evaluated once in each engine; answers with a function that takes a
// design document, where in it the function is, what kind that is, and `req`, and answers with one that judges documents.
(function () {
  "use strict";
  // What functions do to the globals must not reach what is used here.
  const parse = JSON.parse, stringify = JSON.stringify, evaluate = (0, eval);
  let emitted = false;

  globalThis.emit = function () { emitted = true; };
  globalThis.log = function () {};
  globalThis.isArray = Array.isArray;
  globalThis.toJSON = stringify;
  globalThis.sum = function (values) {
    let total = 0;
    for (let at = 0; at < values.length; at++) total += values[at];
    return total;
  };

  function compile(source) {
    return evaluate("(" + source.replace(/[\s;]+$/, "") + "\n)");
  }

  // Modules of a design document: texts at a path, with paths relative to their own.
  function requirer(design, base) {
    const loaded = new Map();
    function walk(base, path) {
      const names = path[0] === "." ? base.slice() : [];
      for (const name of path.split("/")) {
        if (name === "..") names.pop();
        else if (name !== "." && name !== "") names.push(name);
      }
      return names;
    }
    function requireFrom(base) {
      return function (path) {
        const names = walk(base, String(path));
        const id = names.join("/");
        if (loaded.has(id)) return loaded.get(id).exports;
        let source = design;
        for (const name of names) {
          if (source === null || typeof source !== "object" || !Object.hasOwn(source, name)) source = undefined;
          else source = source[name];
        }
        if (typeof source !== "string") throw new Error("there is no module " + id);
        const module = { id: id, exports: {} };
        loaded.set(id, module);
        const body = evaluate("(function (module, exports, require) {" + source + "\n})");
        body.call(module.exports, module, module.exports, requireFrom(names.slice(0, -1)));
        return module.exports;
      };
    }
    return requireFrom(base);
  }

  function shown(thrown) {
    if (thrown instanceof Error) return thrown.name + ": " + thrown.message;
    const text = typeof thrown === "string" ? thrown : stringify(thrown);
    return String(text).slice(0, 1000);
  }

  return function (designText, kind, name, reqText) {
    const design = parse(designText), req = parse(reqText);
    globalThis.require = requirer(design, []);
    const judge = compile(kind === "view" ? design.views[name].map : design.filters[name]);
    if (typeof judge !== "function") throw new TypeError("it evaluates to " + typeof judge);
    return function (documentText) {
      emitted = false;
      const document = parse(documentText);
      try {
        const answer = kind === "view" ? judge.call(design, document) : judge.call(design, document, req);
        return kind === "view" ? emitted : Boolean(answer);
      } catch (thrown) {
        return shown(thrown);
      }
    };
  };
})()
