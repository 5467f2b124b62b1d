//! Values of statements and rows: integers, texts and null. Booleans are stored as 0 and 1.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

/// A value of a statement or a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlValue<'a> {
    /// NULL.
    Null,
    /// An integer, or a boolean as 0 or 1.
    Integer(i64),
    /// A text.
    Text(&'a str),
}

impl ToSql for SqlValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// A type that is passed to a statement; see the macro `params`.
pub trait Param {
    /// Returns the value.
    fn to_value(&self) -> SqlValue<'_>;
}

/// A type that is read from a column.
pub trait FromColumn: Sized {
    /// Converts a value; `None` if it has another type or does not fit.
    fn from_value(value: SqlValue<'_>) -> Option<Self>;
}

macro_rules! integers {
    ($($integer:ty),*) => { $(
        impl Param for $integer {
            fn to_value(&self) -> SqlValue<'_> {
                SqlValue::Integer(i64::from(*self))
            }
        }
        impl FromColumn for $integer {
            fn from_value(value: SqlValue<'_>) -> Option<Self> {
                if let SqlValue::Integer(number) = value { number.try_into().ok() } else { None }
            }
        }
    )* };
}

integers!(i64, u32, u16);

impl Param for bool {
    fn to_value(&self) -> SqlValue<'_> {
        SqlValue::Integer(i64::from(*self))
    }
}

impl FromColumn for bool {
    fn from_value(value: SqlValue<'_>) -> Option<Self> {
        if let SqlValue::Integer(number) = value { Some(number != 0) } else { None }
    }
}

impl Param for str {
    fn to_value(&self) -> SqlValue<'_> {
        SqlValue::Text(self)
    }
}

impl Param for String {
    fn to_value(&self) -> SqlValue<'_> {
        SqlValue::Text(self)
    }
}

impl FromColumn for String {
    fn from_value(value: SqlValue<'_>) -> Option<Self> {
        if let SqlValue::Text(text) = value { Some(text.to_owned()) } else { None }
    }
}

impl<T: Param + ?Sized> Param for &T {
    fn to_value(&self) -> SqlValue<'_> {
        (**self).to_value()
    }
}

impl<T: Param> Param for Option<T> {
    fn to_value(&self) -> SqlValue<'_> {
        self.as_ref().map_or(SqlValue::Null, Param::to_value)
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_value(value: SqlValue<'_>) -> Option<Self> {
        if value == SqlValue::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}
