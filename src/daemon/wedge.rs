//! A switch for tests: a loop that stands still, so that a real systemd's watchdog can be seen to end and restart the
//! daemon. `POPRELAY_TEST_WEDGE=relay:FILE` wedges the relay at what it hears next, once for each time that FILE is there.
//! A release build has nothing of it.

/// Stands still for good if the switch says so.
#[cfg(debug_assertions)]
pub async fn here(name: &str) {
    let Ok(switch) = std::env::var("POPRELAY_TEST_WEDGE") else { return };
    if let Some((of, file)) = switch.split_once(':')
        && of == name
        && std::fs::remove_file(file).is_ok()
    {
        std::future::pending().await
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub async fn here(_: &str) {}
