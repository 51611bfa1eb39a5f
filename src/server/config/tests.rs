//! Tests of loading as a whole: defaults, the sample, secrets.

use super::*;
use dozvon_switch::config::BotAccess;
use std::fs;

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path =
            std::env::temp_dir().join(format!("dozvon-config-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("flows/prompts/music")).unwrap();
        let folder = Folder(path);
        // No feature codes, so that nobody asks for their confirmations.
        folder.write("dozvon.toml", "[flows]\nfolder = \"flows\"\n[feature_codes]\n");
        folder.wav("flows/prompts/music/moh-soft.wav", 8_000, 1, 800);
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn wav(&self, name: &str, rate: u32, channels: u16, samples: u32) {
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(self.0.join(name), spec).unwrap();
        for n in 0..samples * u32::from(channels) {
            writer.write_sample((n % 100) as i16).unwrap();
        }
        writer.finalize().unwrap();
    }

    fn load(&self, variables: &[(&str, &str)], missing: Missing) -> (Option<Loaded>, Vec<String>) {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables: Vec<_> = variables.iter().map(owned).collect();
        let (loaded, findings) = load(&self.0, &variables, missing, Tests::Play);
        (loaded, findings.sorted().iter().map(|finding| finding.message.clone()).collect())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_sample_uncommented_says_what_nothing_says() {
    let uncommented: String = sample()
        .lines()
        .filter(|line| !line.starts_with("# ") && *line != "#")
        .map(|line| format!("{}\n", line.strip_prefix('#').unwrap_or(line)))
        .collect();
    let folder = Folder::new("sample");
    folder.write("dozvon.toml", &uncommented);
    let (with_all_keys, findings) = show(&folder.0, &[]);
    assert_eq!(
        findings.counts(),
        (0, 0),
        "{}",
        render(&findings, crate::cli::Format::Concise, false)
    );
    folder.write("dozvon.toml", "");
    let (with_none, _) = show(&folder.0, &[]);
    assert_eq!(with_all_keys.replace("  # dozvon.toml", ""), with_none);
    assert_eq!(
        with_all_keys.matches("  # dozvon.toml").count(),
        with_none.matches(" = ").count() - 11 - 9 * 9,
        "all but the eleven codes and the rules of nine statuses"
    );
}

#[test]
fn defaults_are_those_of_the_rooms_below() {
    let folder = Folder::new("defaults");
    folder.write("dozvon.toml", "[flows]\nfolder = \"flows\"\n");
    let (loaded, told) = folder.load(&[], Missing::Leave);
    let loaded = loaded.unwrap_or_else(|| panic!("{told:?}"));
    assert_eq!(loaded.policy.acd, acd::Config::new(vec![], vec![]));
    let sip = dozvon_sip::endpoint::Config::new(vec![], "dozvon", [0; 32]);
    assert_eq!(loaded.switch.sip.bounds, sip.bounds);
    assert_eq!(loaded.switch.sip.session_expires, sip.session_expires);
    assert_eq!(loaded.switch.sip.registration_max, sip.registration_max);
    assert_eq!(loaded.switch.sip.locals.len(), 2);
    let media = dozvon_media::bank::MediaConfig::default();
    assert_eq!(loaded.settings.media.rtp_timeout, media.rtp_timeout);
    assert_eq!(loaded.settings.media.playout_delay, media.playout_delay);
    assert_eq!(loaded.settings.media.rtcp_interval, media.rtcp_interval);
    assert_eq!(loaded.settings.shifts.grace, dozvon_center::shift::GRACE);
    assert_eq!(loaded.prompts.len(), 1);
    assert_eq!(loaded.switch.feature_codes.len(), 11);
}

#[test]
fn the_rules_of_statuses_are_the_houses_with_those_of_the_file_over_them() {
    let folder = Folder::new("statuses");
    let text = "[flows]\nfolder = \"flows\"\n[feature_codes]\n\
        [statuses.lunch]\nmax_duration_secs = 1800\nwarn_at_secs = 1500\nquota_per_shift = 0\n\
        [statuses.training]\nroutable = true\n";
    folder.write("dozvon.toml", text);
    let (loaded, told) = folder.load(&[], Missing::Leave);
    let statuses = loaded.unwrap_or_else(|| panic!("{told:?}")).policy.acd.statuses;
    let lunch = statuses.of(acd::Status::Lunch);
    assert_eq!(lunch.max_duration, Some(std::time::Duration::from_secs(1_800)));
    assert_eq!((lunch.quota_per_shift, lunch.paid), (None, false));
    assert!(statuses.of(acd::Status::Training).routable);
    assert_eq!(statuses.of(acd::Status::Huddle), &acd::StatusRules::of(acd::Status::Huddle));
    folder.write(
        "dozvon.toml",
        "[flows]\nfolder = \"flows\"\n[feature_codes]\n[statuses.lunsh]\n[statuses.lunch]\n\
         warn_at_secs = 2400\nmax = 1\n[statuses.ready]\nroutable = false\npaid = 7\n",
    );
    let (loaded, findings) = load(&folder.0, &[], Missing::Leave, Tests::Play);
    assert!(loaded.is_none());
    let told = findings.sorted().into_iter().map(|finding| {
        let source = findings.text(finding.place.source);
        (source.line_column(finding.place.span.start).0, &*finding.message)
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (4, "`lunsh` is no status"),
            (6, "status `lunch`: less than max_duration, or nobody is warned"),
            (7, "unknown key `max` in [statuses.lunch]"),
            (9, "status `ready`: nobody would ever get a call"),
            (10, "`paid`: this is an integer"),
        ]
    );
}

#[test]
fn announcements_need_their_prompts_in_every_language_that_waits_there() {
    let folder = Folder::new("announce");
    folder.write(
        "queues.toml",
        "[[queue]]\nname = \"cards\"\nannounce = [\"position\"]\ncomfort = [\"tips\"]\n",
    );
    folder.write(
        "flows/f.yaml",
        "flow: f\nlanguages: [ru]\nstart: q\noperator: {keys: [\"0\"], to: q}\nnodes:\n  q: {queue: {name: cards, \
         max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}\n  end: {hangup: }\n",
    );
    let (loaded, told) = folder.load(&[], Missing::Leave);
    assert!(loaded.is_none());
    let line = told.iter().find(|line| line.contains("can't be told everything")).expect("told");
    assert!(line.contains("25 prompts are missing: tips, queue-position, queue-over-30"), "{line}");
}

#[test]
fn a_queue_without_times_has_those_of_the_center() {
    let folder = Folder::new("queue");
    folder.write("queues.toml", "[[queue]]\nname = \"cards\"\n");
    let (loaded, _) = folder.load(&[], Missing::Leave);
    assert_eq!(loaded.unwrap().policy.acd.queues, [acd::QueueConfig::new("cards")]);
}

#[test]
fn the_names_of_agents_become_numbers() {
    let folder = Folder::new("agents");
    folder.write(
        "queues.toml",
        "[skills]\nnames = [\"cards\"]\n[[queue]]\nname = \"general\"\n[[queue]]\nname = \"cards\"\n",
    );
    folder.write(
        "agents.toml",
        "[[agent]]\nuser = \"anna\"\nqueues = [\"cards\"]\nskills = [\"cards\"]\nlanguages = [\"kk\", \"ru\"]\n",
    );
    let (loaded, told) = folder.load(&[], Missing::Leave);
    let loaded = loaded.unwrap_or_else(|| panic!("{told:?}"));
    let anna = &loaded.policy.acd.agents[0];
    let skills: Vec<_> =
        ["cards", "lang:kk", "lang:ru"].map(|name| loaded.policy.skill(name).unwrap()).into();
    assert_eq!(anna.skills, skills.into_iter().map(|skill| (skill, 1)).collect());
    assert_eq!(anna.queues.iter().map(|queue| queue.0).collect::<Vec<_>>(), [1]);
    assert_eq!(loaded.switch.agents[0].language.as_deref(), Some("kk"));
    assert_eq!(
        loaded.switch.agents[0].ha1.md5, "",
        "there is no password yet and nobody may get in"
    );
}

#[test]
fn levels_stages_and_reserves_become_numbers() {
    use dozvon_center::acd::{Expression, Relax, Requirement, Ring};
    let folder = Folder::new("matching");
    folder.write(
        "queues.toml",
        "[skills]\nnames = [\"cards\"]\n[[queue]]\nname = \"cards\"\nring = \"parallel\"\ntier = -1\n\
         [[stage]]\nqueue = \"cards\"\nafter_secs = 40\nrequires = \"lang:kk >= 2 or not cards\"\n\
         [[stage]]\nqueue = \"cards\"\nafter_secs = 20\ndrop = [\"cards\"]\n\
         [[reserve]]\nrequires = \"cards >= 3\"\n",
    );
    folder.write(
        "agents.toml",
        "[[agent]]\nuser = \"anna\"\nskills = { cards = 3, \"lang:kk\" = 2 }\nlanguages = [\"kk\"]\nrank = 4\n",
    );
    let (loaded, told) = folder.load(&[], Missing::Leave);
    let policy = loaded.unwrap_or_else(|| panic!("{told:?}")).policy;
    let of = |text: &str| {
        let expression = Expression::parse(text).unwrap();
        Requirement::of(&expression, |name| policy.skill(name).unwrap())
    };
    let queue = &policy.acd.queues[0];
    assert_eq!((queue.ring, queue.tier), (Ring::Parallel(3), -1));
    let after: Vec<_> = queue.stages.iter().map(|stage| stage.after.as_secs()).collect();
    assert_eq!(after, [20, 40], "in order of time, however they stand in the file");
    assert_eq!(queue.stages[0].relax, Relax::Drop([policy.skill("cards").unwrap()].into()));
    assert_eq!(queue.stages[1].relax, Relax::To(of("lang:kk >= 2 or not cards")));
    let anna = &policy.acd.agents[0];
    let reserve = &policy.acd.reserves[0];
    assert_eq!((anna.rank, reserve.idle_min, reserve.lasts.as_secs()), (4, 2, 20));
    assert!(reserve.requires.met_by(&anna.skills) && of("lang:kk >= 2").met_by(&anna.skills));
}

#[test]
fn mistakes_of_matching_are_told_with_their_places() {
    let folder = Folder::new("matching-mistakes");
    folder.write(
        "queues.toml",
        "[[queue]]\nname = \"cards\"\n[[stage]]\nqueue = \"card\"\nafter_secs = 20\nrequires = \"a\"\n\
         [[stage]]\nqueue = \"cards\"\nafter_secs = 20\n[[reserve]]\nrequires = \"(cards\"\n",
    );
    folder.write("agents.toml", "[[agent]]\nuser = \"anna\"\nskills = { cards = 101 }\n");
    let (loaded, told) = folder.load(&[], Missing::Leave);
    assert!(loaded.is_none());
    let told = format!("{told:?}");
    for message in [
        "a stage names the queue `card`, which is not in queues.toml",
        "a stage of `cards` has either `requires` or `drop`",
        "`requires`, at character 1: this `(` is not closed: add `)`",
        "level 101 is out of range",
    ] {
        assert!(told.contains(message), "{message}: {told}");
    }
}

#[cfg(unix)]
#[test]
fn serving_makes_the_secrets_that_nobody_named_and_keeps_them_to_itself() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("secrets");
    folder.write("agents.toml", "[[agent]]\nuser = \"anna\"\n");
    folder.write("tokens.toml", "[[token]]\nname = \"root\"\nrole = \"admin\"\n");
    let (first, told) = folder.load(&[], Missing::Make);
    assert_eq!(told, [""; 0]);
    let first = first.unwrap();
    assert_eq!(first.switch.agents[0].ha1.sha256.len(), 64);
    assert_eq!(first.settings.http.tokens[0].token.0.len(), 20);
    let path = folder.0.join("secrets/agents/anna");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (second, _) = folder.load(&[], Missing::Make);
    assert!(
        second.unwrap().switch.agents[0].ha1 == first.switch.agents[0].ha1,
        "made once and kept"
    );

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let (_, told) = folder.load(&[], Missing::Leave);
    assert!(told[0].starts_with("everybody on this machine can read"), "{told:?}");
}

#[test]
fn a_password_comes_from_the_environment_too() {
    let folder = Folder::new("environment");
    folder.write("agents.toml", "[[agent]]\nuser = \"anna\"\npassword_env = \"ANNA\"\n");
    let (loaded, _) =
        folder.load(&[("ANNA", "secret"), ("DOZVON__SIP__REALM", "bank")], Missing::Leave);
    let expected = dozvon_sip::digest::Ha1::of("anna", "bank", "secret");
    assert_eq!(loaded.unwrap().switch.agents[0].ha1.md5, expected.to_hex().0);
    let (loaded, told) = folder.load(&[], Missing::Leave);
    assert!(loaded.is_none());
    assert_eq!(told, ["the environment variable `ANNA` is not set"]);
}

#[test]
fn a_queue_ends_its_talks_as_the_file_says() {
    use dozvon_center::acd::WrapUp;
    let folder = Folder::new("wrap-up");
    fs::create_dir_all(folder.0.join("classifiers")).unwrap();
    let codes = "classifier: bank\nversion: 3\ncodes: {lost: {name: {ru: а, kk: а, en: a}}}\n";
    folder.write("classifiers/bank.yaml", codes);
    folder.write(
        "queues.toml",
        "[[queue]]\nname = \"a\"\n[[queue]]\nname = \"b\"\nwrap_up_secs = 0\n\
         [[queue]]\nname = \"c\"\nwrap_up = \"off\"\n\
         [[queue]]\nname = \"d\"\nwrap_up = \"until_code\"\nclassifier = \"bank\"\n\
         [[queue]]\nname = \"e\"\nwrap_up = \"until_code_max\"\nclassifier = \"bank\"\nwrap_up_secs = 9\n\
         wrap_up_extend_max_secs = 0\n",
    );
    let (loaded, told) = folder.load(&[], Missing::Leave);
    let policy = loaded.unwrap_or_else(|| panic!("{told:?}")).policy;
    let secs = std::time::Duration::from_secs;
    let modes: Vec<_> = policy.acd.queues.iter().map(|queue| queue.wrap_up).collect();
    let wanted = [
        WrapUp::Timed(secs(15)),
        WrapUp::Off,
        WrapUp::Off,
        WrapUp::UntilCode,
        WrapUp::UntilCodeMax(secs(9)),
    ];
    assert_eq!(modes, wanted);
    assert_eq!(policy.acd.queues[3].wrap_up_extend_max, secs(60));
    assert_eq!(policy.acd.queues[4].wrap_up_extend_max, secs(0));
    assert_eq!(policy.classifiers.keys().map(|name| &**name).collect::<Vec<_>>(), ["bank"]);
}

#[test]
fn a_prompt_that_could_not_be_played_is_found() {
    let folder = Folder::new("prompts");
    fs::create_dir_all(folder.0.join("flows/prompts/ru")).unwrap();
    folder.wav("flows/prompts/ru/stereo.wav", 8_000, 2, 100);
    folder.wav("flows/prompts/ru/rate.wav", 11_025, 1, 100);
    folder.wav("flows/prompts/ru/nothing.wav", 8_000, 1, 0);
    folder.wav("flows/prompts/ru/good.wav", 16_000, 1, 8_000);
    folder.write("flows/prompts/ru/text.wav", "this is text");
    folder.wav("flows/prompts/ru/short.wav", 8_000, 1, 1_000);
    let short = folder.0.join("flows/prompts/ru/short.wav");
    let bytes = fs::read(&short).unwrap();
    fs::write(&short, &bytes[..500]).unwrap();
    let (loaded, told) = folder.load(&[], Missing::Leave);
    assert!(loaded.is_none());
    let begins = [
        "there is no prompt `please-hold` in ru",
        "there is no prompt `technical-trouble` in ru",
        "there is no sound in it",
        "11025 Hz",
        "its end is missing",
        "2 channels",
        "this is no WAV file",
    ];
    assert_eq!(told.len(), begins.len(), "{told:?}");
    for (message, begin) in told.iter().zip(begins) {
        assert!(message.starts_with(begin), "{message} / {begin}");
    }
}

#[test]
fn a_name_in_the_addresses_is_looked_up() {
    let folder = Folder::new("addresses");
    folder.write(
        "bots.toml",
        "[[bot]]\nname = \"b\"\nuri = \"sip:b@127.0.0.1:5090;transport=tcp\"\n\
         [[bot]]\nname = \"c\"\nuri = \"sip:c@[::1]\"\n\
         [[bot]]\nname = \"d\"\nuri = \"sip:d@nowhere.invalid\"\n",
    );
    let (_, told) = folder.load(&[], Missing::Leave);
    assert_eq!(told, ["the name `nowhere.invalid` has no address"]);
    folder.write(
        "bots.toml",
        "[[bot]]\nname = \"b\"\nuri = \"sip:b@127.0.0.1:5090;transport=tcp\"\n",
    );
    let (loaded, _) = folder.load(&[], Missing::Leave);
    let BotAccess::Sip { address, silent_after } = loaded.unwrap().switch.bots["b"].clone() else {
        panic!("it is called by SIP");
    };
    assert_eq!(silent_after, Some(std::time::Duration::from_secs(2)));
    assert_eq!(address.at, "127.0.0.1:5090".parse().unwrap());
    assert_eq!(address.protocol, dozvon_sip::endpoint::Protocol::Tcp);
}

#[test]
fn a_bot_has_one_way_to_it_and_all_that_is_wrong_is_told_at_once() {
    let folder = Folder::new("bots");
    folder.write("token", "0123456789abcdef\n");
    folder.write(
        "bots.toml",
        "[[bot]]\nname = \"none\"\n\
         [[bot]]\nname = \"both\"\nuri = \"sip:b@127.0.0.1\"\nstream = \"ws://127.0.0.1:1\"\n\
         [[bot]]\nname = \"sip\"\nuri = \"sip:b@127.0.0.1\"\naccount = \"AC1\"\ntoken_file = \"token\"\n\
         [[bot]]\nname = \"http\"\nstream = \"http://127.0.0.1:1\"\n\
         [[bot]]\nname = \"user\"\nstream = \"wss://me:secret@bot.example/ws\"\n\
         [[bot]]\nname = \"token\"\nstream = \"wss://bot.example/ws\"\ntoken_file = \"missing\"\n\
         [[bot]]\nname = \"tells\"\nstream = \"wss://bot.example/ws\"\ntells = [\"pin\"]\n\
         [[bot]]\nname = \"clear\"\nstream = \"ws://bot.example/ws\"\n",
    );
    let (_, told) = folder.load(&[], Missing::Leave);
    for begin in [
        "bot `none` leads nowhere",
        "bot `both` has both a uri and a stream",
        "bot `sip` is called by SIP, where `account` means nothing",
        "bot `sip` is called by SIP, where `token_file` means nothing",
        "bot `http` has no address to connect with",
        "bot `user` has no address to connect with",
        "there is no file",
        "bot `clear` is spoken with in clear",
    ] {
        assert!(told.iter().any(|message| message.starts_with(begin)), "{begin}: {told:#?}");
    }
    assert!(told.iter().any(|message| message.contains("pin")), "{told:#?}");
    assert!(!told.iter().any(|message| message.contains("secret@")), "{told:#?}");
    folder.write(
        "bots.toml",
        "[[bot]]\nname = \"b\"\nstream = \"ws://127.0.0.1:8765/ws\"\ntoken_file = \"token\"\n\
         tells = [\"lang\", \"stage\"]\nfirst_audio_within_ms = 0\n",
    );
    let (loaded, _) = folder.load(&[], Missing::Leave);
    let loaded = loaded.unwrap();
    assert_eq!(loaded.switch.bots["b"], BotAccess::Stream);
    let bot = &loaded.streams["b"];
    assert_eq!((&*bot.account, bot.first_audio_within), ("AClocal", None));
    assert_eq!(bot.tells, [BotParameter::Lang, BotParameter::Stage]);
    assert_eq!(bot.token, Some(Secret("0123456789abcdef".into())));
    assert!(!format!("{loaded:?}").contains("0123456789abcdef"), "no log shows it");
}

#[test]
fn a_language_has_one_recogniser_and_all_that_is_wrong_is_told_at_once() {
    let folder = Folder::new("recognisers");
    folder.write("token", "0123456789abcdef\n");
    folder.write(
        "recognisers.toml",
        "[[recogniser]]\nname = \"none\"\nstream = \"ws://127.0.0.1:1\"\nlanguages = []\n\
         [[recogniser]]\nname = \"one\"\nstream = \"ws://127.0.0.1:1\"\nlanguages = [\"ru\", \"kk\"]\n\
         [[recogniser]]\nname = \"two\"\nstream = \"http://127.0.0.1:1\"\nlanguages = [\"kk\"]\n\
         [[recogniser]]\nname = \"clear\"\nstream = \"ws://words.example\"\nlanguages = [\"en\"]\n\
         token_file = \"missing\"\nforks_max = 501\n",
    );
    let (_, told) = folder.load(&[], Missing::Leave);
    for begin in [
        "recogniser `none` hears no language",
        "`kk` is heard by recogniser `one` already",
        "recogniser `two` has no address to connect with",
        "recogniser `clear` is spoken with in clear",
        "there is no file",
        "forks_max",
    ] {
        assert!(told.iter().any(|message| message.contains(begin)), "{begin}: {told:#?}");
    }
    folder.write(
        "recognisers.toml",
        "[[recogniser]]\nname = \"w\"\nstream = \"ws://127.0.0.1:2700\"\nlanguages = [\"ru\", \"kk\"]\n\
         token_file = \"token\"\n",
    );
    let (loaded, told) = folder.load(&[], Missing::Leave);
    let loaded = loaded.unwrap_or_else(|| panic!("{told:#?}"));
    let by_language = &loaded.policy.recognisers;
    assert_eq!((&*by_language["ru"], &*by_language["kk"]), ("w", "w"));
    let recogniser = &loaded.recognisers["w"];
    assert_eq!((recogniser.protocol, recogniser.forks_max), (RecogniserProtocol::Vosk, 100));
    assert!(!format!("{loaded:?}").contains("0123456789abcdef"), "no log shows it");
}
