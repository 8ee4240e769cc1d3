//! The real binary, as its users meet it: commands with their output, a server with its socket.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_secureai-audit");

/// Where the recordings of a real Open WebUI are.
pub fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../audit-pipeline/tests/data")
}

/// A data directory that is gone when the test is over.
pub struct Home {
    directory: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A path for a file beside the data directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file beside the data directory.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The command with these arguments, on this data directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = clean(Command::new(BINARY));
        command
            .args(arguments)
            .env("SECUREAI_AUDIT_DATA_DIR", self.data_dir())
            .current_dir(self.directory.path());
        command
    }

    /// Runs a command.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).stdin(Stdio::null()).output().unwrap(), arguments)
    }

    /// Runs a command against a server.
    pub fn run_on(&self, server: &Server, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.env("SECUREAI_AUDIT_URL", server.url()).env("SECUREAI_AUDIT_TOKEN", &server.token);
        Ran::of(&command.stdin(Stdio::null()).output().unwrap(), arguments)
    }

    /// Starts a server on this data directory.
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// Starts a server with more arguments.
    pub fn serve_with(&self, arguments: &[&str]) -> Server {
        let mut command = self.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
        command.args(arguments);
        Server::start(command)
    }

    /// Imports this many plain events, `event-0` and on.
    pub fn with_events(&self, count: u64) -> &Self {
        let lines: String = (0..count).map(|number| event_line(&format!("event-{number}"), number)).collect();
        let file = self.write("events.ndjson", lines);
        let ran = self.run(&["import", file.to_str().unwrap()]);
        assert_eq!(ran.status, 0, "{ran:?}");
        self
    }
}

/// One event of the API's form, a minute after the one before.
pub fn event_line(id: &str, number: u64) -> String {
    let (hour, minute) = (number / 60 % 24, number % 60);
    let day = 1 + number / 1_440 % 28;
    let (action, outcome) = match number % 3 {
        0 => ("auth.login", "success"),
        1 => ("auth.login_failed", "failure"),
        _ => ("chat.created", "success"),
    };
    format!(
        r#"{{"id":"{id}","time":"2026-03-{day:02}T{hour:02}:{minute:02}:00Z","action":"{action}","outcome":"{outcome}","source":"api","actor":{{"type":"user","id":"u{}","name":"Ada {}","email":"ada{}@example.com"}},"client":{{"ip":"10.0.0.{}"}},"message":"event number {number}"}}"#,
        number % 7,
        number % 7,
        number % 7,
        number % 250,
    ) + "\n"
}

/// The command as on a machine where nothing is set; the disk may be as small as it likes.
pub fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SECUREAI_AUDIT_") {
            command.env_remove(name);
        }
    }
    command.env_remove("OPENWEBUI_TOKEN").env("SECUREAI_AUDIT_LEDGER_MIN_FREE_MIB", "0");
    command
}

/// A command that has run.
#[derive(Debug)]
pub struct Ran {
    pub arguments: String,
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    fn of(output: &Output, arguments: &[&str]) -> Self {
        Self {
            arguments: arguments.join(" "),
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It worked.
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.status, 0, "{self:#?}");
        self
    }

    /// It failed with this status, saying so in one line that holds `words`.
    #[track_caller]
    pub fn refused(self, status: i32, words: &str) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        let lines: Vec<&str> = self.err.lines().filter(|line| line.starts_with("error")).collect();
        assert_eq!(lines.len(), 1, "{self:#?}");
        assert!(lines[0].contains(words), "{words:?} is not in {self:#?}");
        self
    }

    /// What it printed, as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// A running server.
pub struct Server {
    pub child: Child,
    pub address: SocketAddr,
    pub token: String,
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Server {
    /// Starts it and waits until it serves.
    #[track_caller]
    pub fn start(command: Command) -> Self {
        Self::try_start(command).unwrap_or_else(|error| panic!("the server did not start: {error}"))
    }

    /// Starts it, or says what it printed to standard error.
    pub fn try_start(mut command: Command) -> Result<Self, String> {
        command.stderr(Stdio::piped());
        Self::of(command)
    }

    /// Starts it with its log in this file.
    #[track_caller]
    pub fn start_logging(mut command: Command, log: &Path) -> Self {
        command.stderr(std::fs::File::create(log).unwrap());
        Self::of(command).unwrap_or_else(|_| panic!("{}", std::fs::read_to_string(log).unwrap()))
    }

    fn of(mut command: Command) -> Result<Self, String> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let mut err = String::new();
            if let Some(mut log) = child.stderr.take() {
                log.read_to_string(&mut err).unwrap();
            }
            child.wait().unwrap();
            return Err(err);
        };
        // Nobody reads the log; a pipe that is never drained would stop the server in the end.
        drop(child.stderr.take());
        let address = ready["address"].as_str().unwrap().parse().unwrap();
        let token_file = ready["first_admin_token_file"].as_str().unwrap();
        let token = std::fs::read_to_string(token_file).unwrap_or_default().trim().to_owned();
        Ok(Self { child, address, token })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks the server, on a connection of its own.
    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.try_ask(method, path, body).unwrap()
    }

    /// Asks the server; an error if the connection breaks.
    pub fn try_ask(&self, method: &str, path: &str, body: &[u8]) -> std::io::Result<Answer> {
        ask(self.address, &self.token, method, path, body)
    }

    /// Kills it as a power failure would kill its process.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and waits; returns its exit status.
    pub fn stop(mut self) -> i32 {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One HTTP request on a connection of its own.
pub fn ask(
    address: SocketAddr,
    token: &str,
    method: &str,
    path: &str,
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let head = format!(
        "{method} /api/v1/auditlog{path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    read_answer(&answer).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

fn read_answer(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut body = bytes[end + 4..].to_vec();
    let lower = head.to_lowercase();
    if lower.contains("transfer-encoding: chunked") {
        body = unchunk(&body)?;
    } else if let Some(length) = lower.lines().find_map(|line| line.strip_prefix("content-length: ")) {
        let length: usize = length.trim().parse().ok()?;
        (body.len() == length).then_some(())?;
    }
    Some(Answer { status, head, body })
}

fn unchunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?, 16).ok()?;
        let rest = &bytes[end + 2..];
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..length)?);
        bytes = rest.get(length + 2..)?;
    }
}
