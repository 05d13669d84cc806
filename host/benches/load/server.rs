//! The real binary as a child, in a folder of its own, and what the system says about it.
//! Refuses to look inside: what it knows it reads from the line of the first start, the tree, the database and `/proc`.

use rusqlite::Connection;
use serde_json::Value;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that runs.
pub(crate) struct Server {
    folder: PathBuf,
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    pub(crate) operator_key: String,
}

impl Server {
    /// A first start below `folder`.
    pub(crate) fn first_start(folder: &Path) -> Result<Self, Box<dyn Error>> {
        Self::first_start_with(folder, &[])
    }

    /// The same with these settings, each a variable and its value.
    pub(crate) fn first_start_with(
        folder: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Self, Box<dyn Error>> {
        let (child, line) = spawn(folder, settings)?;
        let key = |name: &str| line[name].as_str().map(str::to_owned).ok_or("no key");
        let (key, operator_key) = (key("tenant_key")?, key("operator_key")?);
        let folder = folder.to_owned();
        Ok(Self { folder, child, address: address(&line)?, key, operator_key })
    }

    /// Stops it, so that the database is one file that can be copied, and starts it again.
    pub(crate) fn restart(mut self, copy_database_to: &Path) -> Result<Self, Box<dyn Error>> {
        self.stop()?;
        fs::copy(self.database_path(), copy_database_to)?;
        let (child, line) = spawn(&self.folder, &[])?;
        (self.child, self.address) = (child, address(&line)?);
        Ok(self)
    }

    pub(crate) fn stop(&mut self) -> Result<(), Box<dyn Error>> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops it and starts it again; how long it took from there until it was ready.
    pub(crate) fn start_again(mut self) -> Result<(Self, Duration), Box<dyn Error>> {
        self.stop()?;
        let began = Instant::now();
        let (child, line) = spawn(&self.folder, &[])?;
        (self.child, self.address) = (child, address(&line)?);
        while !self.is_ready()? {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok((self, began.elapsed()))
    }

    fn is_ready(&self) -> Result<bool, Box<dyn Error>> {
        let Ok(mut stream) = TcpStream::connect(self.address) else { return Ok(false) };
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    }

    /// Memory of its own, in KiB: what no file stands behind.
    pub(crate) fn anonymous_kib(&self) -> Result<u64, Box<dyn Error>> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// How many files it has open.
    pub(crate) fn descriptors(&self) -> Result<usize, Box<dyn Error>> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.id()))?.count())
    }

    /// Runs a verb that asks it, with the operator's key.
    pub(crate) fn operate(&self, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
        self.run_verb(&self.operator_key, arguments)
    }

    /// The same with the key of tenant `default`, about that tenant.
    pub(crate) fn enlist(&self, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
        self.run_verb(&self.key, &[&["-t", "default"], arguments].concat())
    }

    fn run_verb(&self, key: &str, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_enlist"));
        command.args(arguments);
        command.env("ENLIST_SERVER", format!("http://{}", self.address)).env("ENLIST_KEY", key);
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout)?)
        } else {
            Err(said.into())
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn processor_time(&self) -> Result<Duration, Box<dyn Error>> {
        processor_time(&self.id().to_string())
    }

    pub(crate) fn database(&self) -> Result<Connection, Box<dyn Error>> {
        Ok(Connection::open(self.database_path())?)
    }

    pub(crate) fn homes(&self) -> PathBuf {
        self.folder.join("data/collections")
    }

    fn database_path(&self) -> PathBuf {
        self.folder.join("data/enlist.db")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Also when it has ended; nothing is lost that anybody wants.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process, or `self`, has used so far: all of its threads, the kernel's work for them included.
pub(crate) fn processor_time(process: &str) -> Result<Duration, Box<dyn Error>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // After the name, which may hold anything, in parentheses.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks = ticks.sum::<Result<u64, _>>()?;
    Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}

fn spawn(folder: &Path, settings: &[(&str, &str)]) -> Result<(Child, Value), Box<dyn Error>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_enlist"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ENLIST_") {
            command.env_remove(name);
        }
    }
    let log = File::options().create(true).append(true).open(folder.join("log"))?;
    let mut child = command
        .args(["serve", "--print-first-keys", "--data-dir"])
        .arg(folder.join("data"))
        .env("ENLIST_LISTEN", "127.0.0.1:0")
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no standard output")?).read_line(&mut line)?;
    let line = serde_json::from_str(&line)
        .map_err(|_| format!("the server did not start: {}", folder.join("log").display()))?;
    Ok((child, line))
}

fn address(line: &Value) -> Result<SocketAddr, Box<dyn Error>> {
    Ok(line["listen"].as_str().ok_or("no address")?.parse()?)
}
