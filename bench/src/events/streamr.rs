//! Streamr streams made and published to over HTTP, as a client of theirs does.

use anyhow::Result;

use super::{Request, documents::document};

/// The request that creates a stream whose id needs no escapes.
pub fn create(stream: &str) -> Request {
    let body = format!(r#"{{"id":"{stream}"}}"#).into_bytes();
    Request { path: "/api/v1/streams".into(), content_type: "application/json", body }
}

/// The request that publishes one message with a content of this size.
///
/// # Errors
///
/// A size that cannot be made.
pub fn publish(stream: &str, content_bytes: usize) -> Result<Request> {
    let path = format!("/api/v1/streams/{stream}/data");
    Ok(Request { path, content_type: "application/json", body: document(content_bytes)?.into_bytes() })
}
