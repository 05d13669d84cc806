//! File systems of a test's own: small ones, ones that are made read-only, one that hangs on demand; and a process whose system
//! calls fail on demand. Mounting needs root, if only that of a user namespace: `unshare --map-root-user --mount`.

use crate::app::without_settings;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use tempfile::TempDir;

/// A file system in memory.
pub(crate) struct Small {
    folder: TempDir,
}

impl Small {
    /// With these limits: `size=…`, `nr_inodes=…`.
    pub(crate) fn mount(limits: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = format!("mode=755,{limits}");
        run("mount", &["-t", "tmpfs", "-o", &options, "enlist-test", text(folder.path())]);
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn remount(&self, how: &str) {
        run("mount", &["-o", &format!("remount,{how}"), text(self.path())]);
    }

    /// Makes files until there is no inode left; gone when this is removed.
    pub(crate) fn use_up_inodes(&self) -> PathBuf {
        let ballast = self.path().join("ballast");
        fs::create_dir(&ballast).expect("a folder");
        let full = (0..).find_map(|i| fs::write(ballast.join(i.to_string()), "").err());
        assert_eq!(full.expect("an end").kind(), std::io::ErrorKind::StorageFull);
        ballast
    }

    /// Writes until there is no room left; there is again when this is removed.
    pub(crate) fn use_up_room(&self) -> PathBuf {
        let ballast = self.path().join("ballast");
        let mut file = fs::File::create(&ballast).expect("a file");
        let full = loop {
            if let Err(full) = file.write_all(&[1; 1024]) {
                break full;
            }
        };
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        ballast
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        run("umount", &["--lazy", text(self.path())]);
    }
}

/// A file system in user space, whose daemon stops when it is told to: whoever asks it for anything then waits.
pub(crate) struct Hanging {
    folder: TempDir,
    daemon: Child,
}

impl Hanging {
    pub(crate) fn mount() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (below, path) = (folder.path().join("below"), folder.path().join("mounted"));
        for folder in [&below, &path] {
            fs::create_dir(folder).expect("a folder");
        }
        let mut command = without_settings("bindfs");
        command.args(["-f", text(&below), text(&path)]);
        let mut daemon = command.spawn().expect("bindfs, which .ci/run installs");
        let device = |path: &Path| fs::metadata(path).expect("a folder").dev();
        while device(&path) == device(folder.path()) {
            assert!(daemon.try_wait().expect("a child").is_none(), "bindfs could not mount");
            std::thread::yield_now();
        }
        Self { folder, daemon }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    /// From here on everything that is asked of it waits.
    pub(crate) fn hang(&self) {
        kill_process(self.pid(), Signal::STOP).expect("a signal");
        while state(self.pid()) != 'T' {
            std::thread::yield_now();
        }
    }

    /// What waits is done now.
    pub(crate) fn go_on(&self) {
        kill_process(self.pid(), Signal::CONT).expect("a signal");
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.daemon)
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.go_on();
        run("umount", &["--lazy", text(&self.path())]);
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// As in `/proc/PID/stat`: `T` when it is stopped.
pub(crate) fn state(pid: Pid) -> char {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).expect("stat");
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).expect("a state")
}

/// Makes system calls of a running process fail while this lives.
pub(crate) struct Failing {
    strace: Child,
}

impl Failing {
    /// `calls` on this file return `error`, without the kernel having seen them.
    pub(crate) fn start(process: Pid, calls: &str, file: &Path, error: &str) -> Self {
        let process = process.as_raw_nonzero().to_string();
        let inject = format!("inject={calls}:error={error}");
        let mut command = without_settings("strace");
        command.args(["-f", "-o", "/dev/null", "-p", &process, "-e", &inject, "-P", text(file)]);
        let mut strace = command.stderr(Stdio::piped()).spawn().expect("strace");
        let mut said = BufReader::new(strace.stderr.take().expect("standard error")).lines();
        let attached = said.any(|line| line.is_ok_and(|line| line.contains("attached")));
        assert!(attached, "strace could not attach");
        // What it says later nobody reads; it must not wait for a reader either.
        std::thread::spawn(move || said.for_each(drop));
        Self { strace }
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        // It lets go of the process on its way out.
        let _ = kill_process(Pid::from_child(&self.strace), Signal::TERM);
        let _ = self.strace.wait();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

fn run(program: &str, arguments: &[&str]) {
    let status = without_settings(program).args(arguments).status().expect(program);
    assert!(
        status.success(),
        "{program} {arguments:?}: {status}; not root of this mount namespace?"
    );
}
