//! From a request to the view of its function.
//!
//! Owns what a function sees of a request, which is on purpose only what does not change from one reconnect to the next: all
//! who ask alike share one view. Tested by `server/tests/couchdb/changes_functions.rs`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tailwater_wire::couchdb::{
    changes::FilterSpec,
    doc::id::DESIGN,
    errors::{Problem, Refusal},
};

use super::{
    engine::{Kind, Script},
    view::View,
};
use crate::{
    dialects::couchdb::{
        changes::ask::Ask,
        documents::shown::{Look, write_stubbed},
        failure::missing,
    },
    documents::Asked,
    http::Request,
    shard::watch::Watch,
};

/// Parameters that are not shown to functions: they say how changes are read, and not which.
const NOT_SHOWN: [&str; 15] = [
    "feed",
    "since",
    "last-event-id",
    "limit",
    "heartbeat",
    "timeout",
    "include_docs",
    "conflicts",
    "attachments",
    "att_encoding_info",
    "descending",
    "style",
    "seq_interval",
    "buffer_response",
    "sse",
];

/// How long it is waited for a function to be compiled.
const COMPILING: Duration = Duration::from_secs(60);

/// The view of the function that a request names.
pub(in crate::dialects::couchdb) async fn open(request: &Request<'_>, ask: &Ask) -> Result<Arc<View>, Refusal> {
    let (design, kind, name) = match &ask.changes.filter {
        FilterSpec::Function { design, name } => (design, Kind::Filter, name),
        FilterSpec::View { design, view } => (design, Kind::View, view),
        _ => return Err(Problem::Missing.into()),
    };
    let document = design_document(ask, design).await?;
    require_function(&document, kind, name)?;
    let script = Script {
        design: document.to_string(),
        kind,
        name: name.clone(),
        req: req(request, ask, &document).to_string(),
        shown: format!("{design}/{name}"),
    };
    let workers = request.shard.appliance.feeds.workers();
    let view = workers.view((&ask.entry, ask.engine.clone()), ask.changes.style, script)?.ok_or_else(|| {
        let why = "As many different functions are in use as may be (couchdb.filters_max). Try again later.";
        Refusal::from(Problem::Overloaded(why)).with_header("Retry-After", "5")
    })?;
    let watch = Watch::new(request.shard.clone(), ask.entry.clone());
    watch.until(|| view.compiled().is_some(), COMPILING).await;
    if let Some(Err(error)) = view.compiled() {
        workers.forget(&view);
        return Err(error.into());
    }
    Ok(view)
}

/// A design document, which must be there.
async fn design_document(ask: &Ask, design: &str) -> Result<Value, Refusal> {
    let (engine, id) = (ask.engine.clone(), format!("{DESIGN}{design}"));
    let reading = move || engine.get(&id, None, Asked::default());
    let found = glommio::executor().spawn_blocking(reading).await;
    let doc = found.map_err(|error| ask.refusal(error.into()))?.map_err(missing)?;
    let mut text = Vec::new();
    write_stubbed(&doc, &Look::default(), &mut text);
    serde_json::from_slice(&text).map_err(|_| Problem::Missing.into())
}

fn require_function(document: &Value, kind: Kind, name: &str) -> Result<(), Refusal> {
    let (group, function) = match kind {
        Kind::Filter => ("filters", document["filters"].get(name)),
        Kind::View => ("views", document["views"].get(name).and_then(|view| view.get("map"))),
    };
    if document.get(group).is_none() {
        return Err(Problem::MissingKey(group.to_owned()).into());
    }
    match function.and_then(Value::as_str) {
        Some(_) => Ok(()),
        None => Err(Problem::MissingKey(name.to_owned()).into()),
    }
}

fn req(request: &Request<'_>, ask: &Ask, design: &Value) -> Value {
    let query = request.head.query();
    let shown = query.iter().filter(|(name, _)| !NOT_SHOWN.iter().any(|hidden| name.eq_ignore_ascii_case(hidden)));
    // Sorted, so that their order does not matter; the last of equal names counts.
    let shown: BTreeMap<&str, &str> = shown.collect();
    let db = &ask.database.name;
    let body = ask.body.as_deref().filter(|body| !body.is_empty());
    // Whoever asks: only for functions that ask who it is. All others are shared by everybody.
    let who = if design.to_string().contains("userCtx") { Some(&ask.caller.user) } else { None };
    let (name, roles) = who.map_or((None, &[][..]), |user| (user.name.as_deref(), &user.roles));
    json!({
        "method": request.head.method(),
        "path": [db, "_changes"],
        "query": shown,
        "headers": {},
        "cookie": {},
        "form": {},
        "body": body.map_or("undefined".into(), |body| String::from_utf8_lossy(body).into_owned()),
        "id": null,
        "userCtx": { "db": db, "name": name, "roles": roles },
        "secObj": {},
    })
}
