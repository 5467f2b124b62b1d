//! `poprelay teams-manifest`: writes the package of a Teams app, ready to upload: the manifest and two icons in a zip archive.

use super::{CliError, CliResult};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Cursor, Write},
    path::PathBuf,
};
use uuid::Uuid;
use zip::{CompressionMethod, ZipWriter, result::ZipResult, write::SimpleFileOptions};

/// Icon of 192 by 192 pixels.
const COLOR_ICON: &[u8] = include_bytes!("color.png");
/// White icon of 32 by 32 pixels on a transparent ground.
const OUTLINE_ICON: &[u8] = include_bytes!("outline.png");
/// Version of the manifest's schema: the oldest that Microsoft's current tools write.
const MANIFEST_VERSION: &str = "1.16";
/// Most characters in the short name of an app. Source: Microsoft's schema of the manifest.
const MAX_NAME_LENGTH: usize = 30;

/// Arguments of `poprelay teams-manifest`.
#[derive(Debug, clap::Args)]
pub struct TeamsManifestArgs {
    /// Application (client) ID of the app registration
    #[arg(long, value_name = "ID", value_parser = app_id)]
    pub app_id: Uuid,
    /// Name of the app in Teams
    #[arg(long, default_value = "poprelay")]
    pub name: String,
    /// Page about the app, shown in Teams; https
    #[arg(long, value_name = "URL", default_value = env!("CARGO_PKG_REPOSITORY"))]
    pub website: String,
    /// File to write
    #[arg(long, value_name = "PATH", default_value = "poprelay-teams.zip")]
    pub output: PathBuf,
}

fn app_id(text: &str) -> Result<Uuid, &'static str> {
    let expected =
        "expected the Application (client) ID of the app registration, as in 00000000-0000-0000-0000-000000000000";
    Uuid::try_parse(text.trim()).map_err(|_| expected)
}

/// Writes the package.
///
/// # Errors
/// - 64 for a name or page that Teams does not accept.
/// - 70 if the archive cannot be built, 74 if the file or `out` cannot be written.
pub fn run(args: &TeamsManifestArgs, out: &mut impl Write) -> CliResult {
    if !(1..=MAX_NAME_LENGTH).contains(&args.name.trim().chars().count()) {
        return Err(CliError::usage(format!("--name must have 1 to {MAX_NAME_LENGTH} characters")));
    }
    if !args.website.starts_with("https://") {
        return Err(CliError::usage("--website must begin with https://"));
    }
    let archive = archive(&manifest(args)).map_err(|error| CliError::new(70, error))?;
    let path = args.output.display();
    fs::write(&args.output, archive)
        .map_err(|error| CliError::new(74, anyhow::Error::new(error).context(format!("cannot write {path}"))))?;
    writeln!(
        out,
        "{path} is written. Upload it in Teams: the team's ⋯ → Manage team → Apps → Upload an app. Then set the sink's channel \
         to the id in the channel's link, and run: poprelay check --online"
    )
    .map_err(|error| CliError::new(74, error))
}

/// Builds the manifest. The bot only sends: Teams shows no field to write to it.
fn manifest(args: &TeamsManifestArgs) -> Value {
    let (id, name) = (args.app_id.hyphenated().to_string(), args.name.trim());
    json!({
        "$schema":
            format!("https://developer.microsoft.com/json-schemas/teams/v{MANIFEST_VERSION}/MicrosoftTeams.schema.json"),
        "manifestVersion": MANIFEST_VERSION,
        "version": env!("CARGO_PKG_VERSION"),
        "id": id,
        "developer": {
            "name": "poprelay",
            "websiteUrl": args.website,
            "privacyUrl": args.website,
            "termsOfUseUrl": args.website,
        },
        "name": { "short": name, "full": name },
        "description": {
            "short": "Shows who is calling while the phone rings",
            "full": "Posts a card into a channel while a call rings, and edits it as the call is answered, missed or ends. The \
                     cards come from a daemon of your organization, which can also write to the people whose phones ring. The \
                     app reads no messages.",
        },
        "icons": { "color": "color.png", "outline": "outline.png" },
        "accentColor": "#4B53BC",
        "bots": [{ "botId": id, "scopes": ["team", "personal"], "isNotificationOnly": true, "supportsFiles": false }],
    })
}

/// Packs manifest and icons. Stored without compression: they have 4 KB.
fn archive(manifest: &Value) -> ZipResult<Vec<u8>> {
    let manifest = format!("{manifest:#}\n");
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in
        [("manifest.json", manifest.as_bytes()), ("color.png", COLOR_ICON), ("outline.png", OUTLINE_ICON)]
    {
        archive.start_file(name, options)?;
        archive.write_all(content)?;
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use zip::ZipArchive;

    const ID: &str = "6f1c2c7e-8d34-4f57-9f9c-0a1b2c3d4e5f";

    fn args(output: PathBuf) -> TeamsManifestArgs {
        TeamsManifestArgs {
            app_id: ID.parse().unwrap(),
            name: "poprelay".to_owned(),
            website: "https://example.com/calls".to_owned(),
            output,
        }
    }

    fn length(value: &Value) -> usize {
        value.as_str().unwrap().chars().count()
    }

    /// Returns width, height and color type of a PNG: 6 has transparency.
    fn png(bytes: &[u8]) -> (u32, u32, u8) {
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && &bytes[12..16] == b"IHDR" && bytes[24] == 8);
        (number(16), number(20), bytes[25])
    }

    /// Checks the rules of Microsoft's schema for the keys that are used.
    #[test]
    fn manifest_keeps_the_rules_of_the_schema() {
        let manifest = manifest(&args(PathBuf::new()));
        let keys: Vec<&str> = manifest.as_object().unwrap().keys().map(String::as_str).collect();
        let required = ["manifestVersion", "version", "id", "developer", "name", "description", "icons", "accentColor"];
        assert!(required.iter().all(|key| keys.contains(key)), "{keys:?}");
        assert!(keys.iter().all(|key| required.contains(key) || ["$schema", "bots"].contains(key)), "{keys:?}");
        let schema = manifest["$schema"].as_str().unwrap();
        assert!(schema.contains(&format!("/v{}/", manifest["manifestVersion"].as_str().unwrap())), "{schema}");
        let version: Vec<&str> = manifest["version"].as_str().unwrap().split('.').collect();
        assert!(version.len() == 3 && version.iter().all(|part| part.parse::<u32>().is_ok()), "{version:?}");
        assert_eq!((&manifest["id"], &manifest["bots"][0]["botId"]), (&json!(ID), &json!(ID)));
        assert!((1..=32).contains(&length(&manifest["developer"]["name"])));
        for key in ["websiteUrl", "privacyUrl", "termsOfUseUrl"] {
            assert!(manifest["developer"][key].as_str().unwrap().starts_with("https://"));
        }
        assert!(length(&manifest["name"]["short"]) <= 30 && length(&manifest["name"]["full"]) <= 100);
        assert!(length(&manifest["description"]["short"]) <= 80 && length(&manifest["description"]["full"]) <= 4000);
        let color = manifest["accentColor"].as_str().unwrap().strip_prefix('#').unwrap();
        assert!(color.len() == 6 && u32::from_str_radix(color, 16).is_ok());
        // Channels are in teams; direct messages of [people] need the scope personal.
        let bot = json!([{ "botId": ID, "scopes": ["team", "personal"], "isNotificationOnly": true, "supportsFiles": false }]);
        assert_eq!(manifest["bots"], bot);
    }

    #[test]
    fn app_id_of_another_form_names_the_expected_one() {
        assert!(app_id(ID).is_ok());
        assert!(app_id("THE-CLIENT-ID").unwrap_err().contains("Application (client) ID"));
    }

    #[test]
    fn package_has_manifest_and_icons_at_its_root() {
        let dir = tempfile::tempdir().unwrap();
        let args = args(dir.path().join("app.zip"));
        let mut printed = Vec::new();
        run(&args, &mut printed).unwrap();
        assert!(String::from_utf8(printed).unwrap().contains("app.zip is written"));
        let mut archive = ZipArchive::new(fs::File::open(&args.output).unwrap()).unwrap();
        let mut read = |name: &str| {
            let mut bytes = Vec::new();
            archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(serde_json::from_slice::<Value>(&read("manifest.json")).unwrap(), manifest(&args));
        assert_eq!(png(&read("color.png")), (192, 192, 6));
        assert_eq!(png(&read("outline.png")), (32, 32, 6));
        assert_eq!(archive.len(), 3);
    }

    #[test]
    fn name_and_page_that_teams_rejects_are_usage_errors() {
        for (name, website) in
            [("", "https://x.example"), ("n", "http://x.example"), (&"n".repeat(31), "https://x.example")]
        {
            let args = TeamsManifestArgs { name: name.to_owned(), website: website.to_owned(), ..args(PathBuf::new()) };
            assert_eq!(run(&args, &mut Vec::new()).unwrap_err().code, 64);
        }
    }
}
