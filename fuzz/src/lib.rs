//! libFuzzer targets for skep.
