//! Task groups that follow the config: one connection per login, one worker per sink, the file watchers. `task_set`
//! decides which tasks start and stop.

pub mod connections;
pub mod file_watch;
pub mod slack_sockets;
pub mod task_set;
pub mod workers;
