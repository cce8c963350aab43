//! Where the emulated kernel is known to answer otherwise, and why. A case that agrees must not be here.

/// What comes back into an attribute that is too short for it.
const SHORT: &str = "the kernel writes behind the attribute, here into a page that was not there; we have no more than was given";

/// Subject, case, reason.
const KNOWN: &[(&str, &str, &str)] = &[
    ("attrs", "PROG_TEST_RUN, what comes back does not fit", SHORT),
    ("attrs", "MAP_GET_NEXT_ID, what comes back does not fit", SHORT),
];

/// Why a case is known to differ.
pub(crate) fn reason(subject: &str, case: &str) -> Option<&'static str> {
    KNOWN.iter().find(|row| row.0 == subject && row.1 == case).map(|row| row.2)
}
