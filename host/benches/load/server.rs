//! The real binary as a child, in a folder of its own, and what the system says about it.
//! Refuses to look inside: what it knows it reads from the line of the first start, the tree, the database and `/proc`.

use rusqlite::Connection;
use serde_json::Value;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server that runs.
pub(crate) struct Server {
    folder: PathBuf,
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
}

impl Server {
    /// A first start below `folder`.
    pub(crate) fn first_start(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let (child, line) = spawn(folder)?;
        let key = line["tenant_key"].as_str().ok_or("no key")?.to_owned();
        Ok(Self { folder: folder.to_owned(), child, address: address(&line)?, key })
    }

    /// Stops it, so that the database is one file that can be copied, and starts it again.
    pub(crate) fn restart(mut self, copy_database_to: &Path) -> Result<Self, Box<dyn Error>> {
        self.stop()?;
        fs::copy(self.database_path(), copy_database_to)?;
        let (child, line) = spawn(&self.folder)?;
        (self.child, self.address) = (child, address(&line)?);
        Ok(self)
    }

    pub(crate) fn stop(&mut self) -> Result<(), Box<dyn Error>> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }

    /// Runs a verb that asks it, with the tenant's key.
    pub(crate) fn enlist(&self, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_enlist"));
        command.args(["-t", "default"]).args(arguments);
        command
            .env("ENLIST_SERVER", format!("http://{}", self.address))
            .env("ENLIST_KEY", &self.key);
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

fn spawn(folder: &Path) -> Result<(Child, Value), Box<dyn Error>> {
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
