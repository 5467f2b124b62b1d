//! The lines of a connection: lanes, fallback, reason, last heartbeat.

use super::*;

#[tokio::test]
async fn status_connection_with_rest_fallback_is_not_down() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let _daemon = state_dir::lock(&config.state_dir).unwrap();
    let fall_back = |status: &mut Status| {
        status.connections.values_mut().for_each(|one| (one.live, one.fallback) = (Default::default(), true));
    };
    write_status(&config, fall_back);
    let (text, failure) = run_status(&config, false);
    assert!(failure.is_none() && text.contains("main: no lane is live, active calls are polled over REST"), "{text}");
    assert_eq!(ready(&config), Ok(()));
    write_status(&config, |status| status.connections.values_mut().for_each(|one| one.live = Default::default()));
    assert_eq!(ready(&config).unwrap_err(), "69 connection main receives no calls");
}

#[tokio::test]
async fn status_connection_silent_for_two_minutes_is_down() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let _daemon = state_dir::lock(&config.state_dir).unwrap();
    let before = Timestamp::now().checked_sub(Duration::from_secs(180)).unwrap();
    outbox(&config).heartbeat(config.connections[0].name.clone(), live_at(before)).await.unwrap();
    let (text, failure) = run_status(&config, false);
    assert!(text.contains("down, last live 3 min ago"), "{text}");
    assert!(failure.unwrap().to_string().contains("connection main is down"));
}

#[tokio::test]
async fn status_of_a_connection_without_a_lane_names_reason_and_advice() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let _daemon = state_dir::lock(&config.state_dir).unwrap();
    let shown = |change: &dyn Fn(&mut ConnectionStatus)| {
        write_status(&config, |status| {
            status.connections.values_mut().for_each(|one| {
                one.live = Default::default();
                change(one);
            });
        });
        let json: Value = serde_json::from_str(&run_status(&config, true).0).unwrap();
        let text = run_status(&config, false).0;
        let line = text.lines().find(|line| line.starts_with("reason  main: ")).unwrap_or_default().to_owned();
        let login = &json["logins"][0];
        let (reason, advice) = (login["reason"].as_str().unwrap_or("-"), login["advice"].as_str().unwrap_or("-"));
        assert!(line.is_empty() || line == format!("reason  main: {reason}. {advice}"), "{line}: {login}");
        line
    };
    let failure = |class| RequestFailure { status: Some(403), ..RequestFailure::new(class) };
    let fault = |status: &mut ConnectionStatus| {
        status.failure = Some(RequestFailure::new(FailureClass::Unreachable(NetworkFault::Dns)));
    };
    assert!(shown(&fault).contains("the name of the host cannot be resolved (DNS). Check this machine's DNS"));
    assert!(shown(&|status| status.failure = Some(failure(FailureClass::Transient))).contains("status 403"));
    let rejected = shown(&|status| status.rejected = Some(failure(FailureClass::Rejected)));
    assert!(rejected.contains("GoTo rejects main") && rejected.contains("super admin"), "{rejected}");
    let login = |advice| shown(&|status| (status.login_required, status.login_problem) = (true, Some(advice)));
    assert!(login(LoginAdvice::RepairClient).contains("client_id or client_secret of main is wrong"));
    assert!(login(LoginAdvice::LogIn).contains("poprelay login --connection main"));
    let live = |status: &mut ConnectionStatus| {
        fault(status);
        status.live = [0].into();
    };
    assert_eq!(shown(&live), "");
}

#[tokio::test]
async fn status_with_a_wrong_local_clock_shows_the_age_of_the_heartbeat() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let _daemon = state_dir::lock(&config.state_dir).unwrap();
    let (learned, offset) = (Now::current(), SignedDuration::from_hours(-2));
    let goto_time = learned.timestamp.checked_add(offset).unwrap();
    outbox(&config).heartbeat(config.connections[0].name.clone(), live_at(goto_time)).await.unwrap();
    let clock = Some(ServerClock { offset, learned });
    write_status(&config, |status| status.connections.values_mut().for_each(|one| one.clock = clock));
    let (text, failure) = run_status(&config, false);
    assert!(text.contains("main: live, last heartbeat 0 s ago") && failure.is_none(), "{text}");
}
