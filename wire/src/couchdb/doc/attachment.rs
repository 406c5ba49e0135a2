//! `_attachments`: what is sent, what is kept of it, what is shown.

use data_encoding::BASE64;
use md5::{Digest, Md5};

use super::error::DocError;
use super::parse::DocLimits;
use crate::couchdb::text::{Kind, Value};
use crate::json;

/// The type of an attachment that does not name one.
pub const CONTENT_TYPE_DEFAULT: &str = "application/octet-stream";

/// An attachment as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Its content type.
    pub content_type: String,
    /// The generation it came with, if it says so.
    pub revpos: Option<u64>,
    /// Its bytes, or where they are.
    pub data: Data,
}

/// Where the bytes of an attachment are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// They were sent as base64.
    Inline(Vec<u8>),
    /// The revision before has them.
    Stub {
        /// What they are, if it says so.
        digest: Option<[u8; 16]>,
    },
    /// A part of the same body, in the order of attachments.
    Follows {
        /// Bytes without an encoding.
        length: u64,
        /// How they are encoded: `gzip`.
        encoding: Option<String>,
        /// Bytes as sent.
        encoded_length: u64,
    },
}

/// What is kept of an attachment in the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Its name.
    pub name: String,
    /// Its content type.
    pub content_type: String,
    /// The generation that brought it.
    pub revpos: u64,
    /// The MD5 of its bytes as stored.
    pub digest: [u8; 16],
    /// Bytes without an encoding.
    pub length: u64,
}

/// How an attachment is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// Without its bytes.
    Stub,
    /// Its bytes are a part of the same answer.
    Follows,
    /// With these bytes as base64.
    Inline(&'a [u8]),
}

/// The encoding of an attachment's bytes as stored, for those who ask (`att_encoding_info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding<'a> {
    /// `gzip`.
    pub name: &'a str,
    /// Bytes as stored.
    pub encoded_length: u64,
}

/// The MD5 of bytes, as `digest` and as the key of whoever stores them.
pub fn digest(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

/// Reads the value of `_attachments`. Members that are no objects are passed over, as CouchDB does.
pub(super) fn parse_all(object: Value<'_>, limits: &DocLimits) -> Result<Vec<Attachment>, DocError> {
    let objects = object.members().filter(|member| member.value.kind() == Kind::Object);
    let mut attachments = Vec::new();
    for member in objects {
        if attachments.len() == limits.attachments_max {
            return Err(DocError::TooManyAttachments(limits.attachments_max));
        }
        attachments.push(parse_one(member.key.decode().into_owned(), member.value, limits)?);
    }
    Ok(attachments)
}

fn parse_one(name: String, value: Value<'_>, limits: &DocLimits) -> Result<Attachment, DocError> {
    check_name(&name)?;
    let content_type = value.get("content_type").and_then(Value::string);
    let content_type = content_type.map_or_else(|| CONTENT_TYPE_DEFAULT.to_owned(), |text| text.into_owned());
    let is = |flag: &str| value.get(flag).and_then(Value::boolean) == Some(true);
    let data = if is("stub") {
        Data::Stub { digest: parse_digest(value) }
    } else if is("follows") {
        parse_follows(&name, value, limits)?
    } else {
        parse_inline(&name, value, limits)?
    };
    Ok(Attachment { revpos: value.get("revpos").and_then(Value::unsigned), name, content_type, data })
}

/// Checks the name of an attachment.
///
/// # Errors
/// It begins with an underscore.
pub fn check_name(name: &str) -> Result<(), DocError> {
    if name.starts_with('_') { Err(DocError::AttachmentName(name.to_owned())) } else { Ok(()) }
}

fn parse_digest(value: Value<'_>) -> Option<[u8; 16]> {
    let text = value.get("digest")?.string()?;
    let digest = BASE64.decode(text.strip_prefix("md5-")?.as_bytes()).ok()?;
    digest.try_into().ok()
}

fn parse_follows(name: &str, value: Value<'_>, limits: &DocLimits) -> Result<Data, DocError> {
    let unsigned = |member: &str| value.get(member).and_then(Value::unsigned);
    let length = unsigned("length").ok_or_else(|| DocError::Follows(name.to_owned()))?;
    let encoding = value.get("encoding").and_then(Value::string).filter(|encoding| encoding != "identity");
    let encoded_length = unsigned("encoded_length").filter(|_| encoding.is_some()).unwrap_or(length);
    check_size(name, encoded_length, limits)?;
    Ok(Data::Follows { length, encoding: encoding.map(|encoding| encoding.into_owned()), encoded_length })
}

fn parse_inline(name: &str, value: Value<'_>, limits: &DocLimits) -> Result<Data, DocError> {
    let wrong = || DocError::AttachmentData(name.to_owned());
    let text = value.get("data").and_then(Value::string).ok_or_else(wrong)?;
    // Line breaks in base64 are common.
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let bytes = BASE64.decode(&digits).map_err(|_| wrong())?;
    check_size(name, bytes.len() as u64, limits)?;
    Ok(Data::Inline(bytes))
}

fn check_size(name: &str, bytes: u64, limits: &DocLimits) -> Result<(), DocError> {
    let fits = bytes <= limits.attachment_bytes_max as u64;
    if fits { Ok(()) } else { Err(DocError::AttachmentTooLarge(name.to_owned())) }
}

/// What the revision before has under the name of a stub.
///
/// # Errors
/// It has nothing, or the stub is of another generation.
pub fn resolve_stub<'p>(id: &str, stub: &Attachment, previous: &'p [Info]) -> Result<&'p Info, DocError> {
    let found = previous.iter().find(|info| info.name == stub.name);
    found
        .filter(|info| stub.revpos.is_none_or(|revpos| revpos == info.revpos))
        .ok_or_else(|| DocError::Stub { id: id.to_owned(), name: stub.name.clone() })
}

impl Info {
    /// Reads the stubs of a stored document: the value of its `_attachments`.
    pub fn read_all(stubs: Value<'_>) -> Vec<Self> {
        let infos = stubs.members().filter_map(|member| {
            let content_type = member.value.get("content_type")?.string()?.into_owned();
            Some(Self {
                name: member.key.decode().into_owned(),
                content_type,
                revpos: member.value.get("revpos")?.unsigned()?,
                digest: parse_digest(member.value)?,
                length: member.value.get("length")?.unsigned()?,
            })
        });
        infos.collect()
    }

    /// Appends `"name":{..}`, members in CouchDB's order.
    pub fn write(&self, form: Form<'_>, encoding: Option<Encoding<'_>>, out: &mut Vec<u8>) {
        json::write_str(out, &self.name);
        out.extend_from_slice(b":{\"content_type\":");
        json::write_str(out, &self.content_type);
        out.extend_from_slice(b",\"revpos\":");
        json::write_u64(out, self.revpos);
        out.extend_from_slice(b",\"digest\":\"md5-");
        out.extend_from_slice(BASE64.encode(&self.digest).as_bytes());
        out.push(b'"');
        self.write_form(form, out);
        if let Some(encoding) = encoding {
            out.extend_from_slice(b",\"encoding\":");
            json::write_str(out, encoding.name);
            out.extend_from_slice(b",\"encoded_length\":");
            json::write_u64(out, encoding.encoded_length);
        }
        out.push(b'}');
    }

    fn write_form(&self, form: Form<'_>, out: &mut Vec<u8>) {
        let flag = match form {
            Form::Inline(bytes) => {
                out.extend_from_slice(b",\"data\":\"");
                out.extend_from_slice(BASE64.encode(bytes).as_bytes());
                return out.push(b'"');
            }
            Form::Stub => "stub",
            Form::Follows => "follows",
        };
        out.extend_from_slice(b",\"length\":");
        json::write_u64(out, self.length);
        out.extend_from_slice(b",\"");
        out.extend_from_slice(flag.as_bytes());
        out.extend_from_slice(b"\":true");
    }
}

/// Appends all of `infos` as the value of `_attachments`, without their bytes.
pub fn write_stubs(infos: &[Info], out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, info) in infos.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b"," } else { b"" });
        info.write(Form::Stub, None, out);
    }
    out.push(b'}');
}

#[cfg(test)]
#[path = "attachment_tests.rs"]
mod tests;
