//! `poprelay slack-manifest`: prints the manifest that creates the Slack app.

use super::{CliError, CliResult};
use crate::{
    config,
    deliver::slack_setup::{self, AppFeatures},
};
use clap::Args;
use std::{io::Write, path::Path};

/// Arguments of `poprelay slack-manifest`.
#[derive(Debug, Args)]
pub struct SlackManifestArgs {
    /// Print the address of Slack's page that is filled in with the manifest
    #[arg(long)]
    pub link: bool,
    /// Let the app have buttons; without this option, if a sink of the config has app_token
    #[arg(long)]
    pub buttons: bool,
}

/// Prints the manifest as JSON, or its link, for the features that the config at `path` uses. The config need not be
/// complete: its tokens come from the app.
///
/// # Errors
/// 74 if `out` cannot be written.
pub fn run(args: &SlackManifestArgs, path: &Path, out: &mut impl Write) -> CliResult {
    let features = config::app_features(path);
    let manifest = slack_setup::manifest(AppFeatures { buttons: args.buttons || features.buttons, ..features });
    let text = if args.link { slack_setup::link(&manifest) } else { format!("{manifest:#}") };
    writeln!(out, "{text}").map_err(|error| CliError::new(74, error))
}
