//! Small answers: who this is, that it is alive, fresh ids.
//!
//! Owns their JSON, and what ids look like that the server makes up. Tested by `server/tests/couchdb/server.rs`.

use serde_json::{Map, Value, json};
use tailwater_wire::couchdb::errors::Refusal;

use crate::{
    appliance::Appliance,
    clock::now_us,
    dialects::couchdb::{head::etag_of, visit::Visit},
    documents::Compacting,
    http::Response,
};

/// Ids of one request at most, as CouchDB has it.
const UUIDS_MAX: u64 = 1_000;
/// The version of CouchDB whose answers these are.
const VERSION: &str = "3.5.0";

/// What this server can do, in CouchDB's words.
const FEATURES: [&str; 2] = ["access-ready", "pluggable-storage-engines"];

/// Adds what clients of this dialect look for at `/` to what is said there anyway. Nothing that is there is replaced.
pub(crate) fn add_root_fields(appliance: &Appliance, fields: &mut Map<String, Value>) {
    for (name, value) in welcome_fields(appliance) {
        fields.entry(name).or_insert(value);
    }
}

fn welcome_fields(appliance: &Appliance) -> Map<String, Value> {
    let vendor = json!({ "name": "Tailwater", "version": tailwater_wire::VERSION });
    let fields = [
        ("couchdb", "Welcome".into()),
        ("version", VERSION.into()),
        ("git_sha", "".into()),
        ("uuid", appliance.identity.uuid.as_str().into()),
        ("features", FEATURES.as_slice().into()),
        ("vendor", vendor),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub(super) fn welcome(visit: &Visit<'_>) -> Response {
    visit.json(200, line(&welcome_fields(visit.appliance()).into()))
}

pub(super) fn up(visit: &Visit<'_>) -> Response {
    visit.json(200, line(&json!({ "status": "ok", "seeds": {} })))
}

pub(super) fn active_tasks(visit: &Visit<'_>) -> Response {
    match visit.caller.require_server_admin() {
        Ok(()) => visit.json(200, line(&compactions(visit.appliance()))),
        Err(refusal) => visit.refuse(refusal),
    }
}

/// A row for each database that is being compacted.
fn compactions(appliance: &Appliance) -> Value {
    let rows = appliance.feeds.databases().into_iter().filter_map(|entry| {
        let compacting = appliance.databases.get(entry.id())?.compacting()?;
        let Compacting { done, total, started_s, updated_s } = compacting;
        Some(json!({
            "type": "database_compaction",
            "database": entry.database()?.name.clone(),
            "pid": format!("<0.{}.0>", entry.id().0),
            "changes_done": done,
            "total_changes": total,
            "progress": done * 100 / total.max(1),
            "started_on": started_s,
            "updated_on": updated_s,
        }))
    });
    rows.collect()
}

pub(super) fn uuids(visit: &Visit<'_>) -> Response {
    let query = visit.request.head.query();
    let count = match query.last("count").map_or(Ok(1), str::parse::<u64>) {
        Ok(count) if count <= UUIDS_MAX => count,
        Ok(_) => return visit.refuse(Refusal::bad_request("count parameter too large")),
        Err(_) => return visit.refuse(Refusal::bad_request("count parameter is not a number")),
    };
    let uuids: Vec<String> = (0..count).map(|_| new_id()).collect();
    let body = line(&json!({ "uuids": uuids }));
    let etag = etag_of(&body);
    visit.json(200, body).header("ETag", etag).header("Pragma", "no-cache")
}

/// An id that nothing else has: 32 hexadecimal digits, later ones behind earlier ones, so that new documents lie side by side.
pub(in crate::dialects::couchdb) fn new_id() -> String {
    let random = rand::random::<u128>() & ((1 << 72) - 1);
    format!("{:014x}{random:018x}", now_us() & ((1 << 56) - 1))
}

/// JSON and the line end.
pub(super) fn line(value: &Value) -> Vec<u8> {
    let mut body = value.to_string().into_bytes();
    body.push(b'\n');
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_and_all_different() {
        let ids: Vec<String> = (0..100).map(|_| new_id()).collect();
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())));
        assert!(ids[0][..14] <= ids[99][..14]);
        let different: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(different.len(), 100);
    }
}
