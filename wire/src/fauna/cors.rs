//! What answers say to browsers, where the drivers' `fetch` client runs.
//!
//! An answer to a request with `Origin` repeats it in `Access-Control-Allow-Origin` and has
//! `Access-Control-Allow-Credentials: true`. The answer to `OPTIONS` has the three below besides, and the status 200.

/// `Access-Control-Allow-Methods`
pub const ALLOW_METHODS: &str = "GET, POST, PUT, PATCH, DELETE";

/// `Access-Control-Allow-Headers`: whatever one of the drivers sends.
pub const ALLOW_HEADERS: &str = "Accept-Encoding, Authorization, Content-Type, Traceparent, X-Driver, X-Driver-Env, \
    X-Fauna-Source, X-Format, X-Last-Txn-Ts, X-Linearized, X-Max-Contention-Retries, X-Performance-Hints, \
    X-Query-Tags, X-Query-Timeout-Ms, X-Typecheck";

/// `Access-Control-Max-Age`, in seconds.
pub const MAX_AGE_S: u64 = 86_400;

/// `Access-Control-Expose-Headers`
pub const EXPOSE_HEADERS: &str = "X-Fauna-Stream-Id";
