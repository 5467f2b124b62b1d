//! The machine around the daemon: log output, systemd notifications, the state directory, the HTTP client.

pub mod log_writer;
pub mod logging;
pub mod sd_notify;
pub mod state_dir;
#[cfg(feature = "test-hooks")]
pub mod test_hook;
