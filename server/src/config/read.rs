//! Reads a configuration file: TOML with the place of every key and value.
//!
//! Owns the walk through the file's tables by the settings of `schema.rs`, and the sentences about keys: unknown,
//! misplaced, missing, or a table where a value belongs. What a value may be is the schema's business. Tested by
//! `tests.rs`.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::draft::{Draft, Origin};
use super::mistake::{Mistake, Place, Wrong};
use super::near::{enumerate, nearest};
use super::schema::{ROOT, Setting};
use super::written::Written;

/// The names of the repeated tables.
pub(super) const REPEATED: [&str; 5] = ["feed", "key", "listen", "mirror", "user"];

/// A file's text under its name, parsed as far as that was possible.
pub(super) struct Source<'a> {
    path: &'a Path,
    text: &'a str,
    root: Spanned<DeTable<'a>>,
    syntax: Vec<Mistake>,
}

impl<'a> Source<'a> {
    /// Parses `text`; mistakes of its syntax are kept until [`Source::report_syntax`].
    pub fn parse(path: &'a Path, text: &'a str) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut source = Self { path, text, root, syntax: Vec::new() };
        source.syntax = errors
            .iter()
            .map(|error| {
                let wrong = Wrong::new(format!("not TOML: {}", error.message()), "correct the syntax of this line");
                Mistake::new(source.place(error.span().map_or(0, |span| span.start)), "", wrong)
            })
            .collect();
        source
    }

    /// Whether the whole text is TOML. When it is not, what is missing may just not have been understood.
    pub fn is_whole(&self) -> bool {
        self.syntax.is_empty()
    }

    /// Adds the mistakes of the syntax, and drops from `mistakes` those that only follow from one on the same line.
    pub fn report_syntax(self, mistakes: &mut Vec<Mistake>) {
        let line_of = |mistake: &Mistake| match mistake.place {
            Place::File { line, .. } => Some(line),
            _ => None,
        };
        let broken: Vec<_> = self.syntax.iter().filter_map(line_of).collect();
        mistakes.retain(|mistake| line_of(mistake).is_none_or(|line| !broken.contains(&line)));
        mistakes.extend(self.syntax);
    }

    /// Reads every setting outside the repeated tables.
    pub fn read_root(&self, draft: &mut Draft) {
        let mut config = std::mem::take(&mut draft.config);
        Walk { source: self, draft, settings: ROOT, at: "", others: &REPEATED }.table(
            self.root.get_ref(),
            "",
            &mut config,
        );
        draft.config = config;
    }

    /// Reads the repeated table `name`, each starting as `start`; `None` when the file has no such table. The settings of
    /// `required` must be there.
    pub fn read_repeated<T>(
        &self,
        draft: &mut Draft,
        name: &str,
        settings: &[Setting<T>],
        required: &[&str],
        start: impl Fn() -> T,
    ) -> Option<Vec<T>> {
        let value = self.root.get_ref().get(name)?;
        let tables = self.tables(draft, name, value);
        Some(tables.map(|(at, table, span)| {
            let mut target = start();
            Walk { source: self, draft, settings, at: &at, others: &[] }.table(table, "", &mut target);
            self.require(draft, required, &at, table, span);
            target
        }))
    }

    /// The tables of `[[name]]` with their key paths and places; anything else there is a mistake.
    fn tables<'s>(&'s self, draft: &mut Draft, name: &str, value: &'s Spanned<DeValue<'a>>) -> Tables<'s, 'a> {
        let wrong = |found: &DeValue<'_>| {
            let found = Written::Toml(found).describe();
            Wrong::new(format!("expected tables, found {found}"), format!("begin each one with [[{name}]]"))
        };
        draft.written(name, Origin::new(self.place(value.span().start), name));
        let DeValue::Array(items) = value.get_ref() else {
            draft.mistaken(Origin::new(self.place(value.span().start), name), name, wrong(value.get_ref()));
            return Tables(Vec::new());
        };
        let mut tables = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = format!("{name}[{index}]");
            match item.get_ref() {
                DeValue::Table(table) => tables.push((at, table, item.span())),
                found => draft.mistaken(Origin::new(self.place(item.span().start), &at), &at, wrong(found)),
            }
        }
        Tables(tables)
    }

    /// A mistake for each setting of `required` that `table` lacks.
    fn require(&self, draft: &mut Draft, required: &[&str], at: &str, table: &DeTable<'a>, span: Range<usize>) {
        for path in required.iter().filter(|path| self.is_whole() && !has(table, path)) {
            let key = format!("{at}.{path}");
            let wrong = Wrong::new("is missing", format!("add {path} to this table"));
            draft.mistaken(Origin::new(self.place(span.start), &key), &key, wrong);
        }
    }

    /// Line and column of a byte.
    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// The tables of one repeated name.
struct Tables<'s, 'a>(Vec<(String, &'s DeTable<'a>, Range<usize>)>);

impl<'s, 'a> Tables<'s, 'a> {
    fn map<T>(self, read: impl FnMut((String, &'s DeTable<'a>, Range<usize>)) -> T) -> Vec<T> {
        self.0.into_iter().map(read).collect()
    }
}

/// Whether `table` has a value at `path`, or lacks the table on the way to it that would need one.
fn has(table: &DeTable<'_>, path: &str) -> bool {
    match path.split_once('.') {
        None => table.contains_key(path),
        Some((outer, inner)) => match table.get(outer).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => has(table, inner),
            _ => true,
        },
    }
}

/// A walk through one table of the file by the settings of a `T`.
struct Walk<'w, 'a, T: 'static> {
    source: &'w Source<'a>,
    draft: &'w mut Draft,
    settings: &'w [Setting<T>],
    /// Key path of the table the settings start from; empty for the file itself.
    at: &'w str,
    /// Keys of that table that are read elsewhere.
    others: &'w [&'w str],
}

impl<T> Walk<'_, '_, T> {
    /// Reads the table at `prefix` (empty, or ending in a dot) below the start.
    fn table(&mut self, table: &DeTable<'_>, prefix: &str, target: &mut T) {
        for (key, value) in table {
            let path = format!("{prefix}{}", key.get_ref());
            let below = format!("{path}.");
            let setting = self.settings.iter().find(|setting| setting.path == path);
            let is_section = self.settings.iter().any(|setting| setting.path.starts_with(&below));
            match (value.get_ref(), setting) {
                (DeValue::Table(inner), _) if is_section => self.table(inner, &below, target),
                (_, Some(setting)) => self.set(setting, value, target),
                (found, None) if is_section => {
                    let found = Written::Toml(found).describe();
                    let wrong = Wrong::new(format!("expected a table, found {found}"), self.sub_keys(&below));
                    self.mistaken(&path, value.span().start, wrong);
                }
                (_, None) if prefix.is_empty() && self.others.contains(&path.as_str()) => {}
                (_, None) => {
                    let wrong = self.unknown(prefix, key.get_ref());
                    self.mistaken(&path, key.span().start, wrong);
                }
            }
        }
    }

    /// Gives one setting its value.
    fn set(&mut self, setting: &Setting<T>, value: &Spanned<DeValue<'_>>, target: &mut T) {
        let key = self.key(setting.path);
        self.draft.written(&key, Origin::new(self.source.place(value.span().start), &key));
        let Err(wrongs) = setting.set(target, Written::Toml(value.get_ref())) else { return };
        for (item, wrong) in wrongs {
            let offset = item_offset(value, item).unwrap_or(value.span().start);
            self.mistaken(setting.path, offset, wrong);
        }
    }

    fn mistaken(&mut self, path: &str, offset: usize, wrong: Wrong) {
        let key = self.key(path);
        self.draft.mistaken(Origin::new(self.source.place(offset), &key), &key, wrong);
    }

    /// The key path from the file's root.
    fn key(&self, path: &str) -> String {
        if self.at.is_empty() { path.to_owned() } else { format!("{}.{path}", self.at) }
    }

    /// What to say about an unknown `key` in the table at `prefix`.
    fn unknown(&self, prefix: &str, key: &str) -> Wrong {
        let known = self.keys_of(prefix);
        let remedy = match nearest(key, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => self.elsewhere(prefix, key).unwrap_or_else(|| format!("known here are {}", enumerate(&known))),
        };
        Wrong::new("unknown key", remedy)
    }

    /// Where the key stands that was written in the wrong table.
    fn elsewhere(&self, prefix: &str, key: &str) -> Option<String> {
        let below = |path: &str| path.rsplit_once('.').is_some_and(|(outer, last)| last == key && outer != prefix);
        let belongs = |path: &str| match path.rsplit_once('.') {
            Some((outer, _)) => format!("it belongs in [{outer}]"),
            None => "it belongs at the top of the file, before the first table".to_owned(),
        };
        if let Some(found) = self.settings.iter().find(|setting| below(setting.path)) {
            return Some(if self.at.is_empty() { belongs(found.path) } else { format!("write it as {}", found.path) });
        }
        ROOT.iter().find(|setting| setting.path == key || below(setting.path)).map(|setting| belongs(setting.path))
    }

    /// The keys known in the table at `prefix`, each once.
    fn keys_of(&self, prefix: &str) -> Vec<&str> {
        let below = self.settings.iter().filter_map(|setting| setting.path.strip_prefix(prefix));
        let others = if prefix.is_empty() { self.others } else { &[] };
        let mut keys: Vec<_> = below.filter_map(|rest| rest.split('.').next()).chain(others.iter().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// What to write for a section that was given a value.
    fn sub_keys(&self, below: &str) -> String {
        format!("it holds {}", enumerate(&self.keys_of(below)))
    }
}

/// Where the item of a list stands.
fn item_offset(value: &Spanned<DeValue<'_>>, item: Option<usize>) -> Option<usize> {
    let DeValue::Array(items) = value.get_ref() else { return None };
    items.get(item?).map(|item| item.span().start)
}
