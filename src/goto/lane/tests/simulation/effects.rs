//! Executes the effects of the lane and the scheduled events. The simulated GoTo's answers are in `server`.

use super::*;

impl Simulation {
    pub(super) fn apply_effect(&mut self, effect: Effect) {
        if !matches!(effect, Effect::Ping(_) | Effect::Close(_) | Effect::Emit(_)) {
            self.recent.push_back(self.now.instant);
        }
        match effect {
            Effect::Create { ticket, sweep } => {
                if let Some(sweep) = sweep
                    && !self.fault()
                {
                    self.channels.retain(|id, _| sweep.keep.as_ref() == Some(id));
                }
                let answer = self.created();
                self.answer(answer, |answer| Input::Created(ticket, answer));
            }
            Effect::Subscribe { ticket, channel, only } => {
                let answer = self.subscribed(&channel, only.map_or(3, |only| only.len()));
                self.answer(answer, |answer| Input::Subscribed(ticket, answer));
            }
            Effect::Open { ticket, url } => {
                let channel = ChannelId::try_from(url.expose().split('?').next().unwrap()).unwrap();
                match self.random_failure() {
                    Some(failure) => self.answer(Err(failure), |answer| Input::Opened(ticket, answer)),
                    None => {
                        self.sockets.insert(ticket, SimSocket { channel, open: false, silent: None });
                        self.after(Duration::from_millis(90), SimEvent::Connected(ticket));
                    }
                }
            }
            Effect::Ping(ticket) => {
                if self.sockets.get(&ticket).is_some_and(|socket| socket.open && socket.silent.is_none()) {
                    self.send(Input::Frame(ticket));
                }
            }
            Effect::Renew { ticket, channel, how } => {
                let answer = self.renewed(&channel, how);
                self.answer(answer, |answer| Input::Renewed(ticket, answer));
            }
            Effect::Close(ticket) => drop(self.sockets.remove(&ticket)),
            Effect::Delete(channel) => {
                if !self.fault() {
                    self.channels.remove(&channel);
                }
            }
            Effect::Emit(event) => self.on_lane_event(event),
        }
    }

    fn on_lane_event(&mut self, event: LaneEvent) {
        self.emitted.push(event.clone());
        match event {
            LaneEvent::Up => {
                assert!(!self.reported_live, "seed {}: up emitted twice", self.seed);
                self.reported_live = true;
                self.times_live += 1;
            }
            LaneEvent::Down { .. } => {
                assert!(self.reported_live, "seed {}: down emitted twice", self.seed);
                self.reported_live = false;
            }
            LaneEvent::Rejected(_)
            | LaneEvent::Failing(_)
            | LaneEvent::Suspect
            | LaneEvent::EventHole { .. }
            | LaneEvent::ClockJump { .. }
            | LaneEvent::AccountRejected(_)
            | LaneEvent::Subscribed(_) => {}
        }
    }

    /// Schedules an answer soon; under faults late, twice or never.
    fn answer<T: Clone>(
        &mut self,
        answer: Result<T, RequestFailure>,
        wrap: impl Fn(Result<T, RequestFailure>) -> Input,
    ) {
        let soon = Duration::from_millis(self.rng.u64(20..400));
        if !self.fault() {
            return self.after(soon, SimEvent::Answer(wrap(answer)));
        }
        match self.rng.u8(0..4) {
            0 => {}
            1 => {
                let late = Duration::from_secs(self.rng.u64(1..200));
                self.after(late, SimEvent::Answer(wrap(answer)));
            }
            2 => {
                let twice = Duration::from_secs(self.rng.u64(0..90));
                self.after(soon, SimEvent::Answer(wrap(answer.clone())));
                self.after(twice, SimEvent::Answer(wrap(answer)));
            }
            _ => self.after(soon, SimEvent::Answer(wrap(answer))),
        }
    }

    pub(super) fn apply(&mut self, event: SimEvent) {
        match event {
            SimEvent::Answer(input) => self.send(input),
            SimEvent::Connected(ticket) => {
                let Some(socket) = self.sockets.get_mut(&ticket) else { return };
                socket.open = self.channels.contains_key(&socket.channel);
                if socket.open {
                    self.send(Input::Opened(ticket, Ok(())));
                } else {
                    self.sockets.remove(&ticket);
                    let gone = RequestFailure { status: Some(404), ..RequestFailure::new(FailureClass::Gone) };
                    self.send(Input::Opened(ticket, Err(gone)));
                }
            }
            SimEvent::Expire(id) => {
                if self.channels.get(&id).is_some_and(|sim_channel| sim_channel.ends <= self.now.instant) {
                    self.channels.remove(&id);
                    let affected: Vec<_> = self
                        .sockets
                        .iter()
                        .filter(|(_, socket)| socket.channel == id)
                        .map(|(ticket, _)| *ticket)
                        .collect();
                    let calm = self.fault_rate == 0.0 && self.now.instant >= self.calm_since + MAX_RECOVERY;
                    assert!(!calm || affected.is_empty(), "seed {}: {id} renewed too late", self.seed);
                    for ticket in affected {
                        self.sockets.remove(&ticket);
                        self.send(Input::Ended(ticket, DisconnectReason::Closed));
                    }
                }
            }
            SimEvent::RefreshNotice(id, ends) => {
                let is_due = self.channels.get(&id).is_some_and(|sim_channel| sim_channel.ends == ends);
                let open = self.sockets.iter().filter(|(_, socket)| is_due && socket.open && socket.channel == id);
                for ticket in open.map(|(ticket, _)| *ticket).collect::<Vec<_>>() {
                    self.send(Input::RefreshRequired(ticket));
                }
            }
            SimEvent::FaultPhase => self.toggle_faults(),
            SimEvent::ServerAction => self.act_as_server(),
        }
    }
}
