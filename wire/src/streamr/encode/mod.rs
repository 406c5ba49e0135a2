//! Everything the server sends.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `message` | an event as a message: the encoding `streamr-json`, sent to every subscriber |
//! | `unicast` | the same message for one subscription, in answer to a resend |
//! | `control` | all other WebSocket messages but errors |
//! | `answer` | events as the body of an HTTP answer |
//!
//! A message is `[28,stream,partition,timestamp,ttl,offset,previousOffset,27,content]`. `timestamp` is in milliseconds,
//! `ttl` is 0, 27 says that the content is JSON, in a string. All JSON is spaced as `JSON.stringify` does: not at all.

mod answer;
mod control;
mod message;
mod unicast;

pub use answer::{AnswerWriter, Content, Wrapper};
pub use control::{Control, Place};
pub use message::StreamrJson;
pub use unicast::{messages, write_unicast};

#[cfg(test)]
mod tests;
