//! A strict reader of DAG-CBOR and of CAR archives, sharing nothing with what writes them.

use sha2::{Digest, Sha256};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    /// The CID behind tag 42, without the leading zero.
    Link(Vec<u8>),
    List(Vec<Item>),
    Map(Vec<(String, Item)>),
}

impl Item {
    #[track_caller]
    pub fn get(&self, key: &str) -> &Item {
        self.find(key).unwrap_or_else(|| panic!("no {key} in {self:?}"))
    }

    pub fn find(&self, key: &str) -> Option<&Item> {
        let Self::Map(entries) = self else { panic!("no map: {self:?}") };
        entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub fn keys(&self) -> Vec<&str> {
        let Self::Map(entries) = self else { panic!("no map: {self:?}") };
        entries.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[track_caller]
    pub fn int(&self) -> i64 {
        let Self::Int(number) = self else { panic!("no number: {self:?}") };
        *number
    }

    #[track_caller]
    pub fn text(&self) -> &str {
        let Self::Text(text) = self else { panic!("no text: {self:?}") };
        text
    }

    #[track_caller]
    pub fn bytes(&self) -> &[u8] {
        let Self::Bytes(bytes) = self else { panic!("no bytes: {self:?}") };
        bytes
    }

    #[track_caller]
    pub fn link(&self) -> &[u8] {
        let Self::Link(link) = self else { panic!("no link: {self:?}") };
        link
    }

    #[track_caller]
    pub fn list(&self) -> &[Item] {
        let Self::List(items) = self else { panic!("no list: {self:?}") };
        items
    }
}

/// The two objects of a frame.
pub fn two_objects(frame: &[u8]) -> Result<(Item, Item), String> {
    let mut rest = frame;
    let objects = (item(&mut rest)?, item(&mut rest)?);
    if rest.is_empty() { Ok(objects) } else { Err(format!("{} bytes too many", rest.len())) }
}

/// The one object that a block is.
pub fn whole(block: &[u8]) -> Result<Item, String> {
    let mut rest = block;
    let found = item(&mut rest)?;
    if rest.is_empty() { Ok(found) } else { Err(format!("{} bytes too many", rest.len())) }
}

/// An archive's roots and its blocks, each with its CID.
pub type Archive = (Vec<Item>, Vec<(Vec<u8>, Item)>);

/// Takes an archive apart; the hash of every block is checked.
pub fn archive(bytes: &[u8]) -> Result<Archive, String> {
    let mut rest = bytes;
    let header = whole(section(&mut rest)?)?;
    if header.keys() != ["roots", "version"] || header.get("version").int() != 1 {
        return Err(format!("no CAR header: {header:?}"));
    }
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let section = section(&mut rest)?;
        let (cid, block) = section.split_at_checked(36).ok_or("a section shorter than a CID")?;
        if cid[..4] != [1, 0x71, 0x12, 0x20] || cid[4..] != Sha256::digest(block)[..] {
            return Err(format!("a block does not match its CID {cid:02x?}"));
        }
        blocks.push((cid.to_vec(), whole(block)?));
    }
    Ok((header.get("roots").list().to_vec(), blocks))
}

/// The bytes behind an LEB128 length.
fn section<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let mut length = 0;
    for shift in (0..).step_by(7) {
        let byte = take(rest, 1)?[0];
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    take(rest, length)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], String> {
    let (taken, after) = rest.split_at_checked(length).ok_or("the bytes end too early")?;
    *rest = after;
    Ok(taken)
}

fn item(rest: &mut &[u8]) -> Result<Item, String> {
    let first = take(rest, 1)?[0];
    let (major, argument) = (first >> 5, argument(first & 31, rest)?);
    let length = usize::try_from(argument).map_err(|error| error.to_string())?;
    Ok(match major {
        0 => Item::Int(i64::try_from(argument).map_err(|error| error.to_string())?),
        1 => Item::Int(-1 - i64::try_from(argument).map_err(|error| error.to_string())?),
        2 => Item::Bytes(take(rest, length)?.to_vec()),
        3 => Item::Text(text(rest, length)?),
        4 => Item::List((0..length).map(|_| item(rest)).collect::<Result<_, _>>()?),
        5 => Item::Map(map(rest, length)?),
        6 if argument == 42 => link(item(rest)?)?,
        7 if first == 0xf4 || first == 0xf5 => Item::Bool(first == 0xf5),
        7 if first == 0xf6 => Item::Null,
        _ => return Err(format!("not in DAG-CBOR: {first:#04x}")),
    })
}

/// The argument, in its shortest form.
fn argument(info: u8, rest: &mut &[u8]) -> Result<u64, String> {
    let width = match info {
        0..24 => return Ok(u64::from(info)),
        24..28 => 1 << (info - 24),
        _ => return Err(format!("indefinite or reserved: {info}")),
    };
    let number = take(rest, width)?.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let least = if width == 1 { 24 } else { 1 << (width * 4) };
    if number < least { Err(format!("{number} in {width} bytes")) } else { Ok(number) }
}

fn text(rest: &mut &[u8], length: usize) -> Result<String, String> {
    String::from_utf8(take(rest, length)?.to_vec()).map_err(|error| error.to_string())
}

fn map(rest: &mut &[u8], length: usize) -> Result<Vec<(String, Item)>, String> {
    let mut entries: Vec<(String, Item)> = Vec::new();
    for _ in 0..length {
        let Item::Text(key) = item(rest)? else { return Err("a key that is no text".to_owned()) };
        let order = |key: &str| (key.len(), key.to_owned());
        if entries.last().is_some_and(|(last, _)| order(last) >= order(&key)) {
            return Err(format!("{key} is out of order"));
        }
        entries.push((key, item(rest)?));
    }
    Ok(entries)
}

fn link(item: Item) -> Result<Item, String> {
    match item {
        Item::Bytes(bytes) if bytes.first() == Some(&0) => Ok(Item::Link(bytes[1..].to_vec())),
        other => Err(format!("no link: {other:?}")),
    }
}
