//! Task groups that follow the config: one connection per login, one worker per sink, the file watchers, the ownership of
//! sinks. `task_set` decides which tasks start and stop.

pub mod connections;
pub mod file_watch;
pub mod history;
pub mod ownership;
pub mod slack_sockets;
pub mod task_set;
pub mod workers;
