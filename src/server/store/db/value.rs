//! Values as they go into statements and come out of rows: the four kinds that both databases have.

use super::DbError;
use std::sync::Arc;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Nothing.
    Null,
    /// A whole number; yes and no are 1 and 0.
    Int(i64),
    /// Any other number.
    Real(f64),
    /// Text.
    Text(String),
}

impl Value {
    /// What it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "NULL",
            Value::Int(_) => "a whole number",
            Value::Real(_) => "a number",
            Value::Text(_) => "text",
        }
    }
}

/// What can be put into a statement.
pub(crate) trait Column {
    /// As a value.
    fn value(&self) -> Value;
}

/// Values for a statement, in order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::server::store::db::Column::value(&$value)),*] };
}
pub(crate) use values;

impl Column for i64 {
    fn value(&self) -> Value {
        Value::Int(*self)
    }
}

impl Column for u32 {
    fn value(&self) -> Value {
        Value::Int((*self).into())
    }
}

impl Column for u8 {
    fn value(&self) -> Value {
        Value::Int((*self).into())
    }
}

impl Column for bool {
    fn value(&self) -> Value {
        Value::Int((*self).into())
    }
}

impl Column for f64 {
    fn value(&self) -> Value {
        Value::Real(*self)
    }
}

impl Column for str {
    fn value(&self) -> Value {
        Value::Text(self.to_owned())
    }
}

impl Column for String {
    fn value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl Column for Arc<str> {
    fn value(&self) -> Value {
        Value::Text((**self).to_owned())
    }
}

impl<T: Column + ?Sized> Column for &T {
    fn value(&self) -> Value {
        (**self).value()
    }
}

impl<T: Column> Column for Option<T> {
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Column::value)
    }
}

/// A row of an answer.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// The names of the columns.
    pub(super) names: &'a [String],
    /// As many values.
    pub(super) values: Vec<Value>,
}

impl Row<'_> {
    /// A cell by its place.
    ///
    /// # Errors
    /// [`DbError::Column`] when it is nothing of that kind.
    pub(crate) fn get<T: Cell>(&self, column: usize) -> Result<T, DbError> {
        let wrong = |found: &str| DbError::Column { column, found: found.to_owned() };
        let value = self.values.get(column).ok_or_else(|| wrong("not there"))?;
        T::of(value).ok_or_else(|| wrong(value.kind()))
    }

    /// Names and values in order.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.names.iter().map(String::as_str).zip(&self.values)
    }
}

/// What a cell can be taken for.
pub(crate) trait Cell: Sized {
    /// The value as this; `None` when it is something else.
    fn of(value: &Value) -> Option<Self>;
}

impl Cell for i64 {
    fn of(value: &Value) -> Option<i64> {
        if let Value::Int(number) = value { Some(*number) } else { None }
    }
}

impl Cell for u8 {
    fn of(value: &Value) -> Option<u8> {
        i64::of(value)?.try_into().ok()
    }
}

impl Cell for u32 {
    fn of(value: &Value) -> Option<u32> {
        i64::of(value)?.try_into().ok()
    }
}

impl Cell for bool {
    fn of(value: &Value) -> Option<bool> {
        i64::of(value).map(|number| number != 0)
    }
}

impl Cell for f64 {
    fn of(value: &Value) -> Option<f64> {
        match value {
            Value::Real(number) => Some(*number),
            Value::Int(number) => Some(*number as f64),
            Value::Null | Value::Text(_) => None,
        }
    }
}

impl Cell for String {
    fn of(value: &Value) -> Option<String> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }
}

impl<T: Cell> Cell for Option<T> {
    fn of(value: &Value) -> Option<Option<T>> {
        if *value == Value::Null { Some(None) } else { T::of(value).map(Some) }
    }
}
