//! The node that asks an endpoint: what goes out, what is taken out of the answer, and where each outcome leads.

use super::{F012, F015, Loader, nothing};
use crate::flow::diagnostic::{Diagnostic, Spanned, Spot};
use crate::flow::grammar;
use crate::flow::limits::{HTTP_TIMEOUT_MAX, HTTP_VARS_MAX, POINTER_CHARS_MAX};
use crate::flow::model::{Http, OfCall, Sent, VarIx};
use crate::flow::yaml::{Fields, Y004, Yaml, show};
use std::sync::Arc;
use std::time::Duration;

impl Loader<'_> {
    pub(super) fn http(&mut self, body: &Yaml, spot: Spot) -> Option<Http> {
        let fields = self.body(body, spot, &grammar::HTTP)?;
        let (endpoint, request) = self.uses(fields);
        let timeout = self.http_timeout(fields);
        let send = fields.get("send").map(|yaml| self.send(yaml)).unwrap_or_default();
        let set = fields.get("set").map(|yaml| self.set_from(yaml)).unwrap_or_default();
        let play = self.optional_prompts(fields, "play");
        let after = self.after(fields, "http", &grammar::AFTER_HTTP)?;
        Some(Http {
            spot: endpoint.spot,
            endpoint: endpoint.value,
            request,
            timeout,
            send,
            set,
            play,
            ok: self.outcome(F012, after, "http", "ok"),
            not_found: self.outcome(F012, after, "http", "not_found"),
            several: self.outcome(F012, after, "http", "several"),
            error: self.outcome(F012, after, "http", "error"),
            timed_out: self.outcome(F012, after, "http", "timeout"),
        })
    }

    /// `crm.customer-by-phone`: an endpoint and one of its requests.
    fn uses(&mut self, fields: Fields<'_>) -> (Spanned<Arc<str>>, Arc<str>) {
        let none = || (nothing("none"), Arc::from("none"));
        let Some(yaml) = self.reader.need(fields, "http", "use") else { return none() };
        let Some(word) = self.reader.word(yaml, "an endpoint and its request") else {
            return none();
        };
        let Some((endpoint, request)) = word.split_once('.') else {
            let message = format!("`{word}` names no request");
            let found = Diagnostic::error(Y004, self.reader.file(), yaml.spot, message)
                .help("an endpoint and one of its requests: crm.customer-by-phone");
            self.reader.push(found);
            return none();
        };
        self.check_name(endpoint, yaml.spot);
        self.check_name(request, yaml.spot);
        (Spanned { value: endpoint.into(), spot: yaml.spot }, request.into())
    }

    fn http_timeout(&mut self, fields: Fields<'_>) -> Duration {
        let timeout = self.needed_duration(fields, "http", "timeout");
        if timeout > HTTP_TIMEOUT_MAX {
            let spot = fields.get("timeout").map_or(fields.spot, |yaml| yaml.spot);
            let message = format!("nobody listens to silence for {}", show(timeout));
            let found = Diagnostic::error(Y004, self.reader.file(), spot, message)
                .help(format!("at most {}", show(HTTP_TIMEOUT_MAX)));
            self.reader.push(found);
        }
        timeout
    }

    /// `[caller, account]`: what every call has, and variables. A variable of the flow goes before a name of the call.
    fn send(&mut self, yaml: &Yaml) -> Vec<Spanned<Sent>> {
        let items = self.reader.list(yaml, "variables that are sent");
        self.at_most(items.len(), yaml.spot);
        let mut all: Vec<Spanned<Sent>> = Vec::new();
        for item in items {
            let Some(name) = self.reader.word(item, "the name of a variable") else { continue };
            let of_call = OfCall::ALL.into_iter().find(|of_call| of_call.as_str() == name);
            let value = match of_call.filter(|_| self.var_index(name).is_none()) {
                Some(of_call) => Sent::OfCall(of_call),
                None => match self.find_var(name, item.spot) {
                    Some(var) => Sent::Var(var),
                    None => continue,
                },
            };
            if all.iter().any(|sent| sent.value == value) {
                self.reader.error(Y004, item.spot, format!("`{name}` is sent twice"));
            }
            all.push(Spanned { value, spot: item.spot });
        }
        all
    }

    /// `{lang: /customer/language}`: variables, and where in the answer their values stand.
    fn set_from(&mut self, yaml: &Yaml) -> Vec<(Spanned<VarIx>, Arc<str>)> {
        let Some(fields) = self.reader.entries(yaml, "variables to set") else { return Vec::new() };
        let mut all = Vec::new();
        for (word, yaml) in fields.iter() {
            let var = self.find_var(&word.text, word.spot);
            let Some(pointer) = self.reader.word(yaml, "a place in the answer") else { continue };
            if !is_pointer(pointer) {
                let message = format!("`{pointer}` is no place in an answer");
                let found = Diagnostic::error(Y004, self.reader.file(), yaml.spot, message)
                    .help("a JSON pointer (RFC 6901): /customer/language");
                self.reader.push(found);
            }
            let spot = word.spot;
            all.extend(var.map(|value| (Spanned { value, spot }, Arc::from(pointer))));
        }
        self.at_most(all.len(), yaml.spot);
        all
    }

    fn at_most(&mut self, many: usize, spot: Spot) {
        if many > HTTP_VARS_MAX {
            let message = format!("{many} variables in one request, at most {HTTP_VARS_MAX}");
            self.reader.error(F015, spot, message);
        }
    }
}

/// A pointer of RFC 6901 that is not the whole answer.
fn is_pointer(text: &str) -> bool {
    let escaped = |part: &str| part.starts_with(['0', '1']);
    text.starts_with('/')
        && text.chars().count() <= POINTER_CHARS_MAX
        && text.split('~').skip(1).all(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::load::{F001, load};
    use crate::flow::model::Kind;
    use crate::flow::yaml::{Y002, Y003};

    const GOOD: &str = "flow: f\nlanguages: [ru, kk]\nstart: who\noperator: {keys: [\"0\"], to: q}\nvars:\n  \
        lang: {type: language}\n  pin: {type: digits, secret: true}\n  sum: {type: money, currency: KZT}\nnodes:\n  \
        who: {http: {use: crm.customer, timeout: 800ms, send: [caller, pin], set: {lang: /customer/language, \
        sum: /a~1b}, play: p, after: {ok: q, not_found: q, several: q, error: q, timeout: end}}}\n  \
        q: {queue: {name: q, max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}\n  \
        end: {hangup: {}}\n";

    fn codes(text: &str) -> Vec<&'static str> {
        load("f.yaml", text).err().unwrap_or_default().iter().map(|found| found.code).collect()
    }

    #[test]
    fn a_node_that_asks_an_endpoint_is_read() {
        let flow = load("f.yaml", GOOD).unwrap_or_else(|found| panic!("{found:#?}"));
        let Kind::Http(http) = &flow.nodes[0].kind else { panic!("no http") };
        assert_eq!(http.uses(), "crm.customer");
        assert_eq!(http.timeout, Duration::from_millis(800));
        let sent: Vec<Sent> = http.send.iter().map(|sent| sent.value).collect();
        assert_eq!(sent, [Sent::OfCall(OfCall::Caller), Sent::Var(VarIx(1))]);
        let set: Vec<(VarIx, &str)> = http.set.iter().map(|(v, p)| (v.value, &**p)).collect();
        assert_eq!(set, [(VarIx(0), "/customer/language"), (VarIx(2), "/a~1b")]);
    }

    #[test]
    fn a_variable_of_the_flow_goes_before_what_the_call_has_of_that_name() {
        let own = GOOD.replace("pin:", "caller:").replace("[caller, pin]", "[caller]");
        let flow = load("f.yaml", &own).unwrap_or_else(|found| panic!("{found:#?}"));
        let Kind::Http(http) = &flow.nodes[0].kind else { panic!("no http") };
        assert_eq!(http.send[0].value, Sent::Var(VarIx(1)));
    }

    #[test]
    fn mistakes_are_told_each_with_its_code() {
        for (from, to, code) in [
            ("crm.customer", "crm", Y004),
            ("crm.customer", "crm.a.b", Y004),
            ("use: crm.customer, ", "", Y003),
            ("800ms", "11s", Y004),
            ("timeout: 800ms, ", "", Y003),
            ("[caller, pin]", "[caller, caller]", Y004),
            ("[caller, pin]", "[nobody]", F015),
            ("/customer/language", "language", Y004),
            ("/a~1b", "/a~2b", Y004),
            ("sum: /a", "sun: /a", F015),
            ("several: q, ", "", F012),
            ("error: q, ", "", F012),
            ("timeout: end", "too_late: end", Y002),
            ("ok: q", "ok: qq", F001),
            ("play: p", "plays: p", Y002),
        ] {
            let found = codes(&GOOD.replacen(from, to, 1));
            assert!(found.contains(&code), "{to}: {found:?}");
        }
        let many: Vec<String> = (0..=HTTP_VARS_MAX).map(|n| format!("v{n}")).collect();
        let declared: String = many.iter().map(|v| format!("  {v}: {{type: text}}\n")).collect();
        let text = GOOD
            .replace("vars:\n", &format!("vars:\n{declared}"))
            .replace("[caller, pin]", &format!("[{}]", many.join(", ")));
        assert_eq!(codes(&text), [F015]);
        assert_eq!(codes(&text.replacen(&format!(", v{HTTP_VARS_MAX}]"), "]", 1)), [""; 0]);
    }
}
