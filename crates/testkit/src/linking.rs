//! Which fixtures are linked with each other, to compare with what libbpf makes of them.

use crate::fixtures;

/// The three files of `fixtures/linked` that make one object.
pub const PARTS: [&str; 3] = ["linked/gate", "linked/rules", "linked/report"];

/// Files of `fixtures/linked` that fit none of these, or not in each order.
pub const CLASHES: [&str; 9] = [
    "linked/clash_declared",
    "linked/clash_function",
    "linked/clash_license",
    "linked/clash_map",
    "linked/clash_map_value",
    "linked/clash_params",
    "linked/clash_pointee",
    "linked/clash_section",
    "linked/clash_variable",
];

/// Lists of fixtures to link, in this order: each alone; the parts in every order and number; what does not fit, with
/// the parts; and the others with the parts and among themselves.
pub fn cases() -> Vec<Vec<String>> {
    let mut cases: Vec<Vec<&str>> = Vec::new();
    let names = fixtures::names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    cases.extend(names.iter().chain(&PARTS).map(|name| vec![*name]));
    for a in PARTS {
        for b in PARTS.into_iter().filter(|b| *b != a) {
            cases.push(vec![a, b]);
            cases.extend(PARTS.into_iter().filter(|c| ![a, b].contains(c)).map(|c| vec![a, b, c]));
        }
    }
    let [gate, rules, report] = PARTS;
    for clash in CLASHES {
        cases.extend([vec![rules, clash], vec![clash, rules], vec![gate, clash], vec![report, clash, gate]]);
    }
    cases.extend(names.iter().map(|name| vec![report, *name]));
    cases.extend(names.windows(2).map(|pair| vec![pair[1], pair[0]]));
    cases.extend(names.windows(5).map(|some| vec![some[0], some[2], some[4]]));
    cases.into_iter().map(|case| case.into_iter().map(str::to_owned).collect()).collect()
}

/// A number for a file's bytes (FNV-1a of 64 bits), to tell two files apart without keeping them.
pub fn fingerprint(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
