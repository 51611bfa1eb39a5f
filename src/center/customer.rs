//! Who the customer is, as the bank's endpoint told: the card that an agent sees before he answers.
//!
//! The contract of the answer is in `docs/endpoints.md`. What comes is data of a stranger: every text is cleaned of
//! control characters and bounded, and what is not of the contract's form is refused with the place of the mistake.
//! Everything in here is personal: `Debug` shows none of it, and no metric or log may.

use crate::bot::BotCard;
use crate::limits::{
    CUSTOMER_FIELD_CHARS_MAX, CUSTOMER_FIELDS_MAX, CUSTOMER_ID_CHARS_MAX, CUSTOMER_NAME_CHARS_MAX,
    CUSTOMER_OFFERS_MAX, CUSTOMER_WORD_CHARS_MAX, CUSTOMERS_MAX,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What a lookup has found.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Customer {
    /// Nobody: an empty card and full identification.
    Unknown,
    /// This one.
    Known(Box<Profile>),
    /// One of these: the agent asks which.
    Several {
        /// The first [`CUSTOMERS_MAX`] of them.
        customers: Vec<Profile>,
        /// How many more there are.
        unlisted: usize,
    },
}

/// One customer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The bank's id for him; never empty.
    pub id: Arc<str>,
    /// How to greet him.
    pub name: Option<Arc<str>>,
    /// His language.
    pub language: Option<Arc<str>>,
    /// His segment.
    pub segment: Option<Arc<str>>,
    /// How far he has proved who he is.
    pub identification: Identification,
    /// What he may be offered.
    pub offers: Vec<Arc<str>>,
    /// What else the bank wants its agents to see.
    pub fields: BTreeMap<Arc<str>, Arc<str>>,
}

/// How far a customer has proved who he is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Identification {
    /// Not at all: the agent identifies him.
    #[default]
    None,
    /// He calls from his own number.
    ByNumber,
    /// He has passed in the flow, and is not asked again.
    Passed,
}

impl Identification {
    /// All of them.
    pub const ALL: [Identification; 3] =
        [Identification::None, Identification::ByNumber, Identification::Passed];

    /// The word of the contract, of events and of screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Identification::None => "none",
            Identification::ByNumber => "by_number",
            Identification::Passed => "passed",
        }
    }
}

impl Customer {
    /// The customer in an answer; `None` when it says nothing of one.
    ///
    /// # Errors
    /// The member that is not of the contract's form.
    pub(crate) fn of_answer(answer: &Map<String, Value>) -> Result<Option<Customer>, &'static str> {
        match (answer.get("customer"), answer.get("customers")) {
            (None, None) => Ok(None),
            (Some(Value::Null), None) => Ok(Some(Customer::Unknown)),
            (Some(one), None) => Ok(Some(Customer::Known(Box::new(Profile::read(one)?)))),
            (None, Some(Value::Array(all))) => Customer::of_list(all).map(Some),
            (None, Some(_)) => Err("/customers"),
            // Which of them would be meant?
            (Some(_), Some(_)) => Err("/customer and /customers"),
        }
    }

    fn of_list(all: &[Value]) -> Result<Customer, &'static str> {
        let listed = all.iter().take(CUSTOMERS_MAX).map(Profile::read);
        let mut customers = listed.collect::<Result<Vec<Profile>, _>>()?;
        Ok(match customers.len() {
            0 => Customer::Unknown,
            1 => Customer::Known(Box::new(customers.remove(0))),
            listed => Customer::Several { customers, unlisted: all.len() - listed },
        })
    }

    /// The word that screens show: `unknown`, `known` or `several`.
    pub const fn state(&self) -> &'static str {
        match self {
            Customer::Unknown => "unknown",
            Customer::Known(_) => "known",
            Customer::Several { .. } => "several",
        }
    }

    /// The customer, if it is clear who he is.
    pub fn known(&self) -> Option<&Profile> {
        match self {
            Customer::Known(profile) => Some(profile),
            Customer::Unknown | Customer::Several { .. } => None,
        }
    }
}

impl Profile {
    fn read(value: &Value) -> Result<Profile, &'static str> {
        let Value::Object(map) = value else { return Err("/customer") };
        let word = |key: &str, place, most| match map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(cleaned(text, most)).filter(|t| !t.is_empty())),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(place)
            }
        };
        Ok(Profile {
            id: id(map)?,
            name: word("name", "/customer/name", CUSTOMER_NAME_CHARS_MAX)?,
            language: word("language", "/customer/language", CUSTOMER_WORD_CHARS_MAX)?,
            segment: word("segment", "/customer/segment", CUSTOMER_WORD_CHARS_MAX)?,
            identification: identification(map)?,
            offers: offers(map)?,
            fields: fields(map)?,
        })
    }
}

/// A text, or a whole number, that is not empty, not too long, and has no control characters.
fn id(map: &Map<String, Value>) -> Result<Arc<str>, &'static str> {
    let text = match map.get("id") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if number.is_u64() => number.to_string(),
        Some(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_),
        )
        | None => return Err("/customer/id"),
    };
    let fits = text.chars().count() <= CUSTOMER_ID_CHARS_MAX && !text.chars().any(char::is_control);
    if fits && !text.trim().is_empty() { Ok(text.into()) } else { Err("/customer/id") }
}

fn identification(map: &Map<String, Value>) -> Result<Identification, &'static str> {
    let word = match map.get("identification") {
        None | Some(Value::Null) => return Ok(Identification::None),
        Some(value) => value.as_str().unwrap_or_default(),
    };
    let known = Identification::ALL.into_iter().find(|known| known.as_str() == word);
    known.ok_or("/customer/identification")
}

fn offers(map: &Map<String, Value>) -> Result<Vec<Arc<str>>, &'static str> {
    let list = match map.get("offers") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(value) => value.as_array().ok_or("/customer/offers")?,
    };
    let offer = |value: &Value| {
        value.as_str().map(|text| cleaned(text, CUSTOMER_WORD_CHARS_MAX)).ok_or("/customer/offers")
    };
    list.iter().take(CUSTOMER_OFFERS_MAX).map(offer).collect()
}

fn fields(map: &Map<String, Value>) -> Result<BTreeMap<Arc<str>, Arc<str>>, &'static str> {
    let all = match map.get("fields") {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(value) => value.as_object().ok_or("/customer/fields")?,
    };
    // In the order of their names, whatever order they came in.
    let sorted: BTreeMap<&String, &Value> = all.iter().collect();
    let mut kept = BTreeMap::new();
    for (name, value) in sorted.into_iter().take(CUSTOMER_FIELDS_MAX) {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => return Err("/customer/fields"),
        };
        let name = cleaned(name, CUSTOMER_WORD_CHARS_MAX);
        kept.insert(name, cleaned(&text, CUSTOMER_FIELD_CHARS_MAX));
    }
    Ok(kept)
}

/// Without control characters and blanks around, and cut.
pub(crate) fn cleaned(text: &str, most: usize) -> Arc<str> {
    let plain = text.trim().chars().filter(|c| !c.is_control());
    plain.take(most).collect::<String>().into()
}

impl fmt::Debug for Customer {
    /// Nothing personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.state())
    }
}

impl fmt::Debug for Profile {
    /// Nothing personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a customer")
    }
}

/// What an agent sees of a call that is offered to him.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallCard {
    /// The language spoken with the caller so far.
    pub language: Arc<str>,
    /// Who he is; missing when no endpoint has said anything of him.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Arc<Customer>>,
    /// The options of menus that he took, by their labels, in order.
    pub chosen: Vec<Arc<str>>,
    /// Seconds that he has waited for a person.
    pub waited_secs: f64,
    /// The bot that had him last and what it said; missing when none said anything. Personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bot: Option<BotCard>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(answer: Value) -> Result<Option<Customer>, &'static str> {
        Customer::of_answer(answer.as_object().expect("an object"))
    }

    #[test]
    fn a_full_card_is_read() {
        let found = read(json!({"customer": {
            "id": "C-1", "name": " Айгуль\u{7} С. ", "language": "kk", "segment": "senior",
            "identification": "by_number", "offers": ["gold-card"],
            "fields": {"branch": "Almaty 3", "cards": 2, "vip": true, "none": null}, "extra": [1]}}));
        let customer = found.unwrap().unwrap();
        let profile = customer.known().unwrap();
        assert_eq!(profile.name.as_deref(), Some("Айгуль С."));
        assert_eq!(profile.identification, Identification::ByNumber);
        assert_eq!(*profile.offers[0], *"gold-card");
        let fields: Vec<(&str, &str)> = profile.fields.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(fields, [("branch", "Almaty 3"), ("cards", "2"), ("vip", "true")]);
        let shown = serde_json::to_value(&customer).unwrap();
        assert_eq!((&shown["state"], &shown["id"]), (&json!("known"), &json!("C-1")));
        assert_eq!(serde_json::from_value::<Customer>(shown).unwrap(), customer);
        assert!(!format!("{customer:?}{profile:?}").contains("Айгуль"), "nothing personal in logs");
    }

    #[test]
    fn nobody_one_and_several_are_told_apart() {
        let one = json!({"id": 7});
        assert_eq!(read(json!({"balance": 1})), Ok(None));
        assert_eq!(read(json!({"customer": null})), Ok(Some(Customer::Unknown)));
        assert_eq!(read(json!({"customers": []})), Ok(Some(Customer::Unknown)));
        assert_eq!(read(json!({"customers": [one]})).unwrap().unwrap().state(), "known");
        let many = vec![one; CUSTOMERS_MAX + 3];
        let several = read(json!({ "customers": many })).unwrap().unwrap();
        let Customer::Several { customers, unlisted } = several else { panic!("several") };
        assert_eq!((customers.len(), unlisted), (CUSTOMERS_MAX, 3));
    }

    #[test]
    fn what_is_not_of_the_form_is_refused_with_its_place() {
        for (answer, place) in [
            (json!({"customer": "C-1"}), "/customer"),
            (json!({"customer": {}}), "/customer/id"),
            (json!({"customer": {"id": " "}}), "/customer/id"),
            (json!({"customer": {"id": 1.5}}), "/customer/id"),
            (json!({"customer": {"id": "a\nb"}}), "/customer/id"),
            (json!({"customer": {"id": "1", "name": 5}}), "/customer/name"),
            (json!({"customer": {"id": "1", "language": ["kk"]}}), "/customer/language"),
            (json!({"customer": {"id": "1", "segment": {}}}), "/customer/segment"),
            (json!({"customer": {"id": "1", "identification": "yes"}}), "/customer/identification"),
            (json!({"customer": {"id": "1", "offers": "gold"}}), "/customer/offers"),
            (json!({"customer": {"id": "1", "fields": {"a": []}}}), "/customer/fields"),
            (json!({"customers": {"id": "1"}}), "/customers"),
            (json!({"customer": null, "customers": []}), "/customer and /customers"),
        ] {
            assert_eq!(read(answer.clone()), Err(place), "{answer}");
        }
    }

    #[test]
    fn at_the_bounds_texts_are_cut_lists_end_and_a_long_id_is_refused() {
        let id = |n: usize| read(json!({"customer": {"id": "x".repeat(n)}}));
        assert!(id(CUSTOMER_ID_CHARS_MAX).is_ok());
        assert_eq!(id(CUSTOMER_ID_CHARS_MAX + 1), Err("/customer/id"));
        let fields: Map<String, Value> =
            (0..30).map(|n| (format!("f{n:02}"), json!("ы".repeat(999)))).collect();
        let offers = vec!["o".repeat(99); 30];
        let answer = json!({"customer": {"id": "1", "name": "ы".repeat(999), "language": "l".repeat(99),
            "offers": offers, "fields": fields}});
        let customer = read(answer).unwrap().unwrap();
        let profile = customer.known().unwrap();
        let chars = |text: &Arc<str>| text.chars().count();
        assert_eq!(profile.name.as_ref().map(chars), Some(CUSTOMER_NAME_CHARS_MAX));
        assert_eq!(profile.language.as_ref().map(chars), Some(CUSTOMER_WORD_CHARS_MAX));
        assert_eq!(profile.offers.len(), CUSTOMER_OFFERS_MAX);
        assert_eq!(chars(&profile.offers[0]), CUSTOMER_WORD_CHARS_MAX);
        assert_eq!(profile.fields.len(), CUSTOMER_FIELDS_MAX);
        assert_eq!(chars(&profile.fields["f00"]), CUSTOMER_FIELD_CHARS_MAX);
    }
}
