//! Asking an endpoint: what goes out, and what of the answer goes into variables.

use super::{Effect, Happening, Inquiry, LookedUp, Run, Sending, State, Step, to};
use crate::fact::{Flaw, LookupEnd};
use crate::flow::limits::DIGITS_MAX;
use crate::flow::model::{Http, Kind, Sent, Var, VarIx, VarKind, Way};
use crate::limits::ANSWER_TEXT_CHARS_MAX;
use crate::lookup::{Judged, Reply};
use crate::saying::Manner;
use dozvon_clock::Timestamp;
use serde_json::{Map, Value};
use std::sync::Arc;

impl Run {
    /// Gives the request out and waits for its answer, no longer than the node says. A key that was pressed ahead stays
    /// for the menu behind.
    pub(super) fn ask_endpoint(&mut self, now: Timestamp, http: &Http) {
        let playing = self.play(&http.play);
        self.ticket = self.ticket.wrapping_add(1);
        self.state = State::LookingUp { ticket: self.ticket, playing };
        self.deadline = Some(now + http.timeout);
        let send = http.send.iter().map(|sent| match sent.value {
            Sent::OfCall(which) => Sending::OfCall(which),
            Sent::Var(var) => {
                let model = self.flow.var(var);
                Sending::Value {
                    name: model.own_name().into(),
                    value: Arc::clone(&self.values[var.0 as usize]),
                    is_number: model.kind == VarKind::Value(Manner::Number),
                    is_secret: model.secret,
                }
            }
        });
        let inquiry = Inquiry {
            ticket: self.ticket,
            endpoint: Arc::clone(&http.endpoint),
            request: Arc::clone(&http.request),
            within: http.timeout,
            send: send.collect(),
        };
        self.effects.push_back(Effect::LookUp(Box::new(inquiry)));
    }

    /// What the endpoint said, if this is still waited for.
    pub(super) fn replied(&mut self, ticket: u32, reply: &Reply) -> Step {
        let flow = Arc::clone(&self.flow);
        let (State::LookingUp { ticket: own, .. }, Kind::Http(http)) =
            (&self.state, &flow.node(self.node).kind)
        else {
            return None;
        };
        if *own != ticket {
            return None;
        }
        self.hush();
        let mut judged = reply.judge();
        if judged.end == LookupEnd::Ok {
            match self.values_of(http, &judged.answer) {
                Ok(values) => values.into_iter().for_each(|(var, value)| self.set(var, value)),
                Err(pointer) => {
                    let customer = judged.customer.take();
                    judged = Judged { customer, ..Judged::error(Flaw::Value, &pointer) };
                }
            }
        }
        self.looked_up(http, judged)
    }

    /// The endpoint is waited for no longer.
    pub(super) fn answer_too_late(&mut self, http: &Http) -> Step {
        self.hush();
        self.looked_up(http, Reply::TimedOut.judge())
    }

    /// Whoever leaves the node by another door no longer waits for its endpoint.
    pub(super) fn give_lookup_up(&mut self) {
        if let State::LookingUp { .. } = self.state {
            self.tell_lookup(LookupEnd::Left, None);
        }
    }

    fn looked_up(&mut self, http: &Http, judged: Judged) -> Step {
        let end = judged.end;
        self.tell_lookup(end, Some(judged));
        match end {
            LookupEnd::Ok => to(Way::Ok, http.ok),
            LookupEnd::NotFound => to(Way::NotFound, http.not_found),
            LookupEnd::Several => to(Way::Several, http.several),
            LookupEnd::Error => to(Way::Error, http.error),
            LookupEnd::Timeout => to(Way::Timeout, http.timed_out),
            LookupEnd::Left => unreachable!("no reply says that the caller has left"),
        }
    }

    fn tell_lookup(&mut self, end: LookupEnd, judged: Option<Judged>) {
        let (flaw, customer) = judged.map_or((None, None), |judged| (judged.flaw, judged.customer));
        let over = LookedUp { end, flaw, customer };
        self.effects.push_back(Effect::LookedUp(Box::new(over)));
    }

    /// The values that the answer has for variables, all of them or none: then the pointer to the first that does not
    /// suit.
    fn values_of(
        &self,
        http: &Http,
        answer: &Map<String, Value>,
    ) -> Result<Vec<(VarIx, Arc<str>)>, Arc<str>> {
        let answer = Value::Object(answer.clone());
        let mut all = Vec::new();
        for (var, pointer) in &http.set {
            let model = self.flow.var(var.value);
            let value = answer.pointer(pointer).filter(|value| !value.is_null());
            match self.fitting(model, value) {
                Some(Some(value)) => all.push((var.value, value)),
                Some(None) => {}
                None => return Err(Arc::clone(pointer)),
            }
        }
        Ok(all)
    }

    /// The value as the variable holds it. `Some(None)`: it stays as it is. `None`: it does not suit.
    ///
    /// What can be said must be there: a balance that is missing is no balance. A text, a word or a language may be
    /// missing, and a language that is not spoken here changes nothing.
    fn fitting(&self, var: &Var, value: Option<&Value>) -> Option<Option<Arc<str>>> {
        let Some(value) = value else {
            return match var.kind {
                VarKind::Language | VarKind::Text | VarKind::Enum(_) => Some(None),
                VarKind::Digits | VarKind::Value(_) => None,
            };
        };
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        let is_text = value.is_string();
        let fits = match &var.kind {
            VarKind::Language => {
                let spoken = self.flow.languages.iter().any(|own| *own.value == *text);
                return is_text.then(|| spoken.then(|| text.into()));
            }
            VarKind::Text => is_text && text.chars().count() <= ANSWER_TEXT_CHARS_MAX,
            VarKind::Enum(values) => is_text && values.iter().any(|known| **known == *text),
            // As a number it would have lost its zeros.
            VarKind::Digits => {
                is_text && text.len() <= DIGITS_MAX as usize && Manner::Digits.read(&text).is_some()
            }
            VarKind::Value(Manner::Number) => text.parse::<i64>().is_ok(),
            VarKind::Value(manner) => {
                text.len() <= ANSWER_TEXT_CHARS_MAX && manner.read(&text).is_some()
            }
        };
        fits.then(|| Some(text.into()))
    }
}

impl Happening {
    /// A reply that has come for the inquiry with this ticket.
    pub fn replied(ticket: u32, reply: Reply) -> Happening {
        Happening::Replied(ticket, Box::new(reply))
    }
}
