//! What a flow may ask of endpoints: it exists, it has all that it needs, and no secret goes where others can read it.

use super::{Check, F010, F014};
use crate::flow::diagnostic::{Diagnostic, Spanned, Spot};
use crate::flow::load::F015;
use crate::flow::model::{Http, OfCall, Sent};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is known of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointFacts {
    /// Whether nobody on the way can read what is sent.
    pub is_encrypted: bool,
    /// Its requests by name.
    pub requests: BTreeMap<String, RequestFacts>,
}

/// What is known of one request of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// Whether it carries what is sent as a JSON object; else only its path can.
    pub has_body: bool,
    /// Names of the values in its path.
    pub in_path: BTreeSet<String>,
}

impl<'a> Check<'a> {
    /// What is asked exists, has all it needs, and no secret goes where others can read it.
    pub(super) fn http(&mut self, http: &'a Http) {
        let around = self.around;
        let names = around.endpoints.keys().cloned().collect();
        let name = Spanned { value: Arc::clone(&http.endpoint), spot: http.spot };
        self.known("endpoint", &name, &names);
        let Some(endpoint) = around.endpoints.get(&*http.endpoint) else { return };
        let Some(request) = endpoint.requests.get(&*http.request) else {
            let message = format!("endpoint `{}` has no request `{}`", http.endpoint, http.request);
            let known = endpoint.requests.keys().map(String::as_str);
            let found = Diagnostic::error(F014, &self.flow.file, http.spot, message)
                .help("add a [[request]] to endpoints.toml, or name one that is there")
                .nearest(&http.request, known);
            self.found.push(found);
            return;
        };
        let uses = http.uses();
        let mut sent = BTreeSet::new();
        for item in &http.send {
            let word = self.sent_name(item.value);
            let in_path = request.in_path.contains(word);
            if let Sent::Var(var) = item.value
                && self.flow.var(var).secret
            {
                self.sent_secret(word, item.spot, endpoint.is_encrypted, in_path, &uses);
            }
            if !request.has_body && !in_path {
                let message = format!("`{uses}` has no place for `{word}`: it has no body");
                let help = format!("put {{{word}}} into its path, or make its method POST");
                self.error(F015, item.spot, message, &help);
            }
            sent.insert(word);
        }
        let of_call = OfCall::ALL.map(OfCall::as_str);
        let needed = request.in_path.iter().map(String::as_str);
        for word in needed.filter(|word| !sent.contains(word) && !of_call.contains(word)) {
            let message = format!("the path of `{uses}` needs `{word}`");
            let help = format!("write `send: [{word}]`, and declare it under `vars`");
            self.error(F015, http.spot, message, &help);
        }
    }

    fn sent_name(&self, sent: Sent) -> &'a str {
        match sent {
            Sent::Var(var) => self.flow.var(var).own_name(),
            Sent::OfCall(of_call) => of_call.as_str(),
        }
    }

    fn sent_secret(&mut self, name: &str, spot: Spot, encrypted: bool, in_path: bool, uses: &str) {
        if !encrypted {
            let message = format!("`{name}` is secret, and `{uses}` can be read on the way");
            self.error(F010, spot, message, "its endpoint's `url` must begin with https://");
        }
        if in_path {
            let message = format!("`{name}` is secret, and stands in the path of `{uses}`");
            let help =
                "servers and proxies write paths into their logs: send it in the body of a POST";
            self.error(F010, spot, message, help);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Surroundings, check};
    use super::*;
    use crate::flow::load::load;

    const FLOW: &str = "flow: f\nlanguages: [ru]\nstart: who\noperator: {keys: [\"0\"], to: q}\nvars:\n  \
        pin: {type: digits, secret: true}\n  account: {type: digits}\nnodes:\n  \
        who: {http: {use: crm.balance, timeout: 800ms, send: [account, pin], after: {ok: q, not_found: q, \
        several: q, error: q, timeout: q}}}\n  \
        q: {queue: {name: q, max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}\n  \
        end: {hangup: {}}\ntests: [{name: t, then: {in_queue: q}}]\n";

    fn around(is_encrypted: bool) -> Surroundings {
        let request = |has_body, in_path: &[&str]| {
            let in_path = in_path.iter().map(|name| (*name).to_owned()).collect();
            RequestFacts { has_body, in_path }
        };
        let requests = [
            ("balance", request(true, &["account"])),
            ("by-phone", request(false, &["caller"])),
            ("by-pin", request(true, &["pin"])),
        ];
        let requests = requests.map(|(name, facts)| (name.to_owned(), facts)).into();
        let crm = EndpointFacts { is_encrypted, requests };
        let mut around = Surroundings::default();
        around.endpoints.insert("crm".to_owned(), crm);
        around.queues.insert("q".to_owned());
        around
    }

    fn found(from: &str, to: &str, is_encrypted: bool) -> Vec<(&'static str, String)> {
        let flow = load("f.yaml", &FLOW.replacen(from, to, 1)).unwrap_or_else(|f| panic!("{f:#?}"));
        let found = check(&flow, &around(is_encrypted));
        let told = |found: crate::flow::Diagnostic| {
            (found.code, format!("{} ({})", found.message, found.help.unwrap_or_default()))
        };
        found.into_iter().map(told).collect()
    }

    #[test]
    fn a_secret_may_go_out_in_the_body_of_an_encrypted_request_only() {
        assert_eq!(found("", "", true), []);
        let open = found("", "", false);
        assert_eq!(open.len(), 1, "{open:?}");
        assert!(open[0].0 == F010 && open[0].1.contains("https://"), "{open:?}");
        let in_path = found("crm.balance", "crm.by-pin", true);
        assert_eq!(in_path.len(), 1, "{in_path:?}");
        assert!(in_path[0].0 == F010 && in_path[0].1.contains("in the path"), "{in_path:?}");
        assert_eq!(found("[account, pin]", "[account]", false), [], "what is no secret may");
    }

    #[test]
    fn what_is_asked_exists_and_has_what_it_needs() {
        for (from, to, code, said) in [
            (
                "crm.balance",
                "crn.balance",
                "F014",
                "there is no endpoint `crn` (did you mean `crm`?)",
            ),
            ("crm.balance", "crm.balanse", "F014", "endpoint `crm` has no request `balanse`"),
            ("[account, pin]", "[pin]", "F015", "the path of `crm.balance` needs `account`"),
            ("crm.balance", "crm.by-phone", "F015", "has no place for `account`: it has no body"),
        ] {
            let found = found(from, to, true);
            assert!(found[0].0 == code && found[0].1.contains(said), "{found:?}");
        }
        let send = "send: [account, pin], ";
        let by_phone = FLOW.replacen("crm.balance", "crm.by-phone", 1).replacen(send, "", 1);
        let flow = load("f.yaml", &by_phone).unwrap();
        assert_eq!(check(&flow, &around(false)), [], "every call has its caller's number");
    }
}
