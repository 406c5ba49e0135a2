//! Which parts of a source are compiled, and which are evaluated.
//!
//! The conditions a source begins with, and a projection to fields that follows, work on the text of a body. The rest,
//! if there is any, needs the document as a value.

use crate::fauna::condition::Condition;
use crate::fauna::document::View;
use crate::fauna::fql::{FqlError, Limits, Machine, SetStep};
use crate::fauna::projection::Projection;
use crate::fauna::tagged::write_tagged;
use crate::fauna::value::{Moment, Value};

/// What happens to a document on its way into an event.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What it must satisfy first.
    condition: Condition,
    /// What becomes of it then, if that is compiled.
    projection: Projection,
    /// What else happens to it.
    rest: Vec<SetStep>,
}

impl Plan {
    pub(super) fn new(steps: &[SetStep]) -> Self {
        let mut conditions = Vec::new();
        let mut rest = steps;
        while let [SetStep::Where(predicate), after @ ..] = rest
            && let Some(condition) = Condition::compile(predicate)
        {
            conditions.push(condition);
            rest = after;
        }
        let condition = Condition::all(conditions);
        match rest {
            [SetStep::Map(mapper)] if let Some(projection) = Projection::compile(mapper) => {
                Self { condition, projection, rest: Vec::new() }
            }
            rest => Self { condition, projection: Projection::Document, rest: rest.to_vec() },
        }
    }

    /// Whether everything is compiled.
    #[cfg(test)]
    pub(crate) fn is_compiled(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether the document is in the source.
    ///
    /// # Errors
    /// What a condition says of it, or what else decides whether it is.
    pub(crate) fn contains(&self, view: &View<'_>) -> Result<bool, FqlError> {
        if !self.condition.holds(view)? {
            return Ok(false);
        }
        // What a projection makes of the document does not matter as long as no condition follows.
        match self.rest.iter().rposition(|step| matches!(step, SetStep::Where(_))) {
            None => Ok(true),
            Some(last) => evaluate(&self.rest[..=last], view).map(|value| value.is_some()),
        }
    }

    /// Appends what the source shows of a document that is in it.
    ///
    /// # Errors
    /// What a projection says. What was appended by then must be taken away.
    pub(crate) fn write(&self, view: &View<'_>, out: &mut Vec<u8>) -> Result<(), FqlError> {
        if self.rest.is_empty() {
            return self.projection.write(view, out);
        }
        let value = evaluate(&self.rest, view)?.unwrap_or(Value::Null);
        write_tagged(&value, out);
        Ok(())
    }
}

/// What steps make of a document, the time being that of its event.
fn evaluate(steps: &[SetStep], view: &View<'_>) -> Result<Option<Value>, FqlError> {
    let now = Some(Moment::from_us(view.time_us()));
    let mut machine = Machine::pure(now, &Limits::of_an_event());
    let mut value = view.to_value();
    for step in steps {
        match step {
            SetStep::Where(predicate) => {
                let keeps = machine.call(predicate, vec![value.clone()])?;
                if !machine.truth(&keeps)? {
                    return Ok(None);
                }
            }
            SetStep::Map(mapper) => value = machine.call(mapper, vec![value])?,
            // A source has no such step.
            SetStep::Take(_) => return Ok(None),
        }
    }
    machine.materialize(value).map(Some)
}
