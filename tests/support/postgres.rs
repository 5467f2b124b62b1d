//! A PostgreSQL server for tests: own data directory, Unix socket, no TCP port. Without the Debian package `postgresql` the
//! tests print one line and pass. The server and its directory go away with the test process, also after a `kill -9`.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Bound for a start or a stop of the server.
const SERVER_TIMEOUT: Duration = Duration::from_secs(60);
/// User and group of the server where the tests run as root, which PostgreSQL refuses. They own nothing else.
const SERVER_USER: u32 = 65_534;
/// Removes server and directory ($1) when its standard input ends.
const REAPER: &str = r#"cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && [ -n "$pid" ] && kill -QUIT "$pid"
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e "$1/data/postmaster.pid" ] && sleep 0.2; done
rm -rf "$1""#;

/// A running server. The role `postgres` needs no password on the socket, other roles do.
#[derive(Debug)]
pub struct PostgresServer {
    bin: PathBuf,
    dir: PathBuf,
    /// Port of the TLS variant.
    port: Option<u16>,
    uses_tls: AtomicBool,
    /// Commits survive a power cut.
    syncs: bool,
    postmaster: Mutex<Option<Child>>,
    reaper: Child,
}

impl PostgresServer {
    /// Starts a server without TCP; commits survive a `kill -9`, not a power cut. `None` where PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        Self::launch(None, false)
    }

    /// Starts a server whose commits survive a power cut, to measure their cost.
    pub fn start_durable() -> Option<Self> {
        Self::launch(None, true)
    }

    /// Returns a server that the tests of one process share, each in a schema or database of its own.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<PostgresServer>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Starts a server with TLS on a loopback port. Its certificate is valid for `localhost` and issued by `ca.pem`.
    pub fn start_tls() -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::launch(Some(port), false)
    }

    fn launch(port: Option<u16>, syncs: bool) -> Option<Self> {
        let Some(bin) = find_binaries() else {
            eprintln!("skipped: PostgreSQL is not installed (Debian package postgresql)");
            return None;
        };
        let server = Self::create(bin, port, syncs);
        let data = server.dir.join("data");
        let init = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-D"];
        server.run("initdb", |command| command.args(init).arg(&data));
        let access = "local all postgres trust\nlocal replication postgres trust\nlocal all all scram-sha-256\n\
                      host all all 127.0.0.1/32 scram-sha-256\n";
        fs::write(data.join("pg_hba.conf"), access).unwrap();
        if port.is_some() {
            server.create_certificates();
        }
        server.restart();
        Some(server)
    }

    /// Creates the directory of a server, and the process that removes it.
    fn create(bin: PathBuf, port: Option<u16>, syncs: bool) -> Self {
        // The path of a socket has 107 bytes at most.
        let dir = tempfile::Builder::new().prefix("poprelay-pg-").tempdir_in("/tmp").unwrap().keep();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let mut reaper = Command::new("sh");
        reaper.args(["-c", REAPER, "reaper"]).arg(&dir);
        let reaper = reaper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let uses_tls = AtomicBool::new(port.is_some());
        let server = Self { bin, dir, port, uses_tls, syncs, postmaster: Mutex::default(), reaper };
        give_to_server_user(&server.dir);
        server
    }

    /// Starts a standby of this server, which then acknowledges its commits.
    pub fn start_standby(&self) -> Self {
        let standby = Self::create(self.bin.clone(), None, false);
        let copy = ["-X", "stream", "-c", "fast", "-R", "-U", "postgres", "-h"];
        let data = standby.dir.join("data");
        standby.run("pg_basebackup", |command| command.args(copy).arg(&self.dir).arg("-D").arg(&data));
        standby.restart();
        self.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.sql("postgres", "SELECT pg_reload_conf()");
        let is_synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        let deadline = Instant::now() + SERVER_TIMEOUT;
        while self.sql("postgres", is_synchronous) != "1" {
            assert!(Instant::now() < deadline, "no synchronous standby: {}", standby.log());
            thread::sleep(Duration::from_millis(50));
        }
        standby
    }

    /// Makes a standby the primary. It waits for no standby of its own.
    pub fn promote(&self) {
        self.sql("postgres", "SELECT pg_promote()");
        self.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    /// Returns the URL of a database on this server or on `other`: the one that accepts writes.
    pub fn url_of_either(&self, other: &Self, database: &str) -> String {
        format!("postgres://postgres@/{database}?host={},{}", self.dir.display(), other.dir.display())
    }

    /// Returns the Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join(".s.PGSQL.5432")
    }

    /// Returns the URL of a database on the Unix socket, as the role `postgres`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@/{database}?host={}", self.dir.display())
    }

    /// Returns the URL of a database over TCP. `login` is `role:password`.
    pub fn tcp_url(&self, login: &str, host: &str, database: &str) -> String {
        format!("postgres://{login}@{host}:{}/{database}", self.port.unwrap())
    }

    /// Returns the PEM file of the authority of the TLS variant.
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// Runs statements as superuser in a database. Returns the rows, columns separated by `|`.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let connect = |command: &mut Command| {
            command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-h"]);
            command.arg(&self.dir).args(["-c", statements]);
        };
        let mut command = self.command("psql");
        connect(&mut command);
        let output = command.output().unwrap();
        assert!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Starts the server if it does not run, and waits until it answers.
    pub fn restart(&self) {
        let deadline = Instant::now() + SERVER_TIMEOUT;
        let mut running = self.postmaster.lock().unwrap();
        loop {
            assert!(Instant::now() < deadline, "PostgreSQL does not start: {}", self.log());
            // After a kill the processes of sessions may still hold the shared memory; the start then fails.
            let is_up = running.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none());
            if !is_up {
                *running = Some(self.spawn_postmaster());
            }
            let ready = self.command("pg_isready").arg("-q").arg("-h").arg(&self.dir).status().unwrap();
            if ready.success() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends the server with SIGKILL. Its sessions end within a second.
    pub fn kill(&self) {
        if let Some(mut child) = self.postmaster.lock().unwrap().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Ends the server and starts it again without TLS, on the same port.
    pub fn restart_without_tls(&self) {
        self.kill();
        self.uses_tls.store(false, Ordering::Relaxed);
        self.restart();
    }

    /// Returns the log of the server.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    fn spawn_postmaster(&self) -> Child {
        let log = fs::OpenOptions::new().append(true).create(true).open(self.dir.join("log")).unwrap();
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.dir.join("data")).arg("-k").arg(&self.dir);
        let listen = if self.port.is_some() { "listen_addresses=127.0.0.1" } else { "listen_addresses=" };
        let (sync, pages) =
            if self.syncs { ("fsync=on", "full_page_writes=on") } else { ("fsync=off", "full_page_writes=off") };
        let options = [listen, sync, pages, "shared_buffers=16MB", "max_connections=200"];
        let tls: &[&str] = match self.uses_tls.load(Ordering::Relaxed) {
            true => &["ssl=on", "ssl_cert_file=../server.pem", "ssl_key_file=../server.key"],
            false => &[],
        };
        for option in options.iter().chain(tls) {
            command.args(["-c", option]);
        }
        if let Some(port) = self.port {
            command.args(["-p", &port.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command) -> &mut Command) {
        let mut command = self.command(program);
        arguments(&mut command);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Creates a command of PostgreSQL, as a user that PostgreSQL accepts.
    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            let user = SERVER_USER;
            command.args([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/").env("LC_ALL", "C");
        if let Some(port) = self.port {
            command.env("PGPORT", port.to_string());
        }
        command
    }

    fn create_certificates(&self) {
        let openssl = |args: &str| {
            let output = Command::new("openssl").args(args.split(' ')).current_dir(&self.dir).output().unwrap();
            assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(&format!("req -x509 {key} -days 30 -subj /CN=test-authority -keyout ca.key -out ca.pem"));
        openssl(&format!("req {key} -subj /CN=localhost -keyout server.key -out server.csr"));
        fs::write(self.dir.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
        openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out server.pem",
        );
        fs::set_permissions(self.dir.join("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
        give_to_server_user(&self.dir.join("server.key"));
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.reaper.stdin.take());
        drop(self.reaper.wait());
        if let Some(child) = self.postmaster.lock().unwrap().as_mut() {
            drop(child.wait());
        }
    }
}

fn is_root() -> bool {
    // The own directory of `/proc` belongs to the effective user.
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0
}

fn give_to_server_user(path: &Path) {
    if is_root() {
        chown(path, Some(SERVER_USER), Some(SERVER_USER)).unwrap();
    }
}

/// Returns the folder with the server's programs: that of Debian's newest version, or one of `PATH`.
fn find_binaries() -> Option<PathBuf> {
    let debian = match fs::read_dir("/usr/lib/postgresql") {
        Ok(entries) => entries.map(|entry| entry.unwrap().path().join("bin")).collect(),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            Vec::new()
        }
    };
    let version = |path: &PathBuf| path.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = debian.into_iter().filter(|path| path.join("initdb").exists()).max_by_key(version);
    let path = std::env::var_os("PATH").unwrap_or_default();
    newest.or_else(|| std::env::split_paths(&path).find(|folder| folder.join("initdb").exists()))
}
