//! Test hook: stalls a task, so that tests can see systemd's watchdog restart the daemon. Compiled out of release
//! builds. `POPRELAY_TEST_WEDGE=relay:FILE` stalls the relay at its next event, once for each time FILE exists.

/// Never completes if the hook for `name` is set.
#[cfg(debug_assertions)]
pub async fn stall_here(name: &str) {
    let Ok(hook) = std::env::var("POPRELAY_TEST_WEDGE") else { return };
    if let Some((task, file)) = hook.split_once(':')
        && task == name
        && std::fs::remove_file(file).is_ok()
    {
        std::future::pending().await
    }
}

/// Does nothing in release builds.
#[cfg(not(debug_assertions))]
pub async fn stall_here(_: &str) {}
