//! Endpoints: the bank's systems that flows ask over HTTP. Bounded in every way, and nobody on the call path waits.
//!
//! The brain hands a [`Lookup`] to a bounded channel and gets the [`Reply`] as one of its inputs. One thread asks
//! all: each within its time, with its bound of requests under way, its breaker, its bound of bytes. Must never know
//! what an answer means: the center reads it. Neither paths nor bodies are logged: they are the customers' own.

pub(crate) mod breaker;
mod path;
#[cfg(test)]
mod tests;

pub(crate) use breaker::Rules as BreakerRules;
pub(crate) use path::PathTemplate;
#[cfg(test)]
pub(crate) use tests::example;

use crate::server::clock::Clock;
use crate::server::config::{Credentials, Endpoint};
use crate::server::outgoing::{self, Body, HttpClient, USER_AGENT};
use axum::body::Bytes;
use axum::http::header::{self, HeaderValue};
use axum::http::{Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use breaker::{Breaker, Pass};
use dozvon_center::fact::Flaw;
use dozvon_center::ids::LookupId;
use dozvon_center::lookup::{Lookup, Reply};
use http_body_util::Full;
use prometheus::{IntGaugeVec, Opts, Registry};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{Semaphore, mpsc};

/// Lookups waiting for the endpoints' thread. One more is answered with `busy` at once.
pub(crate) const LOOKUPS_MAX: usize = 1_024;
/// Replies waiting for the brain. At the bound they wait in their requests.
const REPLIES_MAX: usize = 1_024;
/// The header that says which lookup it is, the same in our log: it carries the call's id.
const REQUEST_ID: &str = "x-request-id";

/// The figures of all endpoints.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    breaker: IntGaugeVec,
    in_flight: IntGaugeVec,
}

impl Figures {
    /// Registers them.
    ///
    /// # Errors
    /// When a name is taken, which is our own mistake.
    pub(crate) fn register(
        registry: &Registry,
        endpoints: &[Endpoint],
    ) -> prometheus::Result<Figures> {
        let help = "The endpoint's breaker: 0 closed, 1 half open (one request tries), 2 open.";
        let breaker =
            IntGaugeVec::new(Opts::new("dozvon_endpoint_breaker_state", help), &["endpoint"])?;
        let help = "Requests to the endpoint under way.";
        let in_flight =
            IntGaugeVec::new(Opts::new("dozvon_endpoint_in_flight", help), &["endpoint"])?;
        for endpoint in endpoints {
            breaker.with_label_values(&[&endpoint.name]).set(0);
            in_flight.with_label_values(&[&endpoint.name]).set(0);
        }
        registry.register(Box::new(breaker.clone()))?;
        registry.register(Box::new(in_flight.clone()))?;
        Ok(Figures { breaker, in_flight })
    }
}

/// What became of a lookup, on its way to the brain.
pub(crate) type Replied = (LookupId, Reply);

/// The brain's end. The endpoints' thread ends when it is gone.
#[derive(Debug)]
pub(crate) struct Asker(mpsc::Sender<Box<Lookup>>);

impl Asker {
    /// Hands a lookup over without waiting. When that can't be, why not, at once.
    pub(crate) fn ask(&self, lookup: Box<Lookup>) -> Option<Replied> {
        match self.0.try_send(lookup) {
            Ok(()) => None,
            Err(mpsc::error::TrySendError::Full(lookup)) => {
                Some((lookup.id, Reply::Failed(Flaw::Busy)))
            }
            Err(mpsc::error::TrySendError::Closed(lookup)) => {
                Some((lookup.id, Reply::Failed(Flaw::Unknown)))
            }
        }
    }
}

/// Starts the thread that asks; none where there is nobody to be asked.
///
/// # Errors
/// The system gives no thread, or a certificate file has changed since it was checked.
pub(crate) fn start(
    endpoints: Vec<Endpoint>,
    figures: &Figures,
    clock: Clock,
) -> io::Result<(Asker, mpsc::Receiver<Replied>, Option<JoinHandle<()>>)> {
    let (lookups_in, mut lookups) = mpsc::channel::<Box<Lookup>>(LOOKUPS_MAX);
    let (replies_in, replies) = mpsc::channel(REPLIES_MAX);
    let asker = Asker(lookups_in);
    if endpoints.is_empty() {
        return Ok((asker, replies, None));
    }
    let mut desks = BTreeMap::new();
    for endpoint in endpoints {
        let name = endpoint.name.clone();
        let desk = Desk::new(endpoint, figures.clone(), clock).map_err(io::Error::other)?;
        desks.insert(name, Arc::new(desk));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let body = async move {
        while let Some(lookup) = lookups.recv().await {
            let (id, desk) = (lookup.id, desks.get(&*lookup.endpoint).cloned());
            let replies = replies_in.clone();
            tokio::spawn(async move {
                let reply = match desk {
                    Some(desk) => desk.ask(&lookup).await,
                    None => Reply::Failed(Flaw::Unknown),
                };
                // Nobody is there any more when the process goes down.
                let _ = replies.send((id, reply)).await;
            });
        }
    };
    let thread = std::thread::Builder::new()
        .name("endpoints".into())
        .spawn(move || runtime.block_on(body))?;
    Ok((asker, replies, Some(thread)))
}

/// One endpoint.
struct Desk {
    endpoint: Endpoint,
    client: HttpClient,
    places: Semaphore,
    breaker: Mutex<Breaker>,
    figures: Figures,
    clock: Clock,
}

impl Desk {
    fn new(endpoint: Endpoint, figures: Figures, clock: Clock) -> Result<Desk, String> {
        let roots = outgoing::roots(endpoint.ca_file.as_deref())?;
        let client = outgoing::client(roots, endpoint.in_flight_max);
        Ok(Desk {
            client: client.map_err(|error| error.to_string())?,
            places: Semaphore::new(endpoint.in_flight_max),
            breaker: Mutex::new(Breaker::new(endpoint.breaker)),
            figures,
            clock,
            endpoint,
        })
    }

    async fn ask(&self, lookup: &Lookup) -> Reply {
        let Some(request) = self.endpoint.requests.get(&*lookup.request) else {
            return Reply::Failed(Flaw::Unknown);
        };
        let Some(path) = request.path.fill(&lookup.in_path) else { return Reply::NothingToAsk };
        let Ok(_place) = self.places.try_acquire() else { return Reply::Failed(Flaw::Busy) };
        let Some(pass) = self.with_breaker(|breaker, clock| breaker.pass(clock.now())) else {
            return Reply::Failed(Flaw::Open);
        };
        let under_way = self.figures.in_flight.with_label_values(&[&self.endpoint.name]);
        under_way.inc();
        let reply = self.exchange(lookup, &path, request.has_body).await;
        under_way.dec();
        self.judge(pass, &reply);
        let (endpoint, request) = (&lookup.endpoint, &lookup.request);
        tracing::debug!(id = %lookup.id, %endpoint, %request, ?reply, "an endpoint was asked");
        reply
    }

    async fn exchange(&self, lookup: &Lookup, path: &str, has_body: bool) -> Reply {
        let Some(request) = self.request(lookup, path, has_body) else {
            return Reply::Failed(Flaw::Unreachable);
        };
        let within = lookup.within.min(self.endpoint.timeout);
        let answer = async {
            let (head, body) = outgoing::send(&self.client, request).await?.into_parts();
            Ok::<_, String>((
                head.status,
                outgoing::read(body, self.endpoint.answer_bytes_max).await,
            ))
        };
        match tokio::time::timeout(within, answer).await {
            Ok(Ok((status, Body::Whole(body)))) => {
                Reply::Answered { status: status.as_u16(), body: body.to_vec() }
            }
            Ok(Ok((_, Body::TooLong))) => Reply::Failed(Flaw::TooLong),
            Ok(Ok((_, Body::Broken))) => Reply::Failed(Flaw::Unreachable),
            Ok(Err(why)) => {
                let endpoint = &self.endpoint.name;
                tracing::debug!(%endpoint, %why, "an endpoint can't be reached");
                Reply::Failed(Flaw::Unreachable)
            }
            Err(_) => Reply::TimedOut,
        }
    }

    fn request(&self, lookup: &Lookup, path: &str, has_body: bool) -> Option<Request<Full<Bytes>>> {
        let method = if has_body { Method::POST } else { Method::GET };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint.base))
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, USER_AGENT)
            .header(REQUEST_ID, lookup.id.to_string());
        if let Some(credentials) = &self.endpoint.credentials {
            request = request.header(header::AUTHORIZATION, authorization(credentials)?);
        }
        let body = match has_body {
            true => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                serde_json::to_vec(&lookup.body).ok()?
            }
            false => Vec::new(),
        };
        request.body(Full::from(body)).ok()
    }

    /// What cannot be reached, is late or says that it is broken itself has failed; every other answer is one.
    fn judge(&self, pass: Pass, reply: &Reply) {
        let well = match reply {
            Reply::Answered { status, .. } => *status < 500 && *status != 429,
            Reply::Failed(flaw) => *flaw != Flaw::Unreachable,
            Reply::TimedOut => false,
            Reply::NothingToAsk => true,
        };
        let (before, after) = self.with_breaker(|breaker, clock| {
            let before = breaker.figure();
            breaker.ended(clock.now(), pass, well);
            (before, breaker.figure())
        });
        let endpoint = &self.endpoint.name;
        match (before, after) {
            (0, 2) => tracing::warn!(%endpoint, "an endpoint fails: it is left alone for a while"),
            (1, 0) => tracing::info!(%endpoint, "the endpoint is back"),
            _ => {}
        }
    }

    fn with_breaker<T>(&self, act: impl FnOnce(&mut Breaker, &Clock) -> T) -> T {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let done = act(&mut breaker, &self.clock);
        let figure = breaker.figure();
        self.figures.breaker.with_label_values(&[&self.endpoint.name]).set(figure);
        done
    }
}

/// The value of the header; `None` when the secret has characters that no header can have.
fn authorization(credentials: &Credentials) -> Option<HeaderValue> {
    let text = match credentials {
        Credentials::Bearer(token) => format!("Bearer {}", token.0),
        Credentials::Basic(user, password) => {
            format!("Basic {}", BASE64.encode(format!("{user}:{}", password.0)))
        }
    };
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
