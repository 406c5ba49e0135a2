//! Compiled projections: what a `map` to fields shows of a document, taken from the text of its body.

use super::document::{Found, Path, View, resolve, write_stored_tagged};
use super::fql::ast::{Expr, Kind};
use super::fql::{FqlError, Lambda};
use super::source::path_of;
use super::tagged::{write_str, write_tagged};

/// What is shown of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Projection {
    /// All of it.
    Document,
    /// One field: `map(.a.b)`.
    Field(Path),
    /// An object of fields: `map(d => { x: d.a, y: d.b.c })`, `{ a, b }`.
    Fields(Vec<(String, Path)>),
}

impl Projection {
    /// The projection that a function is; `None` if it must be evaluated.
    pub fn compile(mapper: &Lambda) -> Option<Self> {
        let [Some(parameter)] = mapper.parameters.as_slice() else { return None };
        match &mapper.body.kind {
            Kind::Object(members) => fields(members, |value| path_of(parameter, value)),
            Kind::Project(base, members) if matches!(&base.kind, Kind::Name(name) if name == parameter) => {
                fields(members, short_path)
            }
            _ => match path_of(parameter, &mapper.body)? {
                Path(steps) if steps.is_empty() => Some(Self::Document),
                path => Some(Self::Field(path)),
            },
        }
    }

    /// Appends what is shown, in the tagged format.
    ///
    /// # Errors
    /// A field of nothing. What was appended by then must be taken away.
    pub fn write(&self, view: &View<'_>, out: &mut Vec<u8>) -> Result<(), FqlError> {
        match self {
            Self::Document => view.write_tagged(out),
            Self::Field(path) => write_found(resolve(view, path)?, out),
            Self::Fields(fields) => {
                out.push(b'{');
                for (at, (name, path)) in fields.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write_str(name, out);
                    out.push(b':');
                    write_found(resolve(view, path)?, out);
                }
                out.push(b'}');
            }
        }
        Ok(())
    }
}

fn fields(members: &[(String, Expr)], path: impl Fn(&Expr) -> Option<Path>) -> Option<Projection> {
    let fields = members.iter().map(|(name, value)| {
        let path = path(value).filter(|path| !path.0.is_empty() && !name.starts_with('@'))?;
        Some((name.clone(), path))
    });
    fields.collect::<Option<_>>().map(Projection::Fields)
}

/// The path of a short function.
fn short_path(member: &Expr) -> Option<Path> {
    let Kind::Short(body) = &member.kind else { return None };
    let Kind::Chain(base, links) = &body.kind else { return None };
    if base.kind != Kind::This {
        return None;
    }
    let named = Expr::new(Kind::Name(String::new()), base.span);
    path_of("", &Expr::new(Kind::Chain(Box::new(named), links.clone()), body.span))
}

fn write_found(found: Found<'_>, out: &mut Vec<u8>) {
    match found {
        Found::Stored(text) => write_stored_tagged(text, out),
        Found::Built(value) => write_tagged(&value, out),
    }
}
