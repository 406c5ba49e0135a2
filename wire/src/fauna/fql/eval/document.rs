//! What can be called on a document.

use super::Machine;
use super::chain::not_found;
use super::collection::{checked, object};
use super::modules::{none, one};
use crate::fauna::fql::error::FqlError;
use crate::fauna::value::{DocumentRef, Fields, Missing, Value};

impl Machine<'_> {
    pub(super) fn document_method(
        &mut self,
        at: &DocumentRef,
        name: &str,
        arguments: Vec<Value>,
    ) -> Result<Value, FqlError> {
        match name {
            "exists" => {
                none(name, arguments)?;
                Ok(Value::Bool(self.reading(name)?.document(at)?.is_some()))
            }
            "update" => {
                let patch = object("data", one(name, arguments)?)?;
                self.change(at, name, |before| before.merged(patch.clone()), &patch)
            }
            "replace" => {
                let fields = object("data", one(name, arguments)?)?;
                self.change(at, name, |_| fields.clone().without_nulls(), &fields)
            }
            "delete" => {
                none(name, arguments)?;
                let transaction = self.writing(name)?;
                if transaction.document(at)?.is_none() {
                    return Err(not_found(at));
                }
                transaction.write(at, None)?;
                Ok(Value::Missing(Box::new(Missing { target: Value::Ref(at.clone()), cause: "deleted" })))
            }
            _ => Err(FqlError::no_function(name, &at.collection)),
        }
    }

    fn change(
        &mut self,
        at: &DocumentRef,
        action: &str,
        change: impl FnOnce(Fields) -> Fields,
        given: &Fields,
    ) -> Result<Value, FqlError> {
        let transaction = self.writing(action)?;
        let Some(before) = transaction.document(at)? else { return Err(not_found(at)) };
        let failed = || format!("Failed to update document with id {} in collection `{}`.", at.id, at.collection);
        checked(given.clone(), failed)?;
        transaction.write(at, Some(change(before.fields)))?;
        Ok(Value::Ref(at.clone()))
    }
}
