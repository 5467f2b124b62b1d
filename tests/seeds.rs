//! The fuzz targets without a fuzzer: every seed, and some hundred mutations of each that are the same in every run.

#[path = "fuzz/doors.rs"]
mod doors;

use doors::DOORS;
use std::{fs, panic, path::Path};

/// Mutations of one seed.
const MUTATIONS: u64 = 200;

/// What formats hang on; put in where a mutation says so.
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

/// Changes a seed in one to eight places.
fn mutated(seed: &[u8], chance: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..chance.u8(1..=8) {
        let at = chance.usize(0..=bytes.len());
        let end = (at + chance.usize(0..=16)).min(bytes.len());
        match chance.u8(0..6) {
            0 => drop(bytes.drain(at..end)),
            1 => bytes.truncate(at.max(1)),
            2 => drop(bytes.splice(at..at, chance.choice(PIECES).unwrap_or_default().iter().copied())),
            3 => {
                let again = bytes.get(at..end).unwrap_or_default().to_vec();
                let to = chance.usize(0..=bytes.len());
                drop(bytes.splice(to..to, again));
            }
            4 => drop(bytes.splice(at..end, chance.choice(PIECES).unwrap_or_default().iter().copied())),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = chance.u8(..)),
        }
    }
    bytes
}

#[test]
fn every_seed_of_every_fuzz_target_and_its_mutations_hold() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds");
    for (name, door) in DOORS {
        let mut files: Vec<_> = fs::read_dir(seeds.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 2, "{name} has seeds");
        for file in files {
            let seed = fs::read(&file).unwrap();
            let mut chance = fastrand::Rng::with_seed(7);
            door(&seed);
            for nth in 0..MUTATIONS {
                let bytes = mutated(&seed, &mut chance);
                let held = panic::catch_unwind(|| door(&bytes));
                assert!(held.is_ok(), "{}, mutation {nth}: {:?}", file.display(), String::from_utf8_lossy(&bytes));
            }
        }
    }
}

#[test]
fn every_target_has_a_program_and_seeds_of_its_own() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let listed = |folder: &str| {
        let mut names: Vec<_> = fs::read_dir(fuzz.join(folder)).unwrap().map(|file| file.unwrap().path()).collect();
        names.sort();
        names.iter().filter_map(|path| path.file_stem()?.to_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let mut doors: Vec<_> = DOORS.iter().map(|(name, _)| (*name).to_owned()).collect();
    doors.sort();
    assert_eq!((listed("targets"), listed("seeds")), (doors.clone(), doors));
}
