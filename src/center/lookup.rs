//! Asking endpoints for a call: what goes out, what comes back, and what an answer means.
//!
//! The center never waits for one: it gives out a [`Lookup`] and takes the [`Reply`] whenever it comes; one that comes
//! too late is dropped. The flow's own clock ends the wait. How an endpoint is reached is the roof's matter.

use crate::border::Output;
use crate::bot::BotCard;
use crate::call::Call;
use crate::center::Center;
use crate::contact::Stage;
use crate::customer::{CallCard, Customer};
use crate::fact::{Flaw, LookupEnd, What};
use crate::flow::model::OfCall;
use crate::flow::{Happening, Inquiry, LookedUp, Sending};
use crate::ids::{CallId, LookupId};
use crate::limits::ANSWER_BYTES_MAX;
use dozvon_clock::Timestamp;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// An endpoint to be asked. Whoever gets it must give the [`Reply`] to [`Center::looked_up`], and should give up after
/// `within`.
#[derive(Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Comes back with the reply.
    pub id: LookupId,
    /// Which endpoint.
    pub endpoint: Arc<str>,
    /// Which of its requests.
    pub request: Arc<str>,
    /// After this nobody waits any more.
    pub within: Duration,
    /// What may stand in the request's path, by name; no secret is among them. Empty: the call has none.
    pub in_path: BTreeMap<Arc<str>, Arc<str>>,
    /// What the request carries.
    pub body: Map<String, Value>,
}

/// What became of a [`Lookup`].
#[derive(Clone, PartialEq, Eq)]
pub enum Reply {
    /// The endpoint has answered.
    Answered {
        /// With this status of HTTP.
        status: u16,
        /// And these bytes.
        body: Vec<u8>,
    },
    /// It was not asked: the call has not what would have to be asked for, such as a hidden caller's number.
    NothingToAsk,
    /// It could not be asked, or its answer could not be had.
    Failed(Flaw),
    /// It did not answer in time.
    TimedOut,
}

/// What a reply means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) end: LookupEnd,
    /// Why it is an error, and where in the answer, if in one place.
    pub(crate) flaw: Option<(Flaw, Arc<str>)>,
    pub(crate) customer: Option<Customer>,
    pub(crate) answer: Map<String, Value>,
}

impl Judged {
    fn plain(end: LookupEnd) -> Judged {
        Judged { end, flaw: None, customer: None, answer: Map::new() }
    }

    /// An answer that can't be taken.
    pub(crate) fn error(flaw: Flaw, at: &str) -> Judged {
        Judged { flaw: Some((flaw, at.into())), ..Judged::plain(LookupEnd::Error) }
    }
}

impl Reply {
    /// What it means by the contract of `docs/endpoints.md`.
    pub(crate) fn judge(&self) -> Judged {
        match self {
            Reply::Answered { body, .. } if body.len() > ANSWER_BYTES_MAX => {
                Judged::error(Flaw::TooLong, "")
            }
            Reply::Answered { status: 200..=299, body } => judge(body),
            Reply::Answered { status: 404, .. } | Reply::NothingToAsk => {
                Judged::plain(LookupEnd::NotFound)
            }
            Reply::Answered { .. } => Judged::error(Flaw::Status, ""),
            Reply::Failed(flaw) => Judged::error(*flaw, ""),
            Reply::TimedOut => Judged::plain(LookupEnd::Timeout),
        }
    }
}

fn judge(body: &[u8]) -> Judged {
    // An endpoint that has nothing to say but that it was asked.
    if body.iter().all(u8::is_ascii_whitespace) {
        return Judged::plain(LookupEnd::Ok);
    }
    let Ok(Value::Object(answer)) = serde_json::from_slice(body) else {
        return Judged::error(Flaw::NoObject, "");
    };
    let customer = match Customer::of_answer(&answer) {
        Ok(customer) => customer,
        Err(place) => return Judged::error(Flaw::Form, place),
    };
    let end = match &customer {
        None | Some(Customer::Known(_)) => LookupEnd::Ok,
        Some(Customer::Unknown) => LookupEnd::NotFound,
        Some(Customer::Several { .. }) => LookupEnd::Several,
    };
    Judged { end, flaw: None, customer, answer }
}

/// An endpoint that is being asked for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    number: u32,
    /// The flow's own mark of it.
    ticket: u32,
    endpoint: Arc<str>,
    request: Arc<str>,
    since: Timestamp,
}

impl Center {
    /// What became of a lookup. Late ones, and those that nobody has asked for, are dropped.
    pub fn looked_up(&mut self, now: Timestamp, id: LookupId, reply: Reply) {
        let Some(mut call) = self.calls.remove(&id.call) else { return };
        let asked = call.asked.as_ref().filter(|asked| asked.number == id.number);
        if let Some(ticket) = asked.map(|asked| asked.ticket) {
            call.run.handle(now, Happening::Replied(ticket, Box::new(reply)));
            self.pump(now, &mut call);
        }
        self.put_back(now, call, None);
        self.settle(now);
    }

    pub(crate) fn look_up(&mut self, now: Timestamp, call: &mut Call, inquiry: Inquiry) {
        let Inquiry { ticket, endpoint, request, within, send } = inquiry;
        call.lookups += 1;
        let number = call.lookups;
        let names = (endpoint.clone(), request.clone());
        call.asked =
            Some(Asked { number, ticket, endpoint: names.0, request: names.1, since: now });
        let id = LookupId { call: call.id, number };
        let contact = call.record.contact();
        let of_call = |which| match which {
            OfCall::Caller => contact.caller.as_str().into(),
            OfCall::Dialled => contact.dialled.as_str().into(),
            OfCall::Call => Arc::from(contact.call.0.to_string()),
        };
        let known = OfCall::ALL.map(|which| (Arc::from(which.as_str()), of_call(which)));
        let mut in_path = BTreeMap::from(known);
        let mut body = Map::new();
        for sending in send {
            match sending {
                Sending::OfCall(which) => {
                    let value = of_call(which);
                    body.insert(which.as_str().to_owned(), text_or_null(&value));
                }
                Sending::Value { name, value, is_number, is_secret } => {
                    let number = value.parse::<i64>().ok().filter(|_| is_number);
                    let sent = number.map_or_else(|| text_or_null(&value), Value::from);
                    body.insert(name.to_string(), sent);
                    if !is_secret {
                        in_path.insert(name, value);
                    }
                }
            }
        }
        let lookup = Lookup { id, endpoint, request, within, in_path, body };
        self.outputs.push_back(Output::Lookup(Box::new(lookup)));
    }

    /// The flow has what it asked for, or waits for it no more.
    pub(crate) fn lookup_over(&mut self, now: Timestamp, call: &mut Call, over: LookedUp) {
        let Some(asked) = call.asked.take() else { return };
        let LookedUp { end, flaw, customer } = over;
        let Asked { endpoint, request, since, .. } = asked;
        let customer = customer.or_else(|| match (end, &call.record.contact().customer) {
            // Whoever was looked for in vain, and is not known by another lookup, is unknown.
            (LookupEnd::NotFound, None) => Some(Customer::Unknown),
            _ => None,
        });
        let state = customer.as_ref().map(Customer::state);
        if let Some(customer) = customer {
            call.record.customer(customer);
        }
        let took_secs = now.since(since).as_secs_f64();
        let (flaw, at) = flaw.unzip();
        let what =
            What::LookupEnded { endpoint, request, end, flaw, at, customer: state, took_secs };
        self.fact(now, Some(call.id), what);
    }

    /// The caller has hung up while an endpoint was asked.
    pub(crate) fn hung_up_on_lookup(&mut self, now: Timestamp, call: &mut Call) {
        let left = LookedUp { end: LookupEnd::Left, flaw: None, customer: None };
        self.lookup_over(now, call, left);
    }

    /// What an agent is to see of a call.
    pub(crate) fn card(&self, now: Timestamp, call: &Call) -> CallCard {
        let contact = call.record.contact();
        let waited = call.enqueued_at.map(|since| now.since(since)).unwrap_or_default();
        CallCard {
            language: contact.language.clone(),
            customer: contact.customer.clone(),
            chosen: contact.chosen.clone(),
            waited_secs: waited.as_secs_f64(),
            bot: contact.stages.iter().rev().find_map(bot_card),
        }
    }

    /// The card of a running call, if there is one of that id.
    pub fn card_of(&self, now: Timestamp, call: CallId) -> Option<CallCard> {
        self.calls.get(&call).map(|call| self.card(now, call))
    }
}

/// What the bot of a stage has said.
fn bot_card(stage: &Stage) -> Option<BotCard> {
    Some(BotCard { bot: stage.peer.clone()?, note: stage.bot_note.clone()? })
}

fn text_or_null(value: &Arc<str>) -> Value {
    if value.is_empty() { Value::Null } else { Value::from(&**value) }
}

impl fmt::Debug for Lookup {
    /// Without any value: they are the customer's, or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}.{} within {:?}", self.id, self.endpoint, self.request, self.within)
    }
}

impl fmt::Debug for Reply {
    /// Without what was answered.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Answered { status, body } => write!(f, "{status} with {} bytes", body.len()),
            Reply::NothingToAsk => f.write_str("nothing to ask"),
            Reply::Failed(flaw) => f.write_str(flaw.as_str()),
            Reply::TimedOut => f.write_str("timed out"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> (LookupEnd, Option<(Flaw, Arc<str>)>) {
        let judged = Reply::Answered { status, body: body.into() }.judge();
        (judged.end, judged.flaw)
    }

    #[test]
    fn every_answer_has_one_meaning() {
        let error = |flaw, at: &str| (LookupEnd::Error, Some((flaw, Arc::from(at))));
        for (status, body, wanted) in [
            (200, "{}", (LookupEnd::Ok, None)),
            (204, "", (LookupEnd::Ok, None)),
            (200, " \r\n", (LookupEnd::Ok, None)),
            (201, r#"{"customer": {"id": "1"}}"#, (LookupEnd::Ok, None)),
            (200, r#"{"customer": null}"#, (LookupEnd::NotFound, None)),
            (404, "<html>", (LookupEnd::NotFound, None)),
            (200, r#"{"customers": [{"id": 1}, {"id": 2}]}"#, (LookupEnd::Several, None)),
            (200, r#"{"customer": {}}"#, error(Flaw::Form, "/customer/id")),
            (200, "[1]", error(Flaw::NoObject, "")),
            (200, "<html>", error(Flaw::NoObject, "")),
            (200, &"[".repeat(9_999), error(Flaw::NoObject, "")),
            (302, "{}", error(Flaw::Status, "")),
            (401, "{}", error(Flaw::Status, "")),
            (500, "{}", error(Flaw::Status, "")),
        ] {
            assert_eq!(judged(status, body), wanted, "{status} {body:.40}");
        }
        assert_eq!(Reply::TimedOut.judge().end, LookupEnd::Timeout);
        assert_eq!(Reply::NothingToAsk.judge().end, LookupEnd::NotFound);
        let failed = Reply::Failed(Flaw::Busy).judge();
        assert_eq!((failed.end, failed.flaw), error(Flaw::Busy, ""));
    }

    #[test]
    fn an_answer_at_the_bound_is_taken_and_a_longer_one_is_not() {
        let body = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        assert_eq!(judged(200, &body(ANSWER_BYTES_MAX)).0, LookupEnd::Ok);
        let longer = judged(200, &body(ANSWER_BYTES_MAX + 1));
        assert_eq!(longer, (LookupEnd::Error, Some((Flaw::TooLong, "".into()))));
    }

    #[test]
    fn nothing_of_a_customer_is_shown_for_debugging() {
        let lookup = Lookup {
            id: LookupId { call: CallId(1), number: 2 },
            endpoint: "crm".into(),
            request: "pin".into(),
            within: Duration::from_secs(1),
            in_path: BTreeMap::from([("caller".into(), "+77010000001".into())]),
            body: Map::from_iter([("pin".to_owned(), Value::from("4321"))]),
        };
        let reply = Reply::Answered { status: 200, body: b"{\"name\":\"Aigul\"}".to_vec() };
        let shown = format!("{lookup:?} {reply:?}");
        assert_eq!(shown, "lookup-1-2 at crm.pin within 1s 200 with 16 bytes");
    }
}
