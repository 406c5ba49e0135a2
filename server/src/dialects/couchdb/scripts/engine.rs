//! One function in an engine of its own, with limits on time and memory.
//!
//! Owns QuickJS: nothing else here knows it. A function that has exceeded a limit is not run again; its engine is dropped.
//! Lives on one thread. Tested at the end of this file.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use rquickjs::{Context, Ctx, Error, Function, Persistent, Runtime, Value};

use super::error::ScriptError;

/// Stack of a function, in bytes.
const STACK_BYTES_MAX: usize = 256 << 10;

/// What is run before any function.
const PRELUDE: &str = include_str!("prelude.js");

/// Whether a function of a design document lets pass or emits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// `filters.NAME`
    Filter,
    /// `views.NAME.map`
    View,
}

/// A function, and with what it is run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Script {
    /// The design document as JSON.
    pub(super) design: String,
    pub(super) kind: Kind,
    pub(super) name: String,
    /// `req` as JSON.
    pub(super) req: String,
    /// What it is called in errors.
    pub(super) shown: String,
}

/// What a function may use for one document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScriptLimits {
    pub(crate) time_ms_max: u64,
    pub(crate) memory_bytes_max: u64,
}

/// See the module.
pub(super) struct Engine {
    judge: Persistent<Function<'static>>,
    context: Context,
    shown: String,
    limits: ScriptLimits,
    clock: Rc<Clock>,
}

/// When the function has to be done.
struct Clock {
    deadline: Cell<Instant>,
    is_over: Cell<bool>,
}

impl Clock {
    fn wind(&self, time_ms: u64) {
        self.deadline.set(Instant::now() + Duration::from_millis(time_ms));
        self.is_over.set(false);
    }

    /// Whether the time is over; asked by the engine now and then.
    fn look(&self) -> bool {
        if Instant::now() >= self.deadline.get() {
            self.is_over.set(true);
        }
        self.is_over.get()
    }
}

impl Engine {
    /// Compiles a function.
    pub(super) fn new(script: &Script, limits: ScriptLimits) -> Result<Self, ScriptError> {
        let clock = Rc::new(Clock { deadline: Cell::new(Instant::now()), is_over: Cell::new(false) });
        let failed = |what: String| ScriptError::Compile { function: script.shown.clone(), what };
        let runtime = Runtime::new().map_err(|error| failed(error.to_string()))?;
        runtime.set_memory_limit(limits.memory_bytes_max as usize);
        runtime.set_max_stack_size(STACK_BYTES_MAX);
        let handed = clock.clone();
        runtime.set_interrupt_handler(Some(Box::new(move || handed.look())));
        let context = Context::full(&runtime).map_err(|error| failed(error.to_string()))?;
        clock.wind(limits.time_ms_max);
        let judge = context.with(|ctx| match compile(&ctx, script) {
            Ok(judge) => Ok(Persistent::save(&ctx, judge)),
            Err(_) if clock.is_over.get() => Err(failed(format!("it takes longer than {} ms", limits.time_ms_max))),
            Err(error) => Err(failed(said(&ctx, &error))),
        })?;
        Ok(Self { judge, context, shown: script.shown.clone(), limits, clock })
    }

    /// Whether the document lets pass. `id` is for errors.
    pub(super) fn judge(&self, id: &str, document: &[u8]) -> Result<bool, ScriptError> {
        let document = String::from_utf8_lossy(document);
        self.clock.wind(self.limits.time_ms_max);
        self.context.with(|ctx| {
            let judged: Result<Value<'_>, Error> =
                self.judge.clone().restore(&ctx).and_then(|judge| judge.call((&*document,)));
            let threw = |what: String| ScriptError::Threw { function: self.shown.clone(), id: id.to_owned(), what };
            match judged {
                Ok(verdict) => match (verdict.as_bool(), verdict.as_string()) {
                    (Some(passes), _) => Ok(passes),
                    (None, Some(thrown)) => Err(self.limit_of(id, thrown.to_string().unwrap_or_default(), threw)),
                    (None, None) => Err(threw("nothing".to_owned())),
                },
                Err(_) if self.clock.is_over.get() => Err(self.too_long(id)),
                Err(error) => Err(self.limit_of(id, said(&ctx, &error), threw)),
            }
        })
    }

    fn too_long(&self, id: &str) -> ScriptError {
        ScriptError::TooLong { function: self.shown.clone(), id: id.to_owned(), time_ms_max: self.limits.time_ms_max }
    }

    /// The limit that an exception stands for, if it does.
    fn limit_of(&self, id: &str, what: String, threw: impl FnOnce(String) -> ScriptError) -> ScriptError {
        match what.as_str() {
            "InternalError: out of memory" => ScriptError::TooLarge {
                function: self.shown.clone(),
                id: id.to_owned(),
                bytes_max: self.limits.memory_bytes_max,
            },
            _ if self.clock.is_over.get() => self.too_long(id),
            _ => threw(what),
        }
    }
}

fn compile<'js>(ctx: &Ctx<'js>, script: &Script) -> Result<Function<'js>, Error> {
    let prelude: Function<'js> = ctx.eval(PRELUDE)?;
    let kind = match script.kind {
        Kind::Filter => "filter",
        Kind::View => "view",
    };
    prelude.call((&*script.design, kind, &*script.name, &*script.req))
}

/// What was thrown, in words.
fn said(ctx: &Ctx<'_>, error: &Error) -> String {
    if !matches!(error, Error::Exception) {
        return error.to_string();
    }
    let thrown = ctx.catch();
    match thrown.as_exception() {
        Some(exception) => {
            let name: String = exception.get("name").unwrap_or_default();
            format!("{name}: {}", exception.message().unwrap_or_default())
        }
        None => "out of memory".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ScriptLimits = ScriptLimits { time_ms_max: 300, memory_bytes_max: 16 << 20 };

    fn script(source: &str, kind: Kind) -> Script {
        let design = serde_json::json!({
            "_id": "_design/d",
            "filters": { "f": source },
            "views": { "f": { "map": source } },
            "lib": {
                "a": "exports.least = require('./deep/b').least;",
                "deep": { "b": "exports.least = 3;", "c": "exports.a = require('../a');" },
            },
        });
        let req = serde_json::json!({ "query": { "k": "7" }, "userCtx": { "name": null } });
        Script { design: design.to_string(), kind, name: "f".into(), req: req.to_string(), shown: "d/f".into() }
    }

    fn judge(source: &str, kind: Kind, document: &str) -> Result<bool, ScriptError> {
        Engine::new(&script(source, kind), LIMITS)?.judge("x", document.as_bytes())
    }

    #[test]
    fn what_passes() {
        let table = [
            ("function(doc, req) { return doc.n > 1; }", r#"{"n":2}"#, true),
            ("function(doc, req) { return doc.n > 1; }", r#"{"n":1}"#, false),
            ("function(doc, req) { return 'yes'; };  \n", "{}", true),
            ("function(doc, req) { }", "{}", false),
            ("(doc, req) => req.query.k == doc.k", r#"{"k":7}"#, true),
            ("function(doc) { return this._id == '_design/d'; } // the end", "{}", true),
            ("function(doc) { return doc.n >= require('lib/a').least; }", r#"{"n":3}"#, true),
            ("function(doc) { return doc.n >= require('lib/deep/c').a.least; }", r#"{"n":2}"#, false),
            (
                "function(doc) { return isArray(doc.a) && sum(doc.a) == 3 && toJSON(doc) == '{\"a\":[1,2]}'; }",
                r#"{"a":[1,2]}"#,
                true,
            ),
        ];
        for (source, document, expected) in table {
            assert_eq!(judge(source, Kind::Filter, document), Ok(expected), "{source} {document}");
        }
        let emits = "function(doc) { if (doc.k) emit(doc.k, null); }";
        assert_eq!(judge(emits, Kind::View, r#"{"k":1}"#), Ok(true));
        assert_eq!(judge(emits, Kind::View, r#"{"k":0}"#), Ok(false));
    }

    #[test]
    fn one_document_does_not_follow_from_another() {
        let engine = Engine::new(&script("function(doc) { if (doc.k) emit(1); }", Kind::View), LIMITS).unwrap();
        let judged = ["{\"k\":1}", "{}", "{\"k\":1}"].map(|document| engine.judge("x", document.as_bytes()).unwrap());
        assert_eq!(judged, [true, false, true]);
    }

    #[test]
    fn what_is_thrown_is_said() {
        let table = [
            ("function(doc) { throw({forbidden: 'x'}); }", r#"{"forbidden":"x"}"#),
            ("function(doc) { return doc.a.b; }", "TypeError: cannot read property 'b' of undefined"),
            ("function(doc) { return require('lib/none'); }", "Error: there is no module lib/none"),
            ("function f(doc) { return f(doc); }", "RangeError: Maximum call stack size exceeded"),
            ("function(doc) { throw null; }", "null"),
        ];
        for (source, what) in table {
            let threw = ScriptError::Threw { function: "d/f".into(), id: "x".into(), what: what.into() };
            assert_eq!(judge(source, Kind::Filter, "{}"), Err(threw), "{source}");
        }
    }

    #[test]
    fn what_is_no_function_is_refused() {
        let table = [
            ("function(", "SyntaxError"),
            ("42", "TypeError: it evaluates to number"),
            ("(function() { for (;;) {} })()", "it takes longer than 300 ms"),
        ];
        for (source, what) in table {
            match judge(source, Kind::Filter, "{}") {
                Err(ScriptError::Compile { what: said, .. }) => assert!(said.contains(what), "{source}: {said}"),
                other => panic!("{source}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_goes_on_for_ever_is_stopped() {
        let loops = [
            "function(doc) { for (;;) {} }",
            "function(doc) { for (;;) { try { for (;;) {} } catch (e) {} } }",
            "function(doc) { return /^(a+)+$/.test('a'.repeat(40) + 'b'); }",
            "function(doc) { return Array.prototype.indexOf.call({length: Math.pow(2, 40)}, 1); }",
        ];
        for source in loops {
            assert!(matches!(judge(source, Kind::Filter, "{}"), Err(ScriptError::TooLong { .. })), "{source}");
        }
        let allocates = [
            "function(doc) { var a = []; for (;;) a.push(new Array(1000).fill(1)); }",
            "function(doc) { return 'x'.repeat(1 << 28); }",
        ];
        for source in allocates {
            let judged = judge(source, Kind::Filter, "{}");
            assert!(matches!(judged, Err(ScriptError::TooLarge { .. })), "{source}: {judged:?}");
        }
    }
}
