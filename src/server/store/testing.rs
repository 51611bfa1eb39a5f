//! Both databases for the same tests: a SQLite file, and a PostgreSQL server of our own. Only tests use it.
//!
//! The server is Debian's, from the package `postgresql`: started over a socket in a temporary folder when the first
//! test wants it, shared by those that run meanwhile, and stopped by its process's id when the last one is over. It
//! ends too when the process of the tests is killed, because its keeper then reads the end of its input.

use super::db::{Access, Database, Db, ServerAddress};
use crate::server::events::scratch::Scratch;
use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long the server may take to start, on a machine that is busy with other tests.
const START_MAX: Duration = Duration::from_secs(120);

/// What to do where there is none.
const CURE: &str = "PostgreSQL is needed: apt-get install postgresql, or `make test`";

/// Runs a test on a file and on a server.
pub(crate) fn on_each(test: impl Fn(&Place)) {
    for place in [Place::file(), Place::server()] {
        eprintln!("on {place}");
        test(&place);
    }
}

/// A database of a test's own.
pub(crate) struct Place {
    database: Database,
    server: Option<Arc<Server>>,
    folder: Scratch,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.database.fmt(f)
    }
}

impl Place {
    /// A file that isn't there yet.
    pub(crate) fn file() -> Place {
        let folder = Scratch::new();
        Place { database: Database::File(folder.path("data/dozvon.db")), server: None, folder }
    }

    /// An empty database on the server that tests share.
    pub(crate) fn server() -> Place {
        Place::on(Server::shared())
    }

    /// An empty database on this server.
    pub(crate) fn on(server: Arc<Server>) -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let first = Database::Server(Box::new(server.address("postgres")));
        let mut db = Db::open(&first, Access::Write).expect("the server takes us");
        db.batch(&format!("CREATE DATABASE {name}")).expect("a database can be made");
        let database = Database::Server(Box::new(server.address(&name)));
        Place { database, server: Some(server), folder: Scratch::new() }
    }

    /// Where it is.
    pub(crate) fn database(&self) -> Database {
        self.database.clone()
    }

    /// A place where there is no database.
    pub(crate) fn missing(&self) -> Database {
        match &self.server {
            Some(server) => Database::Server(Box::new(server.address("missing"))),
            None => Database::File(self.folder.path("missing.db")),
        }
    }

    /// A connection to look at it with.
    pub(crate) fn look(&self) -> Db {
        Db::open(&self.database, Access::Write).expect("the database can be opened")
    }
}

/// A PostgreSQL server in a folder.
pub(crate) struct Server {
    folder: Scratch,
    running: Mutex<Option<Running>>,
}

/// Its process. The keeper is a shell that ends the server when its input ends.
struct Running {
    keeper: Child,
    input: ChildStdin,
}

impl Server {
    /// The one that tests share.
    fn shared() -> Arc<Server> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Server::start());
        *shared = Arc::downgrade(&server);
        server
    }

    /// Makes one and starts it.
    pub(crate) fn start() -> Server {
        let server = Server { folder: Scratch::new(), running: Mutex::new(None) };
        let data = server.folder.path("data");
        fs::create_dir(&data).expect("a folder can be made");
        if let Some((user, group)) = other_user() {
            for path in [&server.folder.path(""), &data] {
                std::os::unix::fs::chown(path, Some(user), Some(group)).expect("we are root");
            }
        }
        let made = as_postgres(&program("initdb"))
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"])
            .args(["--username=dozvon", "-D"])
            .arg(&data)
            .output()
            .expect(CURE);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.run();
        server
    }

    /// Starts it again over the same data, and waits until it takes connections.
    pub(crate) fn run(&self) {
        let folder = self.folder.path("");
        let log = fs::File::create(self.folder.path("server.log")).expect("a log can be made");
        let mut keeper = as_postgres(Path::new("sh"))
            .args(["-c", "\"$@\" & server=$!; read -r _; kill -INT $server; wait $server", "sh"])
            .arg(program("postgres"))
            .arg("-D")
            .arg(self.folder.path("data"))
            .arg("-k")
            .arg(&folder)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"])
            .args(["-c", "shared_buffers=32MB", "-c", "log_min_messages=warning"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a shell is there");
        let input = keeper.stdin.take().expect("it was asked for");
        let since = Instant::now();
        let first = Database::Server(Box::new(self.address("postgres")));
        while let Err(error) = Db::open(&first, Access::Report) {
            assert!(since.elapsed() < START_MAX, "{error}; {}", self.log());
            assert!(error.may_pass(), "{error}");
            assert!(keeper.try_wait().expect("our child").is_none(), "{}", self.log());
            std::thread::yield_now();
        }
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Running { keeper, input });
    }

    /// Stops it as an operator would, without waiting for clients.
    pub(crate) fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { mut keeper, input }) = running {
            drop(input);
            let _ = keeper.wait();
        }
    }

    /// How a database of it is reached.
    pub(crate) fn address(&self, database: &str) -> ServerAddress {
        let mut access = tokio_postgres::Config::new();
        access.host_path(self.folder.path("")).user("dozvon").dbname(database);
        access.ssl_mode(tokio_postgres::config::SslMode::Disable);
        ServerAddress { access, ca_file: None, name: format!("postgres://dozvon@…/{database}") }
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path(".s.PGSQL.5432")
    }

    fn log(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = fs::File::open(self.folder.path("server.log")) {
            let _ = file.read_to_string(&mut text);
        }
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The newest of the installed programs of this name.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect(CURE);
    let numbered = |path: PathBuf| {
        let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
        // Where only the client of a version is installed, its folder is there and the server is not.
        let program = path.join("bin").join(name);
        program.exists().then_some((version, program))
    };
    let found = versions.filter_map(|entry| numbered(entry.ok()?.path())).max();
    found.expect(CURE).1
}

/// A command as the user `postgres` when we are root, whom the server refuses.
fn as_postgres(program: &Path) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some((user, group)) = other_user() {
        command.uid(user).gid(group);
    }
    command
}

/// User and group of `postgres`, when we are root.
fn other_user() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    let ours = fs::metadata("/proc/self").expect("Linux has it").uid();
    if ours != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("there are users");
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect(CURE);
    let mut fields = line.split(':').skip(2).map(|field| field.parse().expect("a number"));
    Some((fields.next().expect("a user"), fields.next().expect("a group")))
}
