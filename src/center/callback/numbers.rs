//! Numbers of customers: one way to write each, and which may be called, so that nobody has us call a premium number.

use crate::limits::{CALLBACK_DIGITS_MAX, CALLBACK_DIGITS_MIN};
use std::sync::Arc;

/// How numbers are written here, and which may be called back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The country's code without `+`: `7`; empty when national numbers are left as they come.
    pub country: Arc<str>,
    /// What comes before a national number in place of the country's code: `8`, `0`.
    pub trunk: Arc<str>,
    /// Digits of a national number without that: 10. A number of this length is a national one.
    pub national_digits: usize,
    /// Beginnings of numbers that a caller may type, written as [`Numbers::normal`] writes; empty: he may be called
    /// back at the number he calls from, and at no other.
    pub allow: Vec<Arc<str>>,
    /// Beginnings of numbers that are never called, whoever asks and however he calls.
    pub deny: Vec<Arc<str>>,
}

/// Why a number can't be called back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Too short, too long, or no number at all.
    #[error("that is no telephone number: 5 to 15 digits, with + before the country's code")]
    NoNumber,
    /// It begins with what is not allowed.
    #[error("numbers that begin like that are not called back")]
    Forbidden,
}

impl Numbers {
    /// The one way to write a number: `+` and all digits where the country is known, else the digits as they come.
    /// `None` when it is no number.
    pub fn normal(&self, text: &str) -> Option<Arc<str>> {
        let text = text.trim();
        let plus = text.starts_with('+');
        let shown = |c: &char| !matches!(c, ' ' | '-' | '(' | ')' | '.');
        let digits: String = text.chars().skip(usize::from(plus)).filter(shown).collect();
        let bounds = CALLBACK_DIGITS_MIN..=CALLBACK_DIGITS_MAX;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (plus, digits) = match digits.strip_prefix("00") {
            Some(rest) if !plus => (true, rest.to_owned()),
            Some(_) | None => (plus, digits),
        };
        if !bounds.contains(&digits.len()) {
            return None;
        }
        Some(match plus {
            true => format!("+{digits}").into(),
            false => self.international(&digits).unwrap_or(digits).into(),
        })
    }

    /// A national number, or one with the country's code but without `+`, as the world writes it.
    fn international(&self, digits: &str) -> Option<String> {
        if self.country.is_empty() || self.national_digits == 0 {
            return None;
        }
        let national = |rest: &str| rest.len() == self.national_digits;
        let bare = Some(digits).filter(|rest| national(rest));
        let trunk = || digits.strip_prefix(&*self.trunk).filter(|rest| national(rest));
        let whole = || digits.strip_prefix(&*self.country).filter(|rest| national(rest));
        let rest = bare.or_else(trunk).or_else(whole)?;
        Some(format!("+{}{rest}", self.country))
    }

    /// The number of a customer who is to be called at the number he calls from.
    ///
    /// # Errors
    /// [`NumberError`].
    pub fn own(&self, text: &str) -> Result<Arc<str>, NumberError> {
        let number = self.normal(text).ok_or(NumberError::NoNumber)?;
        let denied = self.deny.iter().any(|beginning| number.starts_with(&**beginning));
        if denied { Err(NumberError::Forbidden) } else { Ok(number) }
    }

    /// A number that somebody names: it must begin like one of those that are allowed.
    ///
    /// # Errors
    /// [`NumberError`].
    pub fn named(&self, text: &str) -> Result<Arc<str>, NumberError> {
        let number = self.own(text)?;
        let allowed = self.allow.iter().any(|beginning| number.starts_with(&**beginning));
        if allowed { Ok(number) } else { Err(NumberError::Forbidden) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kazakh() -> Numbers {
        Numbers {
            country: "7".into(),
            trunk: "8".into(),
            national_digits: 10,
            allow: vec!["+77".into()],
            deny: vec!["+7709".into()],
        }
    }

    #[test]
    fn one_number_is_written_in_one_way() {
        let numbers = kazakh();
        for text in
            ["+7 701 000-00-01", "87010000001", "77010000001", "7010000001", "0077010000001"]
        {
            assert_eq!(numbers.normal(text).as_deref(), Some("+77010000001"), "{text}");
        }
        assert_eq!(numbers.normal("100200").as_deref(), Some("100200"), "a number of the house");
        assert_eq!(Numbers::default().normal("87010000001").as_deref(), Some("87010000001"));
        for text in ["", "+", "1234", "1234567890123456", "anna", "+7701x", "++77010000001"] {
            assert_eq!(numbers.normal(text), None, "{text}");
        }
    }

    #[test]
    fn nobody_has_us_call_where_it_is_not_allowed() {
        let numbers = kazakh();
        assert_eq!(numbers.named("87010000001").as_deref(), Ok("+77010000001"));
        assert_eq!(numbers.own("+490301234567").as_deref(), Ok("+490301234567"));
        assert_eq!(numbers.named("+490301234567"), Err(NumberError::Forbidden));
        assert_eq!(numbers.own("+77091234567"), Err(NumberError::Forbidden), "not even his own");
        assert_eq!(Numbers::default().named("87010000001"), Err(NumberError::Forbidden));
        assert_eq!(numbers.own("123"), Err(NumberError::NoNumber));
    }
}
