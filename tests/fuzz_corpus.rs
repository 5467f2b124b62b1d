//! The fuzz targets without a fuzzer: every seed and 200 deterministic mutations of each.

#[path = "fuzz/targets.rs"]
mod targets;

use std::{fs, panic, path::Path};
use targets::TARGETS;

/// Mutations per seed.
const MUTATIONS: u64 = 200;

/// Syntax that formats depend on, inserted by mutations.
const PIECES: [&[u8]; 20] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b",",
    b";",
    b":",
    b"=",
    b"+",
    b"~1",
    b"null",
    b"-1",
    b"99999999999999999999",
    b"\xff\xfe",
    "\u{202E}".as_bytes(),
    b"<!channel>",
];

/// Returns a seed with one to eight changes.
fn mutated(seed: &[u8], rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..rng.u8(1..=8) {
        let at = rng.usize(0..=bytes.len());
        let end = (at + rng.usize(0..=16)).min(bytes.len());
        match rng.u8(0..6) {
            0 => drop(bytes.drain(at..end)),
            1 => bytes.truncate(at.max(1)),
            2 => drop(bytes.splice(at..at, rng.choice(PIECES).unwrap_or_default().iter().copied())),
            3 => {
                let again = bytes.get(at..end).unwrap_or_default().to_vec();
                let to = rng.usize(0..=bytes.len());
                drop(bytes.splice(to..to, again));
            }
            4 => drop(bytes.splice(at..end, rng.choice(PIECES).unwrap_or_default().iter().copied())),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.u8(..)),
        }
    }
    bytes
}

#[test]
fn fuzz_targets_accept_seeds_and_mutations() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds");
    for (name, target) in TARGETS {
        let mut files: Vec<_> = fs::read_dir(seeds.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 2, "{name} needs two seeds");
        for file in files {
            let seed = fs::read(&file).unwrap();
            let mut rng = fastrand::Rng::with_seed(7);
            target(&seed);
            for nth in 0..MUTATIONS {
                let bytes = mutated(&seed, &mut rng);
                let result = panic::catch_unwind(|| target(&bytes));
                assert!(result.is_ok(), "{}, mutation {nth}: {:?}", file.display(), String::from_utf8_lossy(&bytes));
            }
        }
    }
}

#[test]
fn each_fuzz_target_has_a_program_and_seeds() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let listed = |folder: &str| {
        let mut names: Vec<_> = fs::read_dir(fuzz.join(folder)).unwrap().map(|file| file.unwrap().path()).collect();
        names.sort();
        names.iter().filter_map(|path| path.file_stem()?.to_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let mut names: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    assert_eq!((listed("targets"), listed("seeds")), (names.clone(), names));
}
