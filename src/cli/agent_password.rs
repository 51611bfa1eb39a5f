//! `dozvon agent-password`: what to type into an agent's phone, or its hashes for agents.toml.

use super::{AgentPasswordArgs, EX_CONFIG, print};
use crate::server::config::{AgentPassword, agent_password_file, environment, make_secret};
use dozvon_sip::digest::Ha1;
use std::process::ExitCode;

/// Prints the password or its hashes; makes the password when there is none yet or a new one is asked for.
pub(crate) fn agent_password(args: &AgentPasswordArgs) -> ExitCode {
    let found = agent_password_file(&args.config, &environment(), &args.user);
    let password = found.and_then(|place| Ok((password(&place, args.renew)?, place.realm)));
    match password {
        Ok((password, realm)) if args.hashes => {
            let hashes = Ha1::of(&args.user, &realm, &password);
            let (md5, sha256) = hashes.to_hex();
            print(&format!("ha1_sha256 = \"{sha256}\"\nha1_md5 = \"{md5}\"\n"));
            ExitCode::SUCCESS
        }
        Ok((password, _)) => {
            print(&format!("{password}\n"));
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(EX_CONFIG)
        }
    }
}

fn password(place: &AgentPassword, renew: bool) -> Result<String, String> {
    if renew && !place.kept {
        return Err(format!(
            "{} is not kept by dozvon: write the new password there yourself",
            place.file.display()
        ));
    }
    if place.kept && (renew || !place.file.exists()) {
        return make_secret(&place.file)
            .map_err(|error| format!("{}: {error}", place.file.display()));
    }
    let text = std::fs::read_to_string(&place.file);
    let text = text.map_err(|error| format!("{}: {error}", place.file.display()))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}
