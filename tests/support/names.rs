//! The look-up of names of one daemon: files of its own in place of the machine's, in a mount namespace. Where the kernel
//! permits no such namespace, the tests print one line and pass.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Puts the files in place and runs the rest of the arguments ($2…) in this process.
const SCRIPT: &str = r#"dir=$1; shift
mount --bind "$dir/hosts" /etc/hosts && mount --bind "$dir/nsswitch.conf" /etc/nsswitch.conf \
    && mount --bind "$dir/resolv.conf" /etc/resolv.conf && exec "$@""#;

/// How names that `hosts` lacks are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dns {
    /// The name does not exist.
    NoSuchName,
    /// The server fails: as a resolver sees SERVFAIL.
    Fails,
    /// The server never answers.
    Silent,
}

/// Look-up files of a daemon.
pub struct Names(PathBuf);

impl Names {
    /// Creates the files in `dir`. `None` where a process cannot have files of its own.
    pub fn new(dir: &Path, dns: Dns) -> Option<Self> {
        let names = Self(dir.to_owned());
        let (switch, server) = match dns {
            Dns::NoSuchName => ("hosts: files\n", "127.0.0.1"),
            // Nothing listens there: the look-up ends as a temporary failure, as with SERVFAIL.
            Dns::Fails => ("hosts: files dns\n", "127.0.0.1"),
            // TEST-NET-1 is routed nowhere.
            Dns::Silent => ("hosts: files dns\n", "192.0.2.1"),
        };
        fs::write(names.0.join("nsswitch.conf"), switch).unwrap();
        fs::write(names.0.join("resolv.conf"), format!("nameserver {server}\noptions timeout:30 attempts:1\n"))
            .unwrap();
        names.set(&[]);
        let mut probe = names.wrap(Command::new("true"));
        let works = probe.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        if !works {
            eprintln!("not tested: this machine permits no mount namespace");
        }
        works.then_some(names)
    }

    /// Sets the names that are known, all at 127.0.0.1.
    pub fn set(&self, known: &[&str]) {
        // In place: the mount shows this file, not its name.
        fs::write(self.0.join("hosts"), format!("127.0.0.1 localhost {}\n", known.join(" "))).unwrap();
    }

    /// Runs a command with these files.
    pub fn wrap(&self, command: Command) -> Command {
        let mut wrapped = Command::new("unshare");
        wrapped.args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"]).arg(&self.0);
        wrapped.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(key, value),
                None => wrapped.env_remove(key),
            };
        }
        wrapped.stdin(Stdio::null());
        wrapped
    }
}
