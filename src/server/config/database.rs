//! `[store]` of dozvon.toml: the database, a file or a server.

use super::base::Base;
use super::finding::Findings;
use super::secrets::Secrets;
use super::settings::Store;
use super::walk::Table;
use crate::server::outgoing::roots;
use crate::server::store::db::{Database, ServerAddress};
use std::error::Error as _;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How an address is written.
const EXAMPLE: &str = "url = \"postgres://dozvon@db.bank.example/dozvon\"";

/// Reads it.
pub(super) fn read(findings: &mut Findings, base: &Base, secrets: &Secrets<'_>) -> Store {
    let table = base.table("store");
    let server = table.text_opt("url").and_then(|url| server(findings, base, secrets, url));
    if let (Some(_), Some(_), true) =
        (table.text_opt("url"), table.text_opt("path"), table.says("path"))
    {
        let message = "both a file and a server are named for the database";
        findings.error(table.place("path"), message, "leave `path` or `url` out");
    }
    if table.text_opt("url").is_none() {
        for key in ["password_file", "password_env", "ca_file"] {
            if table.text_opt(key).is_some() {
                let message = format!("`{key}` is for a server, and no `url` names one");
                findings.error(table.place(key), message, "leave it out, or name a server");
            }
        }
    }
    let path = base.path("store", "path").unwrap_or_else(|| base.folder.join("../data/dozvon.db"));
    let versions = path.with_file_name("versions");
    let database =
        server.map_or_else(|| Database::File(path), |address| Database::Server(Box::new(address)));
    Store { database, versions }
}

fn server(
    findings: &mut Findings,
    base: &Base,
    secrets: &Secrets<'_>,
    url: &str,
) -> Option<ServerAddress> {
    let table = base.table("store");
    let mut access = parse(findings, table, url)?;
    if let Some(password) = secrets.named(findings, table, "password") {
        access.password(password);
    }
    let ca_file = table.text_opt("ca_file").map(|path| base.folder.join(path));
    if let Some(Err(message)) = ca_file.as_deref().map(|file| roots(Some(file))) {
        findings.error(table.place("ca_file"), message, "put the CA's certificate there, as PEM");
    }
    let by_socket = access.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    let here = by_socket || access.get_hosts().iter().all(is_here);
    let refused = url.contains("sslmode=") && access.get_ssl_mode() == SslMode::Disable;
    let wanted = ca_file.is_some() || access.get_ssl_mode() == SslMode::Require;
    // `prefer`, the crate's default, would give in to whoever stands between and says no.
    let tls = !by_socket && !refused && (wanted || !here);
    access.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
    if !tls && !here {
        let message = "the database is reached without TLS";
        let cure = "leave sslmode out: callers' numbers can be read on the way";
        findings.warning(table.place("url"), message, cure);
    }
    Some(ServerAddress { access, ca_file, name: url.to_owned() })
}

fn parse(findings: &mut Findings, table: &Table, url: &str) -> Option<Config> {
    let wrong = |findings: &mut Findings, message: &str| {
        findings.error(table.place("url"), message, EXAMPLE);
        None
    };
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return wrong(findings, "`url` names no PostgreSQL server");
    }
    let access: Config = match url.parse() {
        Ok(access) => access,
        Err(error) => {
            let error: tokio_postgres::Error = error;
            let why = error.source().map(ToString::to_string).unwrap_or_default();
            return wrong(findings, &format!("`url` is no address of a PostgreSQL server: {why}"));
        }
    };
    if access.get_password().is_some() {
        // The line is not shown: the password stands in it.
        let cure =
            "take it out and name a file with it in password_file, or a variable in password_env";
        findings.error(&table.place, "there is a password in `url` of [store]", cure);
        return None;
    }
    if access.get_hosts().is_empty() {
        return wrong(findings, "`url` names no host");
    }
    if access.get_dbname().is_none() {
        return wrong(findings, "`url` names no database");
    }
    if access.get_user().is_none() {
        return wrong(findings, "`url` names no user");
    }
    Some(access)
}

/// Whether a host is this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => ["localhost", "127.0.0.1", "::1", "[::1]"].contains(&name.as_str()),
        Host::Unix(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::{Places, environment, places};
    use crate::server::events::scratch::Scratch;

    /// What `[store]` with these lines is, and what is said of it.
    fn store(lines: &str) -> (Places, String) {
        let folder = Scratch::new();
        std::fs::write(folder.path("dozvon.toml"), format!("[store]\n{lines}\n")).unwrap();
        std::fs::write(folder.path("secret"), "sesame\n").unwrap();
        let (places, findings) = places(&folder.path(""), &environment());
        let told = crate::server::config::render(&findings, crate::cli::Format::Full, false);
        (places, told)
    }

    fn address(lines: &str) -> ServerAddress {
        match store(lines) {
            (Places { store: Database::Server(address), .. }, _) => *address,
            (places, told) => panic!("{places:?}: {told}"),
        }
    }

    #[test]
    fn tls_is_spoken_with_every_server_that_is_not_this_machine() {
        for (url, tls) in [
            ("postgres://u@db.bank.example/d", true),
            ("postgres://u@db.bank.example/d?sslmode=prefer", true),
            ("postgres://u@db.bank.example/d?sslmode=disable", false),
            ("postgres://u@localhost,db.bank.example/d", true),
            ("postgresql://u@localhost:5433/d", false),
            ("postgres://u@[::1]/d", false),
            ("postgres://u@localhost/d?sslmode=require", true),
            ("postgres://u@/d?host=/run/postgresql", false),
            ("postgres://u@%2Frun%2Fpostgresql/d", false),
        ] {
            let access = address(&format!("url = \"{url}\"")).access;
            let mode = if tls { SslMode::Require } else { SslMode::Disable };
            assert_eq!(access.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn the_password_comes_from_its_file_and_no_message_shows_one() {
        let found = address("url = \"postgres://u@localhost/d\"\npassword_file = \"secret\"");
        assert_eq!(found.access.get_password(), Some(&b"sesame"[..]));
        assert_eq!(found.name, "postgres://u@localhost/d");
        assert!(!format!("{found:?}").contains("sesame"));
        let (_, told) = store("url = \"postgres://u:sesame@localhost/d\"");
        assert!(told.contains("password_file") && !told.contains("sesame"), "{told}");
    }

    #[test]
    fn what_is_no_address_of_a_database_is_told() {
        for (lines, told) in [
            ("url = \"mysql://u@h/d\"", "names no PostgreSQL server"),
            ("url = \"postgres://u@h\"", "names no database"),
            ("url = \"postgres://h/d\"", "names no user"),
            ("url = \"postgres://u@/d\"", "names no host"),
            ("url = \"postgres://u@h/d?colour=red\"", "no address of a PostgreSQL server"),
            ("url = \"postgres://u@h/d\"\npath = \"x.db\"", "both a file and a server"),
            ("password_file = \"secret\"", "no `url` names one"),
        ] {
            let (_, found) = store(lines);
            assert!(found.contains(told), "{lines}: {found}");
        }
    }
}
