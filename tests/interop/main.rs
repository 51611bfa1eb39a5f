//! Other people's things against the real binary: foreign softphones, a browser, and the torture messages of the RFCs.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the answer")]

#[allow(dead_code, unused_imports)]
#[path = "../e2e/helper.rs"]
mod helper;
#[allow(dead_code, unused_imports)]
#[path = "../e2e/house.rs"]
mod house;
#[allow(dead_code, unused_imports)]
#[path = "../../src/caller/phone/mod.rs"]
mod phone;
#[path = "../../src/sip/tests/torture/rfc4475.rs"]
mod rfc4475;
#[path = "../../src/sip/tests/torture/rfc5118.rs"]
mod rfc5118;

mod baresip;
mod bot_network;
mod browser;
mod hearing;
mod linphone;
mod namespace;
mod torture;
