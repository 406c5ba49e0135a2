//! The layers above the file: environment variables `TAILWATER_*`, then flags.
//!
//! Owns the variables' names: `TAILWATER_` and the key path, upper case, `__` for each dot, so that
//! `TAILWATER_LIMITS__CONNECTIONS_MAX` is `limits.connections_max`; and the three that are called otherwise. Tested by
//! `tests.rs`.

use std::path::PathBuf;

use super::draft::{Draft, Origin};
use super::entries::Listen;
use super::mistake::{Place, Wrong};
use super::near::nearest;
use super::schema::{ROOT, Setting, address};
use super::written::Written;
use super::{Config, Flags};

/// What every variable begins with.
const PREFIX: &str = "TAILWATER_";
/// Names the configuration file.
const CONFIG: &str = "TAILWATER_CONFIG";
/// Replaces the listeners: addresses, separated by commas.
const LISTEN: &str = "TAILWATER_LISTEN";
/// Short for `log.level`.
const LOG: &str = "TAILWATER_LOG";
/// Read by the project's own tests; a shell that has them set can still start the appliance.
const IGNORED: [&str; 2] = ["TAILWATER_SHARED", "TAILWATER_REQUIRE_SHARED"];

/// The variables of this process that are meant for the appliance. Bytes that are no text are replaced, so that they end
/// in a mistake and not in a panic.
pub fn variables() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect()
}

/// The file that the environment names; the last word belongs to the flag.
pub(super) fn config_file(variables: &[(String, String)]) -> Option<PathBuf> {
    variables.iter().find(|(name, value)| name == CONFIG && !value.is_empty()).map(|(_, file)| PathBuf::from(file))
}

/// Applies the variables. Those without the prefix are none of ours.
pub(super) fn apply_variables(draft: &mut Draft, variables: &[(String, String)]) {
    for (name, value) in variables.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        let origin = Origin::new(Place::Environment, name);
        match (name.as_str(), setting_of(name)) {
            (CONFIG, _) => {}
            (name, _) if IGNORED.contains(&name) => {}
            (LISTEN, _) => listen(draft, value.split(',').map(str::trim), origin),
            (_, Some(setting)) => set(draft, setting, value, origin),
            (name, None) => draft.mistaken(origin, name, unknown(name)),
        }
    }
}

/// Applies the flags.
pub(super) fn apply_flags(draft: &mut Draft, flags: &Flags) {
    let flag = |name| Origin::new(Place::CommandLine, name);
    for (name, path, value) in [
        ("--data", "data", &flags.data),
        ("--shards", "shards", &flags.shards),
        ("--cpus", "cpus", &flags.cpus),
        ("--log", "log.level", &flags.log),
    ] {
        let setting = ROOT.iter().find(|setting| setting.path == path);
        if let (Some(setting), Some(value)) = (setting, value) {
            set(draft, setting, value, flag(name));
        }
    }
    if !flags.listen.is_empty() {
        listen(draft, flags.listen.iter().map(String::as_str), flag("--listen"));
    }
}

/// The setting a variable stands for.
fn setting_of(name: &str) -> Option<&'static Setting<Config>> {
    ROOT.iter().find(|setting| variable_of(setting.path) == name || (name == LOG && setting.path == "log.level"))
}

/// The variable of a key path.
fn variable_of(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_uppercase())
}

/// Gives one setting its value.
fn set(draft: &mut Draft, setting: &Setting<Config>, value: &str, origin: Origin) {
    draft.written(setting.path, origin.clone());
    if let Err(wrongs) = setting.set(&mut draft.config, Written::Text(value)) {
        for (_, wrong) in wrongs {
            draft.mistaken(origin.clone(), setting.path, wrong);
        }
    }
}

/// Replaces all listeners by these addresses, each with every dialect.
fn listen<'a>(draft: &mut Draft, addresses: impl Iterator<Item = &'a str>, origin: Origin) {
    draft.config.listen.clear();
    for (index, text) in addresses.enumerate() {
        let path = format!("listen[{index}].address");
        draft.written(&path, origin.clone());
        let mut listen = Listen::default();
        match address(text) {
            Ok(address) => listen.address = address,
            Err(wrong) => draft.mistaken(origin.clone(), &path, wrong),
        }
        draft.config.listen.push(listen);
    }
    draft.written("listen", origin);
}

/// What to say about a variable that stands for nothing.
fn unknown(name: &str) -> Wrong {
    let mut known: Vec<_> = ROOT.iter().map(|setting| variable_of(setting.path)).collect();
    known.extend([CONFIG, LISTEN, LOG].map(str::to_owned));
    // The prefix is the same in all of them and says nothing about nearness.
    let (_, rest) = name.split_at(PREFIX.len());
    let remedy = match nearest(rest, known.iter().filter_map(|known| known.strip_prefix(PREFIX))) {
        Some(near) => format!("did you mean {PREFIX}{near}?"),
        None => format!(
            "unset it; a setting's variable is {PREFIX} and its key, such as {}",
            variable_of("limits.feeds_max")
        ),
    };
    Wrong::new("unknown variable", remedy)
}
