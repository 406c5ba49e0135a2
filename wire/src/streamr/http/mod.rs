//! Requests over HTTP: which endpoint, what is published, which messages are wanted, who asks.
//!
//! Every path begins with `/api/v1`. Query parameters that nobody knows are passed over; of one given twice the first
//! counts.

mod authorization;
mod endpoint;
mod produce;
mod query;

pub use authorization::{parse_authorization, parse_login};
pub use endpoint::{Endpoint, QueryKind};
pub use produce::parse_produce;
pub use query::{DataQuery, parse_partition, parse_query};

#[cfg(test)]
mod tests;
