//! The simulated GoTo: its answers, its faults and its own actions.

use super::*;

impl Simulation {
    /// Returns a random failure of a request, if a fault is drawn.
    pub(super) fn random_failure(&mut self) -> Option<RequestFailure> {
        if !self.fault() {
            return None;
        }
        let status = match self.rng.u8(0..10) {
            0 => return Some(RequestFailure::new(FailureClass::NoToken)),
            1 => return Some(RequestFailure::new(FailureClass::Transient)),
            2 => 409,
            3 => 429,
            4 => 404,
            5 => 403,
            6 => 401,
            7 => 503,
            _ => self.rng.u16(300..600),
        };
        let after = (self.rng.u8(0..4) == 0).then(|| Duration::from_secs(self.rng.u64(0..120)));
        let failure = RequestFailure::new(crate::goto::api::classify(status));
        Some(RequestFailure { status: Some(status), retry_after: after, ..failure })
    }

    fn lifetime(&mut self) -> (Option<i64>, Duration) {
        let stated = if self.fault() {
            [None, Some(0), Some(-7), Some(1), Some(20), Some(600), Some(i64::MAX)][self.rng.usize(0..7)]
        } else {
            Some(1200)
        };
        let real = stated.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| (1..1200).contains(seconds));
        (stated, Duration::from_secs(real.unwrap_or(1200)))
    }

    pub(super) fn created(&mut self) -> Result<Created, RequestFailure> {
        if let Some(failure) = self.random_failure() {
            return Err(failure);
        }
        if self.channels.len() >= 50 {
            return Err(RequestFailure { status: Some(409), ..RequestFailure::new(FailureClass::TooManyChannels) });
        }
        self.created_count += 1;
        let id = ChannelId::try_from(format!("c{}", self.created_count)).unwrap();
        let (stated, lifetime) = self.lifetime();
        self.live_for(&id, lifetime);
        Ok(Created { url: Secret::new(id.as_str()), id, lifetime: stated })
    }

    pub(super) fn subscribed(&mut self, channel: &ChannelId, asked: usize) -> Result<SubscribeResult, RequestFailure> {
        if let Some(failure) = self.random_failure() {
            return Err(failure);
        }
        if !self.channels.contains_key(channel) {
            return Err(RequestFailure { status: Some(404), ..RequestFailure::new(FailureClass::Gone) });
        }
        let mut accepted = SubscribeResult::default();
        for number in 0..asked {
            let account = AccountKey::try_from(number.to_string()).unwrap();
            match (self.fault(), self.rng.bool()) {
                (false, _) => accepted.accepted += 1,
                (true, false) => accepted.retry.push(account),
                (true, true) => accepted.rejected.push(AccountRejection { account, status: 403, code: None }),
            }
        }
        Ok(accepted)
    }

    pub(super) fn renewed(&mut self, channel: &ChannelId, _how: Renew) -> Result<Renewed, RequestFailure> {
        if let Some(failure) = self.random_failure() {
            return Err(failure);
        }
        if self.rng.f64() < self.renewal_fault_rate {
            return Err(RequestFailure::new(FailureClass::Transient));
        }
        let (moved, (stated, lifetime)) = (self.fault(), self.lifetime());
        if !self.channels.contains_key(channel) {
            return Err(RequestFailure { status: Some(404), ..RequestFailure::new(FailureClass::Gone) });
        }
        self.live_for(channel, lifetime);
        let url = moved.then(|| Secret::new(format!("{channel}?{}", self.rng.u8(..))));
        Ok(Renewed { url, lifetime: stated })
    }

    /// Alternates faults for minutes to hours with half a day of calm, long enough for leftover channels to expire.
    pub(super) fn toggle_faults(&mut self) {
        if self.fault_rate > 0.0 {
            self.fault_rate = 0.0;
            self.calm_since = self.now.instant;
            for socket in self.sockets.values_mut() {
                socket.silent = None;
            }
            let long = HOUR * self.rng.u32(8..24);
            self.after(long, SimEvent::FaultPhase);
        } else {
            assert!(
                self.channels.len() <= 2,
                "seed {}: {} channels after a calm phase",
                self.seed,
                self.channels.len()
            );
            assert!(self.sockets.len() <= 2, "seed {}: {} sockets after a calm phase", self.seed, self.sockets.len());
            self.fault_rate = [0.05, 0.3, 0.7, 1.0][self.rng.usize(0..4)];
            let long = Duration::from_secs(self.rng.u64(30..6 * 3600));
            self.after(long, SimEvent::FaultPhase);
        }
    }

    /// Performs a server action: refresh, close, cut, silence. In a calm phase only the announced actions.
    pub(super) fn act_as_server(&mut self) {
        let wait = if self.fault_rate > 0.0 { self.rng.u64(1..40) } else { self.rng.u64(600..6000) };
        self.after(Duration::from_secs(wait), SimEvent::ServerAction);
        let open: Vec<_> = self.sockets.iter().filter(|(_, socket)| socket.open).map(|(ticket, _)| *ticket).collect();
        let Some(ticket) = open.get(self.rng.usize(0..open.len().max(1))).copied() else { return };
        let kinds = if self.fault_rate > 0.0 { 0..6 } else { 0..2 };
        match self.rng.u8(kinds) {
            0 => self.send(Input::RefreshRequired(ticket)),
            1 => self.send(Input::ToBeClosed(ticket)),
            2 => {
                self.sockets.remove(&ticket);
                self.send(Input::Ended(ticket, DisconnectReason::Broken));
            }
            3 => {
                self.sockets.remove(&ticket);
                self.send(Input::Ended(ticket, DisconnectReason::Closed));
            }
            4 => {
                let _ = self.sockets.get_mut(&ticket).unwrap().silent.get_or_insert(self.now.instant);
            }
            _ => (0..50).for_each(|_| {
                self.send(Input::RefreshRequired(ticket));
                self.send(Input::ToBeClosed(ticket));
            }),
        }
    }
}
