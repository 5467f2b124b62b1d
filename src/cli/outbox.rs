//! `poprelay outbox`.
