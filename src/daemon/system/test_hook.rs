//! Test hook of the feature `test-hooks`: stalls a task, so that a test can watch systemd's watchdog restart the daemon.
//! `POPRELAY_TEST_STALL=relay:FILE` stalls the relay at its next event, once for each time FILE exists.

/// Stalls forever if the hook for `name` is set.
pub async fn stall_here(name: &str) {
    let Ok(hook) = std::env::var("POPRELAY_TEST_STALL") else { return };
    if let Some((task, file)) = hook.split_once(':')
        && task == name
        && std::fs::remove_file(file).is_ok()
    {
        std::future::pending().await
    }
}
