//! `/query/1`: from a request's body to an answer that waits until what the query writes is durable.
//!
//! Owns the order: a query is evaluated at once, beside others; one that writes documents is evaluated again in its turn, and
//! one that creates or deletes a database may do nothing else. Tested by `server/tests/fauna/`.

use std::time::{Duration, Instant};

use tailwater_core::{FeedError, FeedOptions, Retention};
use tailwater_wire::fauna::{
    answer::{AnswerInfo, write_failure, write_success},
    errors::ApiError,
    fql::{FqlError, StoreError, Write},
    request::{QueryHeaders, QueryRequest, parse_query},
};

use super::{
    answer::Answer,
    call::Call,
    database::{Answered, Done, child_path},
    visit::Visit,
};
use crate::{
    appliance::{Appliance, FeedsError},
    clock::now_us,
    config::{FaunaExposure, is_feed_name},
    exposure::Exposure,
};

/// Answers a query.
pub(super) async fn answer(call: &Call<'_>, visit: &Visit, body: Vec<u8>) -> Result<Answer, ApiError> {
    let began = Instant::now();
    let headers = QueryHeaders::parse(|name| call.headers.get(name))?;
    let (bytes, format) = (body.len(), headers.format);
    let parsing = move || parse_query(&body, format);
    let query = glommio::executor().spawn_blocking(parsing).await?;
    visit.database.settled().await?;
    let text = query.template.text.clone();
    let answered = evaluate(call, visit, query, bytes, began + Duration::from_millis(headers.timeout_ms)).await;
    let info = AnswerInfo {
        txn_ts_us: answered.as_ref().map_or_else(|_| now_us(), |done| done.txn_ts_us),
        query_time_ms: began.elapsed().as_millis() as u64,
        schema_version: visit.database.schema_version_us(),
        tags: headers.tags,
    };
    let mut out = Vec::new();
    let status = match &answered {
        Ok(done) => {
            write_success(&done.outcome, format, &info, &mut out);
            200
        }
        Err(error) => {
            write_failure(error, &text, format, &info, &mut out);
            error.status
        }
    };
    Ok(Answer::json(status, out))
}

async fn evaluate(call: &Call<'_>, visit: &Visit, query: QueryRequest, bytes: usize, deadline: Instant) -> Answered {
    let (database, reading) = (visit.database.clone(), query.clone());
    let done = glommio::executor().spawn_blocking(move || database.evaluate(&reading, deadline)).await?;
    let writes = &done.outcome.effects.writes;
    if writes.is_empty() {
        return Ok(done);
    }
    let is_schema = |write: &Write| matches!(write, Write::CreateDatabase { .. } | Write::DeleteDatabase { .. });
    if writes.iter().any(is_schema) {
        return arrange(call, visit, done).await;
    }
    if !visit.writes {
        return Err(StoreError::Denied.into());
    }
    visit.database.write(query, bytes, deadline).await
}

/// Creates and deletes databases.
async fn arrange(call: &Call<'_>, visit: &Visit, done: Done) -> Answered {
    if !visit.administers {
        return Err(StoreError::Denied.into());
    }
    let appliance = &call.shard.appliance;
    for write in &done.outcome.effects.writes {
        match write {
            Write::CreateDatabase { name } => create(call, child_path(visit.database.path(), name)).await?,
            Write::DeleteDatabase { name } => {
                let path = child_path(visit.database.path(), name);
                for below in appliance.fauna.below(&path).into_iter().chain(appliance.fauna.get(&path)) {
                    appliance.delete(below.entry().feed().name()).await.map_err(|error| not_moved(&error))?;
                }
            }
            _ => {
                let message = "A query that creates or deletes databases can write nothing else.";
                return Err(FqlError::new("invalid_request", message));
            }
        }
    }
    tracing::info!(by = visit.name, database = visit.database.path(), "Fauna databases were created or deleted");
    Ok(done)
}

async fn create(call: &Call<'_>, path: String) -> Result<(), FqlError> {
    let appliance = call.shard.appliance.clone();
    let name = feed_name(&appliance, &path);
    let exposure =
        Exposure { fauna: Some(FaunaExposure { database: path, ..FaunaExposure::default() }), ..Exposure::default() };
    let creating = move || {
        // Of a database everything is kept: what is dropped from it is gone without a word.
        let options = FeedOptions { retention: Retention { age_ms: None, bytes: None }, ..appliance.default_options() };
        appliance.create(&name, &options, &exposure)
    };
    let created = glommio::executor().spawn_blocking(creating).await;
    created.map(drop).map_err(|error| not_moved(&error))
}

/// The feed of a new database: one of its name where that is free.
fn feed_name(appliance: &Appliance, path: &str) -> String {
    let name = format!("fauna.{}", path.replace('/', "."));
    if is_feed_name(&name) && appliance.feeds.get(&name).is_none() {
        return name;
    }
    format!("fauna-{:016x}", rand::random::<u64>())
}

fn not_moved(error: &FeedsError) -> FqlError {
    match error {
        FeedsError::TooMany { .. } | FeedsError::Log(FeedError::DiskFull { .. }) => {
            StoreError::Overloaded(error.to_string()).into()
        }
        FeedsError::Bound { .. } | FeedsError::Unknown { .. } | FeedsError::Log(FeedError::Exists { .. }) => {
            StoreError::Contended.into()
        }
        error => StoreError::Internal(error.to_string()).into(),
    }
}
